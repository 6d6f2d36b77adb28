use gozon_core::ErrorClass;
use gozon_sqlx::{DbError, violated_constraint};

use crate::{AccountId, Asset, ChangeError, Side, TransferId};

/// One transfer was refused. It wrote nothing, and its neighbours in the batch
/// are not touched by it.
///
/// A refusal is not remembered: the same transfer may be posted again and
/// succeed, for instance when there is money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// The id is taken by a transfer with other content.
    #[error("transfer {transfer} exists with other {differs}")]
    IdConflict {
        /// The id.
        transfer: TransferId,
        /// The first part that differs: `kind`, `hold`, `original`, `expiry`,
        /// `code`, `reference`, `metadata` or `legs`.
        differs: &'static str,
    },
    /// The account would go below its floor.
    #[error("account {account} can give {available}, {needed} is needed")]
    InsufficientFunds {
        /// Which account.
        account: AccountId,
        /// What it can give, in minor units: what holds reserve it cannot.
        available: i64,
        /// What the transfer takes.
        needed: i64,
    },
    /// The account would go above its ceiling.
    #[error("account {account} can take {room}, {amount} is too much")]
    LimitExceeded {
        /// Which account.
        account: AccountId,
        /// What it can still take, in minor units: what holds announce is
        /// taken already.
        room: i64,
        /// What the transfer gives.
        amount: i64,
    },
    /// No such account.
    #[error("no account {account}")]
    AccountNotFound {
        /// Which.
        account: AccountId,
    },
    /// The account counts something else.
    #[error("account {account} counts {actual}, not {given}")]
    AssetMismatch {
        /// Which account.
        account: AccountId,
        /// What it counts.
        actual: Asset,
        /// What the leg says.
        given: Asset,
    },
    /// The account refuses legs on this side for the time being.
    #[error("account {account} is frozen for {}s", side.as_str())]
    AccountFrozen {
        /// Which account.
        account: AccountId,
        /// The leg's side.
        side: Side,
    },
    /// The account refuses everything, for ever.
    #[error("account {account} is closed")]
    AccountClosed {
        /// Which.
        account: AccountId,
    },
    /// A leg's amount is zero or negative.
    #[error("amount {amount} of account {account} is not above zero")]
    NonPositiveAmount {
        /// Whose leg.
        account: AccountId,
        /// The amount.
        amount: i64,
    },
    /// Two legs name the same account.
    #[error("account {account} appears twice")]
    SameAccount {
        /// Which.
        account: AccountId,
    },
    /// Debits and credits differ.
    #[error("{asset} does not balance: debits {debits}, credits {credits}")]
    Unbalanced {
        /// In which asset.
        asset: Asset,
        /// Sum of the debits.
        debits: i128,
        /// Sum of the credits.
        credits: i128,
    },
    /// Fewer than two legs, or more than the ledger's `max_legs`.
    #[error("{legs} legs; 2 to {limit} are possible")]
    LegCount {
        /// How many it has.
        legs: usize,
        /// The limit.
        limit: usize,
    },
    /// The sum of all debits, or of all credits, would leave the range of `i64`.
    #[error("the counters of account {account} are exhausted")]
    AmountOverflow {
        /// Of which account.
        account: AccountId,
    },
    /// `code` is empty, a text is too long, or it holds a NUL character.
    #[error("{field}: {min} to {max} bytes without NUL")]
    InvalidText {
        /// `code`, `reference` or `metadata`.
        field: &'static str,
        /// Bytes at least.
        min: usize,
        /// Bytes at most.
        max: usize,
    },
    /// Nothing is held under this id.
    #[error("no hold {hold}")]
    HoldNotFound {
        /// The id.
        hold: TransferId,
    },
    /// The hold was posted, by another transfer than this.
    #[error("hold {hold} was posted already")]
    HoldAlreadyPosted {
        /// Which.
        hold: TransferId,
    },
    /// The hold was released, by another transfer than this.
    #[error("hold {hold} was voided already")]
    HoldAlreadyVoided {
        /// Which.
        hold: TransferId,
    },
    /// The hold's time is over, also if its money was not returned yet; or a
    /// hold that is being placed would be over at once.
    #[error("hold {hold} has expired")]
    HoldExpired {
        /// Which.
        hold: TransferId,
    },
    /// The hold's time is not over.
    #[error("hold {hold} has not expired")]
    HoldNotExpired {
        /// Which.
        hold: TransferId,
    },
    /// More than is held would be posted.
    #[error("{held} of account {account} is held, {amount} is too much")]
    ExceedsHold {
        /// Which account.
        account: AccountId,
        /// What is held of it, on this side and in this asset.
        held: i64,
        /// What would be posted.
        amount: i64,
    },
    /// A transfer of a kind that takes no legs came with legs.
    #[error("{legs} legs where none can be")]
    UnexpectedLegs {
        /// How many.
        legs: usize,
    },
    /// There is nothing to take back under this id.
    #[error("no transfer {transfer}")]
    TransferNotFound {
        /// The id.
        transfer: TransferId,
    },
    /// The transfer moved nothing, or is a reversal itself.
    #[error("transfer {transfer} is of the kind {kind}, which cannot be reversed")]
    NotReversible {
        /// Which.
        transfer: TransferId,
        /// Its kind.
        kind: &'static str,
    },
    /// All of the transfer was taken back before.
    #[error("transfer {transfer} was reversed already")]
    AlreadyReversed {
        /// Which.
        transfer: TransferId,
    },
    /// More would be taken back than is left of the transfer.
    #[error("{left} of account {account} can be taken back, {amount} is too much")]
    ExceedsOriginal {
        /// Which account.
        account: AccountId,
        /// What the transfer moved less what was taken back before.
        left: i64,
        /// What would be taken back.
        amount: i64,
    },
}

