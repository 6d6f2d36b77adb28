//! What `verify` reports.

use serde::Serialize;

use crate::{AccountId, Asset, TransferId};

/// What `verify` found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Accounts that were checked.
    pub accounts: u64,
    /// Entries that were checked.
    pub entries: u64,
    /// Transfers that were checked.
    pub transfers: u64,
    /// What does not agree; empty is the only good answer.
    pub findings: Vec<Finding>,
    /// There are more findings than were collected.
    pub truncated: bool,
}

impl Report {
    /// Everything agrees.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Something in the books does not agree with something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Finding {
    /// Over all accounts of the asset, debits and credits differ.
    AssetUnbalanced {
        /// Which.
        asset: Asset,
        /// Sum of all debits.
        debits: String,
        /// Sum of all credits.
        credits: String,
    },
    /// The transfer's legs do not balance in some asset, or are fewer than two;
    /// or there are some where there should be none.
    TransferUnbalanced {
        /// Which.
        transfer: TransferId,
    },
    /// The transfer, as it now stands, is not what was asked for.
    HashMismatch {
        /// Which.
        transfer: TransferId,
    },
    /// The account's entries are not numbered 1, 2, 3, … up to its version.
    VersionGap {
        /// Which account.
        account: AccountId,
        /// The number that should come next.
        expected: i64,
        /// The number that does; at the end, one above the account's version.
        found: i64,
    },
    /// The running balance is not the one before plus the amount.
    BalanceBroken {
        /// Which account.
        account: AccountId,
        /// At which entry.
        version: i64,
        /// What the entry says.
        found: i64,
    },
    /// The account's counters are not the sums of its entries.
    CountersDiffer {
        /// Which account.
        account: AccountId,
    },
    /// What is available is below the floor, or what is expected above the
    /// ceiling.
    LimitBroken {
        /// Which account.
        account: AccountId,
        /// What it holds.
        balance: i64,
    },
    /// The account is closed, and holds something or awaits something.
    ClosedWithBalance {
        /// Which account.
        account: AccountId,
        /// What it holds.
        balance: i64,
    },
    /// The entry is not later than the one before it.
    TimeBroken {
        /// Which account.
        account: AccountId,
        /// At which entry.
        version: i64,
    },
    /// The account's reservations are not numbered 1, 2, 3, … up to their
    /// number.
    ReservationGap {
        /// Which account.
        account: AccountId,
        /// The number that should come next.
        expected: i64,
        /// The number that does; at the end, one above the account's number.
        found: i64,
    },
    /// What is pending is not what was pending before plus the change.
    PendingBroken {
        /// Which account.
        account: AccountId,
        /// At which reservation.
        number: i64,
    },
    /// The account's pending counters are not the sums of its reservations.
    PendingDiffer {
        /// Which account.
        account: AccountId,
    },
    /// What the transfer resolves or takes back does not exist, or is nothing
    /// that can be.
    NothingFollowed {
        /// The resolution or reversal.
        transfer: TransferId,
        /// What it names.
        named: TransferId,
    },
    /// The hold was resolved more than once.
    ResolvedTwice {
        /// Which.
        hold: TransferId,
    },
    /// The resolution posts more than was held, or releases something else, or
    /// came at the wrong time.
    ResolutionBroken {
        /// Which.
        transfer: TransferId,
    },
    /// More of the transfer was taken back than it moved.
    OverReversed {
        /// The transfer that was taken back.
        transfer: TransferId,
    },
    /// The hold is listed as open and is not, or the other way round, or with
    /// another expiry.
    OpenHoldBroken {
        /// Which.
        hold: TransferId,
    },
    /// The account or transfer of the entry or reservation does not exist, or
    /// the transfer has another time.
    StrayEntry {
        /// The account it names.
        account: AccountId,
        /// Its number.
        version: i64,
        /// The transfer it names.
        transfer: TransferId,
    },
}

impl Finding {
    /// One word for logs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::AssetUnbalanced { .. } => "asset_unbalanced",
            Self::TransferUnbalanced { .. } => "transfer_unbalanced",
            Self::HashMismatch { .. } => "hash_mismatch",
            Self::VersionGap { .. } => "version_gap",
            Self::BalanceBroken { .. } => "balance_broken",
            Self::CountersDiffer { .. } => "counters_differ",
            Self::LimitBroken { .. } => "limit_broken",
            Self::ClosedWithBalance { .. } => "closed_with_balance",
            Self::TimeBroken { .. } => "time_broken",
            Self::ReservationGap { .. } => "reservation_gap",
            Self::PendingBroken { .. } => "pending_broken",
            Self::PendingDiffer { .. } => "pending_differ",
            Self::NothingFollowed { .. } => "nothing_followed",
            Self::ResolvedTwice { .. } => "resolved_twice",
            Self::ResolutionBroken { .. } => "resolution_broken",
            Self::OverReversed { .. } => "over_reversed",
            Self::OpenHoldBroken { .. } => "open_hold_broken",
            Self::StrayEntry { .. } => "stray_entry",
        }
    }
}
