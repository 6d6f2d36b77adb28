use time::OffsetDateTime;

use crate::{AccountId, Asset, Balance, Side, TransferId};

/// A movement of money that happens as a whole or not at all.
///
/// Its debits equal its credits, per asset. Two legs are the common case; a
/// price and its fee are three.
///
/// ```
/// use gozon_ledger::{AccountId, Asset, Transfer, TransferId};
/// use uuid::Uuid;
///
/// let rub = Asset::new("RUB")?;
/// let user = AccountId(Uuid::new_v5(&Uuid::NAMESPACE_OID, b"user 1"));
/// let revenue = AccountId(Uuid::new_v5(&Uuid::NAMESPACE_OID, b"revenue"));
/// let order = Uuid::now_v7();
///
/// let payment = Transfer::new(TransferId(Uuid::new_v5(&order, b"payment")), "payment")
///     .debit(user, &rub, 24_90)
///     .credit(revenue, &rub, 24_90)
///     .with_reference(order.to_string());
/// # assert_eq!(payment.legs.len(), 2);
/// # Ok::<(), gozon_ledger::InvalidAsset>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Chosen by the caller: the same id never moves money twice.
    pub id: TransferId,
    /// What kind of movement, in the application's words (`payment`, `topup`):
    /// 1–64 bytes.
    pub code: String,
    /// The business fact behind it, such as an order id, for people and
    /// statements: up to 255 bytes. Default empty, which for what follows on
    /// another transfer (a resolution, a reversal) means the other's reference.
    pub reference: String,
    /// Whatever else belongs to it, as JSON text, kept byte by byte and never
    /// read by the ledger. Default empty.
    pub metadata: String,
    /// What goes where; the order has no meaning. An account appears at most
    /// once. None, for what follows on another transfer, means all of that.
    pub legs: Vec<Leg>,
    /// What it does with them. Default [`Kind::Single`].
    pub kind: Kind,
}

/// What a [`Transfer`] does.
///
/// ```mermaid
/// stateDiagram-v2
///     [*] --> held: Pending
///     held --> posted: Post, before it expires
///     held --> voided: Void, before it expires
///     held --> expired: Expire, afterwards
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Moves its legs at once.
    Single,
    /// A hold: reserves its legs and moves nothing. What it takes is no longer
    /// available, and there stays room for what it gives, until the hold is
    /// resolved, once and as a whole: by `Post`, `Void` or `Expire`.
    Pending {
        /// From this moment on it can no longer be posted, only expire. To the
        /// microsecond. `None`: it waits for ever.
        expires_at: Option<OffsetDateTime>,
    },
    /// Resolves a hold by moving its legs, or the part of them that the legs
    /// given here say: the same accounts and sides, each at most what is held,
    /// balanced. The rest is released. Limits do not refuse it: they were asked
    /// when the hold was placed.
    Post {
        /// Which.
        hold: TransferId,
    },
    /// Resolves a hold by releasing all of it. Has no legs.
    Void {
        /// Which.
        hold: TransferId,
    },
    /// Resolves a hold whose time is over by releasing all of it. Has no legs.
    /// [`Ledger::expire_due`](crate::Ledger::expire_due) does this for you.
    Expire {
        /// Which.
        hold: TransferId,
    },
    /// Takes a `Single` or a `Post` back, or the part of it that the legs given
    /// here say: the same accounts on the other side, balanced. All reversals
    /// of one transfer together take back at most what it moved, leg by leg. A
    /// reversal is final: what took too much back is moved again by a transfer
    /// of its own, not by reversing the reversal.
    Reversal {
        /// Which.
        original: TransferId,
    },
}

impl Kind {
    /// How the store writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Pending { .. } => "pending",
            Self::Post { .. } => "post",
            Self::Void { .. } => "void",
            Self::Expire { .. } => "expire",
            Self::Reversal { .. } => "reversal",
        }
    }

    /// The hold that it resolves.
    pub const fn hold(self) -> Option<TransferId> {
        match self {
            Self::Post { hold } | Self::Void { hold } | Self::Expire { hold } => Some(hold),
            Self::Single | Self::Pending { .. } | Self::Reversal { .. } => None,
        }
    }

    /// The transfer that it takes back.
    pub const fn original(self) -> Option<TransferId> {
        match self {
            Self::Reversal { original } => Some(original),
            Self::Single
            | Self::Pending { .. }
            | Self::Post { .. }
            | Self::Void { .. }
            | Self::Expire { .. } => None,
        }
    }

    /// The transfer that it follows on: a hold, or what it takes back.
    pub const fn named(self) -> Option<TransferId> {
        match self.hold() {
            Some(hold) => Some(hold),
            None => self.original(),
        }
    }

    /// When the hold expires that it places.
    pub const fn expires_at(self) -> Option<OffsetDateTime> {
        match self {
            Self::Pending { expires_at } => expires_at,
            Self::Single
            | Self::Post { .. }
            | Self::Void { .. }
            | Self::Expire { .. }
            | Self::Reversal { .. } => None,
        }
    }
}

