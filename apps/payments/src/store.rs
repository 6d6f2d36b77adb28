use std::collections::HashSet;

use async_trait::async_trait;
use gozon_events::Reason;
use gozon_inbox::InboxDatabase;
use gozon_ledger::LedgerDatabase;
use gozon_outbox::OutboxDatabase;
use gozon_sqlx::{DbError, Migrations};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::decision::Decision;

/// The statements of the payments service beside the ledger's, once per
/// database. All of them join the caller's transaction.
#[async_trait]
pub trait PaymentStore: OutboxDatabase + InboxDatabase + LedgerDatabase {
    /// The tables of the service.
    const SCHEMA: Migrations;

    /// Claims the right to decide: writes each decision as paid unless the order
    /// has one, and returns the orders that had none. Waits for transactions
    /// that are deciding the same orders.
    async fn claim(
        tx: &mut Self::Tx,
        decisions: &[Decision],
        now: OffsetDateTime,
    ) -> Result<HashSet<Uuid>, DbError>;

    /// Turns claims of this transaction into refusals.
    async fn refuse(tx: &mut Self::Tx, refused: &[(Uuid, Reason)]) -> Result<(), DbError>;

    /// The decisions that stand for these orders.
    async fn decisions(tx: &mut Self::Tx, orders: &[Uuid]) -> Result<Vec<Decision>, DbError>;
}

#[derive(sqlx::FromRow)]
pub(crate) struct DecisionRow {
    order_id: Uuid,
    user_id: String,
    amount: i64,
    reason: Option<String>,
}

impl TryFrom<DecisionRow> for Decision {
    type Error = DbError;

    fn try_from(row: DecisionRow) -> Result<Self, DbError> {
        let refused = row
            .reason
            .map(|text| {
                Reason::from_text(&text).ok_or_else(|| {
                    let found = format!("payments.reason holds `{text}`");
                    DbError::Sqlx(sqlx::Error::Decode(found.into()))
                })
            })
            .transpose()?;
        Ok(Self {
            order_id: row.order_id,
            user_id: row.user_id,
            amount: row.amount,
            refused,
        })
    }
}
