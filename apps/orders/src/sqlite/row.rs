use gozon_events::{OrderStatus, Reason};
use gozon_sqlx::DbError;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::journey::Recorded;
use crate::order::{Order, Unsettled};
use crate::store::{settlement, unreadable};

#[derive(sqlx::FromRow)]
pub(super) struct OrderRow {
    id: Uuid,
    user_id: String,
    amount: i64,
    currency: String,
    description: String,
    status: String,
    reason: Option<String>,
    version: i64,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<OrderRow> for Order {
    type Error = DbError;

    fn try_from(row: OrderRow) -> Result<Self, DbError> {
        Ok(Self {
            id: row.id,
            user_id: row.user_id,
            amount: row.amount,
            currency: row.currency,
            description: row.description,
            status: OrderStatus::from_text(&row.status)
                .ok_or_else(|| unreadable("status", &row.status))?,
            reason: row
                .reason
                .map(|text| Reason::from_text(&text).ok_or_else(|| unreadable("reason", &text)))
                .transpose()?,
            version: row.version,
            created_at: from_micros(row.created_at)?,
            updated_at: from_micros(row.updated_at)?,
        })
    }
}

#[derive(sqlx::FromRow)]
pub(super) struct RecordedRow {
    #[sqlx(flatten)]
    order: OrderRow,
    journey: Option<String>,
}

impl TryFrom<RecordedRow> for Recorded {
    type Error = DbError;

    fn try_from(row: RecordedRow) -> Result<Self, DbError> {
        Ok(Self {
            order: row.order.try_into()?,
            settlement: row.journey.map(|text| settlement(&text)).transpose()?,
        })
    }
}

#[derive(sqlx::FromRow)]
pub(super) struct UnsettledRow {
    #[sqlx(flatten)]
    order: OrderRow,
    reemitted: i32,
}

impl TryFrom<UnsettledRow> for Unsettled {
    type Error = DbError;

    fn try_from(row: UnsettledRow) -> Result<Self, DbError> {
        Ok(Self {
            order: row.order.try_into()?,
            reemitted: u32::try_from(row.reemitted).unwrap_or(0),
        })
    }
}

/// Microseconds since 1970: what SQLite keeps of a time.
pub(super) fn to_micros(time: OffsetDateTime) -> i64 {
    // Every time that a clock shows fits for 292,000 years.
    i64::try_from(time.unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX)
}

fn from_micros(micros: i64) -> Result<OffsetDateTime, DbError> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000)
        .map_err(|_| unreadable("created_at or updated_at", &micros.to_string()))
}
