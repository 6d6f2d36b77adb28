use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{AccountId, Asset, Status};

/// One side of the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Left. Debit-normal accounts grow by debits: what we own or are owed.
    Debit,
    /// Right. Credit-normal accounts grow by credits: what we owe or earned.
    Credit,
}

impl Side {
    /// How the store writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debit => "debit",
            Self::Credit => "credit",
        }
    }

    /// Reads what [`Side::as_str`] wrote.
    pub fn from_stored(text: &str) -> Option<Self> {
        match text {
            "debit" => Some(Self::Debit),
            "credit" => Some(Self::Credit),
            _ => None,
        }
    }

    /// The other side.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Debit => Self::Credit,
            Self::Credit => Self::Debit,
        }
    }
}

/// An account to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccount {
    /// Chosen by the caller.
    pub id: AccountId,
    /// What it counts. Never changes.
    pub asset: Asset,
    /// The side that makes it grow. Never changes.
    pub normal: Side,
    /// What kind of account, in the application's words (`user`, `revenue`):
    /// 1–64 bytes.
    pub code: String,
    /// The balance never goes below; at most 0, since accounts open with 0.
    /// `None`: no floor. Default `None`.
    pub floor: Option<i64>,
    /// The balance never goes above; at least 0. `None`: up to what fits in an
    /// `i64`. Default `None`.
    pub ceiling: Option<i64>,
    /// Whatever belongs to the account, as JSON text, kept byte by byte and
    /// never read by the ledger. Default empty.
    pub metadata: String,
}

impl NewAccount {
    /// An account without limits and metadata.
    pub fn new(id: AccountId, asset: Asset, normal: Side, code: impl Into<String>) -> Self {
        Self {
            id,
            asset,
            normal,
            code: code.into(),
            floor: None,
            ceiling: None,
            metadata: String::new(),
        }
    }

    /// Guards the account: its balance never goes below `floor`.
    #[must_use]
    pub fn with_floor(self, floor: i64) -> Self {
        Self {
            floor: Some(floor),
            ..self
        }
    }

    /// The balance never goes above `ceiling`.
    #[must_use]
    pub fn with_ceiling(self, ceiling: i64) -> Self {
        Self {
            ceiling: Some(ceiling),
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
}

/// What opening an account found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// There was none; now it is open, with balance 0.
    Opened,
    /// It was there already, with the same asset, normal side and code.
    /// Nothing was changed; its limits and metadata may differ, and it may be
    /// frozen or closed.
    AlreadyOpen,
}

/// What an account holds after its `version`-th entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Balance {
    /// In minor units, in the account's normal direction.
    pub posted: i64,
    /// What open holds would add to it. Never negative.
    pub incoming: i64,
    /// What open holds would take from it. Never negative.
    pub outgoing: i64,
    /// How many entries the account has. Never goes back. A hold adds none.
    pub version: i64,
}

impl Balance {
    /// What is neither spent nor held for a purpose: `posted` less `outgoing`.
    /// This is what a floor guards.
    pub fn available(&self) -> i64 {
        self.posted.saturating_sub(self.outgoing)
    }

    /// What there would be if everything came that holds announce: `posted`
    /// and `incoming`. This is what a ceiling guards.
    pub fn expected(&self) -> i64 {
        self.posted.saturating_add(self.incoming)
    }
}

/// What the rules need to know of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its name.
    pub id: AccountId,
    /// What it counts.
    pub asset: Asset,
    /// The side that makes it grow.
    pub normal: Side,
    /// Whether it takes part.
    pub status: Status,
    /// The balance never goes below.
    pub floor: Option<i64>,
    /// The balance never goes above.
    pub ceiling: Option<i64>,
    /// Sum of all debits; never negative.
    pub debits: i64,
    /// Sum of all credits; never negative.
    pub credits: i64,
    /// Sum of all debits that open holds reserve; never negative.
    pub pending_debits: i64,
    /// Sum of all credits that open holds reserve; never negative.
    pub pending_credits: i64,
    /// Number of entries.
    pub version: i64,
    /// Number of reservations and releases.
    pub reservations: i64,
    /// When the last transfer of any kind or change by an operator was recorded;
    /// when it was opened if there is none.
    pub changed_at: OffsetDateTime,
}

impl Account {
    /// What it holds now.
    pub fn balance(&self) -> Balance {
        Counters {
            debits: self.debits,
            credits: self.credits,
            pending_debits: self.pending_debits,
            pending_credits: self.pending_credits,
        }
        .balance(self.normal, self.version)
    }
}

/// The four sums of an account.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counters {
    pub(crate) debits: i64,
    pub(crate) credits: i64,
    pub(crate) pending_debits: i64,
    pub(crate) pending_credits: i64,
}

impl Counters {
    pub(crate) fn balance(self, normal: Side, version: i64) -> Balance {
        balance(
            normal,
            // Fits always: neither counter is negative, so their difference
            // lies between `-i64::MAX` and `i64::MAX`.
            match normal {
                Side::Debit => self.debits.saturating_sub(self.credits),
                Side::Credit => self.credits.saturating_sub(self.debits),
            },
            (self.pending_debits, self.pending_credits),
            version,
        )
    }
}

/// A balance from a posted one and the pending debits and credits.
pub(crate) fn balance(normal: Side, posted: i64, pending: (i64, i64), version: i64) -> Balance {
    let (incoming, outgoing) = match normal {
        Side::Debit => pending,
        Side::Credit => (pending.1, pending.0),
    };
    Balance {
        posted,
        incoming,
        outgoing,
        version,
    }
}