/// One account's part of a [`Transfer`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leg {
    /// Whose.
    pub account: AccountId,
    /// Debit or credit.
    pub side: Side,
    /// What the caller takes the account to count; another asset is refused.
    pub asset: Asset,
    /// Minor units, above 0.
    pub amount: i64,
}

impl Leg {
    /// The leg that made an entry of `amount`, in the account's normal direction.
    pub fn of_entry(account: AccountId, normal: Side, asset: Asset, amount: i64) -> Self {
        Self {
            account,
            side: if amount > 0 {
                normal
            } else {
                normal.opposite()
            },
            asset,
            // Only a forged amount can saturate; its hash then does not match.
            amount: amount.saturating_abs(),
        }
    }

    /// The leg of a hold that reserved so much.
    pub fn of_reservation(account: AccountId, asset: Asset, debits: i64, credits: i64) -> Self {
        let (side, amount) = if debits == 0 {
            (Side::Credit, credits)
        } else {
            (Side::Debit, debits)
        };
        Self {
            account,
            side,
            asset,
            amount,
        }
    }
}

impl Transfer {
    /// A transfer without legs; add at least two.
    pub fn new(id: TransferId, code: impl Into<String>) -> Self {
        Self {
            id,
            code: code.into(),
            reference: String::new(),
            metadata: String::new(),
            legs: Vec::with_capacity(2),
            kind: Kind::Single,
        }
    }

    /// Makes it a hold, to be resolved before `expires_at` or, if `None`, at
    /// any time. See [`Kind::Pending`].
    #[must_use]
    pub fn pending(self, expires_at: Option<OffsetDateTime>) -> Self {
        self.of_kind(Kind::Pending { expires_at })
    }

    /// Makes it post this hold: as a whole without legs, else the part that
    /// they say. See [`Kind::Post`].
    #[must_use]
    pub fn posting(self, hold: TransferId) -> Self {
        self.of_kind(Kind::Post { hold })
    }

    /// Makes it release this hold. See [`Kind::Void`].
    #[must_use]
    pub fn voiding(self, hold: TransferId) -> Self {
        self.of_kind(Kind::Void { hold })
    }

    /// Makes it release this hold, whose time is over. See [`Kind::Expire`].
    #[must_use]
    pub fn expiring(self, hold: TransferId) -> Self {
        self.of_kind(Kind::Expire { hold })
    }

    /// Makes it take this transfer back: as a whole without legs, else the part
    /// that they say. See [`Kind::Reversal`].
    #[must_use]
    pub fn reversing(self, original: TransferId) -> Self {
        self.of_kind(Kind::Reversal { original })
    }

    fn of_kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// Adds a debit: takes from a credit-normal account.
    #[must_use]
    pub fn debit(self, account: AccountId, asset: &Asset, amount: i64) -> Self {
        self.leg(account, Side::Debit, asset, amount)
    }

    /// Adds a credit: gives to a credit-normal account.
    #[must_use]
    pub fn credit(self, account: AccountId, asset: &Asset, amount: i64) -> Self {
        self.leg(account, Side::Credit, asset, amount)
    }

    /// Names the business fact behind the transfer.
    #[must_use]
    pub fn with_reference(self, reference: impl Into<String>) -> Self {
        Self {
            reference: reference.into(),
            ..self
        }
    }

    /// Attaches JSON text.
    #[must_use]
    pub fn with_metadata(self, metadata: impl Into<String>) -> Self {
        Self {
            metadata: metadata.into(),
            ..self
        }
    }

    fn leg(mut self, account: AccountId, side: Side, asset: &Asset, amount: i64) -> Self {
        self.legs.push(Leg {
            account,
            side,
            asset: asset.clone(),
            amount,
        });
        self
    }
}

/// A transfer stands in the books: it moved money, or it reserved or released
/// it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// It stood there before this call; nothing was moved now.
    pub replayed: bool,
    /// What each account held right after this transfer, in the order of the
    /// legs; for a replay, what it held *then*. A resolution answers for all
    /// accounts of its hold; those for which it has no leg come last, by id.
    pub balances: Vec<(AccountId, Balance)>,
    /// When it was recorded; rises with each account's version.
    pub recorded_at: OffsetDateTime,
}

impl Posted {
    /// What `account` held right after the transfer; `None` if it is not in it.
    pub fn balance_of(&self, account: AccountId) -> Option<Balance> {
        let found = self.balances.iter().find(|(id, _)| *id == account);
        found.map(|(_, balance)| *balance)
    }
}

/// One line of an account's statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Whose.
    pub account: AccountId,
    /// The account's entries are numbered 1, 2, 3, …; the cursor for paging.
    pub version: i64,
    /// The transfer that made it.
    pub transfer: TransferId,
    /// The transfer's code.
    pub code: String,
    /// The transfer's reference.
    pub reference: String,
    /// The transfer's metadata.
    pub metadata: String,
    /// Minor units in the account's normal direction: what made it grow is
    /// positive.
    pub amount: i64,
    /// What the account held after it.
    pub balance: i64,
    /// When; rises with the version.
    pub recorded_at: OffsetDateTime,
}