impl PostError {
    /// What the caller can do.
    pub fn class(&self) -> ErrorClass {
        match self {
            // What the world asked for cannot be done. An id is often derived
            // from something that a client chose, so a conflict is theirs.
            Self::IdConflict { .. }
            | Self::InsufficientFunds { .. }
            | Self::LimitExceeded { .. }
            | Self::AccountNotFound { .. }
            | Self::AccountFrozen { .. }
            | Self::AccountClosed { .. }
            | Self::AmountOverflow { .. }
            | Self::HoldNotFound { .. }
            | Self::HoldAlreadyPosted { .. }
            | Self::HoldAlreadyVoided { .. }
            | Self::HoldExpired { .. }
            | Self::ExceedsHold { .. }
            | Self::TransferNotFound { .. }
            | Self::NotReversible { .. }
            | Self::AlreadyReversed { .. }
            | Self::ExceedsOriginal { .. } => ErrorClass::Reject,
            // Its hour has not come.
            Self::HoldNotExpired { .. } => ErrorClass::Retry,
            // The program that built the transfer is wrong.
            Self::AssetMismatch { .. }
            | Self::NonPositiveAmount { .. }
            | Self::SameAccount { .. }
            | Self::Unbalanced { .. }
            | Self::LegCount { .. }
            | Self::UnexpectedLegs { .. }
            | Self::InvalidText { .. } => ErrorClass::Bug,
        }
    }

    /// One word for logs and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::IdConflict { .. } => "id_conflict",
            Self::InsufficientFunds { .. } => "insufficient_funds",
            Self::LimitExceeded { .. } => "limit_exceeded",
            Self::AccountNotFound { .. } => "account_not_found",
            Self::AssetMismatch { .. } => "asset_mismatch",
            Self::AccountFrozen { .. } => "account_frozen",
            Self::AccountClosed { .. } => "account_closed",
            Self::NonPositiveAmount { .. } => "non_positive_amount",
            Self::SameAccount { .. } => "same_account",
            Self::Unbalanced { .. } => "unbalanced",
            Self::LegCount { .. } => "leg_count",
            Self::AmountOverflow { .. } => "amount_overflow",
            Self::InvalidText { .. } => "invalid_text",
            Self::HoldNotFound { .. } => "hold_not_found",
            Self::HoldAlreadyPosted { .. } => "hold_already_posted",
            Self::HoldAlreadyVoided { .. } => "hold_already_voided",
            Self::HoldExpired { .. } => "hold_expired",
            Self::HoldNotExpired { .. } => "hold_not_expired",
            Self::ExceedsHold { .. } => "exceeds_hold",
            Self::UnexpectedLegs { .. } => "unexpected_legs",
            Self::TransferNotFound { .. } => "transfer_not_found",
            Self::NotReversible { .. } => "not_reversible",
            Self::AlreadyReversed { .. } => "already_reversed",
            Self::ExceedsOriginal { .. } => "exceeds_original",
        }
    }
}

