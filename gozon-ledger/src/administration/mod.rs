//! What an operator does to an account: freeze, close, limits, metadata.

mod decide;
mod error;
mod ledger;

use serde::Serialize;
use time::OffsetDateTime;

use crate::{Account, AccountId, Asset, Balance, Frozen, Side, Status};

pub(crate) use decide::decide;
pub use error::ChangeError;

/// A change of an account by its operator.
///
/// Repeating a change finds it done and changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountChange {
    /// From now on, transfers with a leg on these sides are refused
    /// ([`crate::PostError::AccountFrozen`]). What is frozen already stays so.
    Freeze(Frozen),
    /// These sides are free again; the other stays as it is.
    Unfreeze(Frozen),
    /// For ever: no transfer touches the account any more
    /// ([`crate::PostError::AccountClosed`]), nor does any other change. Only an
    /// account with balance 0 closes. Repeats of transfers that were posted
    /// before still get their original answers. There is no reopening: open
    /// another account.
    Close,
    /// From now on the balance never goes below; `None` for no floor.
    ///
    /// A floor above the balance is refused, not kept for the future: a limit
    /// that is in force is kept at every moment, and `verify` and the database
    /// hold it to that. To let an account rise to a new floor, freeze its
    /// decrease until it is there.
    Floor(Option<i64>),
    /// From now on the balance never goes above; `None` for no ceiling. A
    /// ceiling below the balance is refused, likewise.
    Ceiling(Option<i64>),
    /// Replaces the metadata, JSON text that the ledger never reads.
    Metadata(String),
}

impl AccountChange {
    /// In one word.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Freeze(_) => "freeze",
            Self::Unfreeze(_) => "unfreeze",
            Self::Close => "close",
            Self::Floor(_) => "floor",
            Self::Ceiling(_) => "ceiling",
            Self::Metadata(_) => "metadata",
        }
    }

    /// What it is changed to, as text; `None` for no limit, and for a close.
    pub fn value(&self) -> Option<String> {
        match self {
            Self::Freeze(sides) | Self::Unfreeze(sides) => Some(sides.as_str().to_owned()),
            Self::Close => None,
            Self::Floor(limit) | Self::Ceiling(limit) => limit.map(|limit| limit.to_string()),
            Self::Metadata(metadata) => Some(metadata.clone()),
        }
    }
}

/// All that is known of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountState {
    /// Its name.
    pub id: AccountId,
    /// What it counts.
    pub asset: Asset,
    /// The side that makes it grow.
    pub normal: Side,
    /// What kind of account.
    pub code: String,
    /// Whether it takes part.
    pub status: Status,
    /// The balance never goes below.
    pub floor: Option<i64>,
    /// The balance never goes above.
    pub ceiling: Option<i64>,
    /// Whatever belongs to it.
    pub metadata: String,
    /// What it holds.
    pub balance: Balance,
    /// When it was opened.
    #[serde(with = "time::serde::rfc3339")]
    pub opened_at: OffsetDateTime,
    /// When its last entry or change was recorded.
    #[serde(with = "time::serde::rfc3339")]
    pub changed_at: OffsetDateTime,
}

/// What a change found and left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// `false`: the account was so already; nothing was changed or recorded.
    pub applied: bool,
    /// The account now.
    pub account: AccountState,
}

/// A change in the account's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecordedChange {
    /// When. Times of changes and entries of one account all differ, and their
    /// order is the order in which they happened.
    #[serde(with = "time::serde::rfc3339")]
    pub changed_at: OffsetDateTime,
    /// See [`AccountChange::kind`]. A newer version of the program may have
    /// written words that this one does not know.
    pub kind: String,
    /// See [`AccountChange::value`].
    pub value: Option<String>,
    /// Why, in the operator's words.
    pub reason: String,
}

/// What a change writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeRow {
    /// The account as it now is.
    pub account: Account,
    /// Its metadata.
    pub metadata: String,
    /// `account.changed_at` before the change; if the row has another one, an
    /// update was lost.
    pub previous_changed_at: OffsetDateTime,
    /// For the history.
    pub recorded: RecordedChange,
}
