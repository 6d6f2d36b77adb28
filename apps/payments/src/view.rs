//! Accounts as HTTP shows them.

use gozon_ledger::Entry;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

/// What a user has.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Balance)]
pub(crate) struct BalanceView {
    /// Whose account.
    #[schema(example = "1")]
    pub user_id: String,
    /// Minor units: kopecks, cents. JavaScript reads every balance exactly.
    #[schema(example = 100_000, minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    pub balance: i64,
    /// ISO 4217 code.
    #[schema(example = "RUB")]
    pub currency: String,
}

impl BalanceView {
    /// The balance of `user`.
    pub(crate) fn of(user: &str, balance: i64, currency: &str) -> Self {
        Self {
            user_id: user.to_owned(),
            balance,
            currency: currency.to_owned(),
        }
    }
}

/// One movement on a user's account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Entry)]
pub(crate) struct EntryView {
    /// The transfer in the ledger.
    pub id: Uuid,
    /// `topup` or `payment`.
    #[schema(example = "payment")]
    pub kind: String,
    /// Minor units; negative when money left the account.
    #[schema(example = -4990)]
    pub amount: i64,
    /// What the account held after it.
    #[schema(example = 95_010)]
    pub balance: i64,
    /// The order that was paid.
    pub order_id: Option<String>,
    /// When it was booked.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

impl From<Entry> for EntryView {
    fn from(entry: Entry) -> Self {
        Self {
            id: entry.transfer.0,
            kind: entry.code,
            amount: entry.amount,
            balance: entry.balance,
            order_id: Some(entry.reference).filter(|reference| !reference.is_empty()),
            created_at: entry.recorded_at,
        }
    }
}