/// A call failed as a whole. Roll the transaction back.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Another transaction was in the way: a deadlock, a serialization failure,
    /// or the same transfer id at the same moment. Repeat the transaction.
    #[error("another transaction was in the way: {0}")]
    Contention(#[source] DbError),
    /// A transfer that the batch follows on was recorded while the batch waited
    /// for its locks, so that its accounts are not among them. Repeat the
    /// transaction.
    #[error("transfer {transfer} was recorded while this batch was locking its accounts")]
    Overtaken {
        /// Which.
        transfer: TransferId,
    },
    /// The database refused what the rules had allowed. The transaction is
    /// lost, the books are whole; find out why before repeating.
    #[error("the database guard refused the write: {0}")]
    Guarded(#[source] DbError),
    /// More transfers in one call than the ledger's `max_batch`.
    #[error("{transfers} transfers in one call, more than the limit of {limit}")]
    BatchTooLarge {
        /// How many came.
        transfers: usize,
        /// The limit.
        limit: usize,
    },
    /// The account exists and is another one.
    #[error("account {account} exists with another {differs}")]
    AccountConflict {
        /// Which.
        account: AccountId,
        /// `asset`, `normal side` or `code`.
        differs: &'static str,
    },
    /// The account cannot be opened like this.
    #[error("account {account}: {reason}")]
    InvalidAccount {
        /// Which.
        account: AccountId,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An operator's change was refused; nothing was written.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// A row is in a state that only a newer version of the program knows.
    #[error("account {account} has the status `{status}`, which this version does not know")]
    UnknownStatus {
        /// Which.
        account: AccountId,
        /// What the row says.
        status: String,
    },
    /// A row cannot be what the ledger wrote. Run `verify`.
    #[error("the stored ledger contradicts itself: {0}")]
    Corrupt(String),
}

impl LedgerError {
    /// What the caller can do.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Db(error) => error.class(),
            // A newer instance of a rolling upgrade will know the status.
            Self::Contention(_) | Self::Overtaken { .. } | Self::UnknownStatus { .. } => {
                ErrorClass::Retry
            }
            Self::AccountConflict { .. } => ErrorClass::Reject,
            Self::Change(refused) => refused.class(),
            Self::Guarded(_)
            | Self::BatchTooLarge { .. }
            | Self::InvalidAccount { .. }
            | Self::Corrupt(_) => ErrorClass::Bug,
        }
    }
}

impl From<sqlx::Error> for LedgerError {
    fn from(error: sqlx::Error) -> Self {
        let database = error.as_database_error();
        // Two transactions brought the same new id at the same moment, with
        // accounts so different that no account lock held one of them back.
        // The one that comes later finds the id when it repeats. A second
        // resolution of a hold is kept off by the locks of the hold's accounts;
        // the index is there for those who do not take them.
        let same_id = matches!(
            violated_constraint(&error),
            Some("gozon_ledger_transfers_pkey" | "gozon_ledger_transfers_pending")
        );
        let conflict = database
            .and_then(|error| error.code())
            .is_some_and(|code| matches!(code.as_ref(), "40001" | "40P01"));
        let guarded = database.is_some_and(|error| error.is_check_violation());
        let error = DbError::from(error);
        if same_id || conflict {
            Self::Contention(error)
        } else if guarded {
            Self::Guarded(error)
        } else {
            Self::Db(error)
        }
    }
}
