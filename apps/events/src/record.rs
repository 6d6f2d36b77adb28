use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

/// What payments wrote down while it decided: for whoever shows the journey of
/// an order. It travels in the result, so that nobody has to ask for it.
///
/// Nothing that an order becomes depends on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionRecord {
    /// When the `order_created` that was decided was handed to the broker, as
    /// far as it says so.
    #[serde(
        with = "time::serde::rfc3339::option",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub published_at: Option<OffsetDateTime>,
    /// When payments received it; `None` for what an older version decided.
    #[serde(
        with = "time::serde::rfc3339::option",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub received_at: Option<OffsetDateTime>,
    /// When payments decided.
    #[serde(with = "time::serde::rfc3339")]
    pub decided_at: OffsetDateTime,
    /// What was booked; `None` if the order was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer: Option<BookedTransfer>,
}

/// The transfer that paid an order, as the one who paid may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookedTransfer {
    /// Its id in the ledger.
    pub id: Uuid,
    /// One for each account that it moved.
    pub entries: Vec<BookedEntry>,
}

/// What a transfer did to one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookedEntry {
    /// Whose account.
    pub kind: AccountKind,
    /// The user's id, or what the shop calls the account.
    pub name: String,
    /// Minor units; negative when money left the account.
    pub amount: i64,
    /// What the account held after it: of the payer's own account alone, and
    /// only where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balance: Option<i64>,
}

/// Whose account it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountKind {
    /// A user's.
    User,
    /// The shop's own.
    Shop,
}

impl AccountKind {
    /// As it is written in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Shop => "shop",
        }
    }
}
