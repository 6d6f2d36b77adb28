use serde::Serialize;
use time::OffsetDateTime;

use crate::{AccountId, Asset, Status};

/// One side of the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
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
    /// How many entries the account has. Never goes back.
    pub version: i64,
}

/// What the rules need to know of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// Number of entries.
    pub version: i64,
    /// When the last entry or change by an operator was recorded; when it was
    /// opened if there is none.
    pub changed_at: OffsetDateTime,
}

impl Account {
    /// What it holds now.
    pub fn balance(&self) -> Balance {
        Balance {
            posted: posted(self.normal, self.debits, self.credits),
            version: self.version,
        }
    }
}

/// The balance in the normal direction. Fits always: neither counter is
/// negative, so their difference lies between `-i64::MAX` and `i64::MAX`.
pub(crate) fn posted(normal: Side, debits: i64, credits: i64) -> i64 {
    match normal {
        Side::Debit => debits.saturating_sub(credits),
        Side::Credit => credits.saturating_sub(debits),
    }
}
