use std::collections::HashSet;

use async_trait::async_trait;
use gozon_events::Reason;
use gozon_inbox::InboxDatabase;
use gozon_ledger::LedgerDatabase;
use gozon_outbox::OutboxDatabase;
use gozon_sqlx::{DbError, Migrations};
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
    async fn claim(tx: &mut Self::Tx, decisions: &[Decision]) -> Result<HashSet<Uuid>, DbError>;

    /// Turns claims of this transaction into refusals.
    async fn refuse(tx: &mut Self::Tx, refused: &[(Uuid, Reason)]) -> Result<(), DbError>;

    /// The decisions that stand for these orders.
    async fn decisions(tx: &mut Self::Tx, orders: &[Uuid]) -> Result<Vec<Decision>, DbError>;
}

/// Why the order was refused; `None` if it was paid.
pub(crate) fn refused(reason: Option<String>) -> Result<Option<Reason>, DbError> {
    reason
        .map(|text| Reason::from_text(&text).ok_or_else(|| unreadable("reason", &text)))
        .transpose()
}

/// A stored value that no version of this service wrote.
pub(crate) fn unreadable(column: &str, value: &str) -> DbError {
    DbError::Sqlx(sqlx::Error::Decode(
        format!("payments.{column} holds `{value}`").into(),
    ))
}
