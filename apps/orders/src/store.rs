use std::time::Duration;

use async_trait::async_trait;
use gozon_inbox::InboxDatabase;
use gozon_outbox::OutboxDatabase;
use gozon_sqlx::{Db, DbError, Migrations};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::journey::{Recorded, Settlement};
use crate::order::{Order, Postponed, Unsettled, Verdict};

/// The statements of the orders service, once per database.
///
/// Functions with `tx` join the caller's transaction. Every query by users
/// filters by the user in SQL, not afterwards.
#[async_trait]
pub trait OrderStore: OutboxDatabase + InboxDatabase {
    /// The tables of the service.
    const SCHEMA: Migrations;

    /// Writes a new order, to be looked at by the reconciler after `patience`.
    async fn insert_order(
        tx: &mut Self::Tx,
        order: &Order,
        patience: Duration,
    ) -> Result<(), DbError>;

    /// Settles the orders that are still NEW, each by its verdict, in one
    /// statement that also writes down how, and returns them as they stand now. Orders that settled before are not among them.
    async fn settle(
        tx: &mut Self::Tx,
        verdicts: &[Verdict],
        now: OffsetDateTime,
    ) -> Result<Vec<Order>, DbError>;

    /// The orders with these ids, as this transaction sees them.
    async fn by_ids_in(tx: &mut Self::Tx, ids: &[Uuid]) -> Result<Vec<Order>, DbError>;

    /// Those of the user's orders that have these ids.
    async fn of_user_among(db: &Db<Self>, user: &str, ids: &[Uuid]) -> Result<Vec<Order>, DbError>;

    /// The user's order, if it is one.
    async fn of_user(db: &Db<Self>, user: &str, id: Uuid) -> Result<Option<Order>, DbError>;

    /// The user's order, if it is one, and how it was settled.
    async fn recorded_of_user(
        db: &Db<Self>,
        user: &str,
        id: Uuid,
    ) -> Result<Option<Recorded>, DbError>;

    /// The user's orders, newest first, older than `before`.
    async fn page_of_user(
        db: &Db<Self>,
        user: &str,
        before: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<Order>, DbError>;

    /// Which of the user's newest orders, so many of them, changed since then,
    /// newest first.
    async fn changed_of_user(
        db: &Db<Self>,
        user: &str,
        since: OffsetDateTime,
        among_newest: i64,
    ) -> Result<Vec<Order>, DbError>;

    /// Locks NEW orders whose patience ended, those that no one else works on.
    async fn claim_unsettled(
        tx: &mut Self::Tx,
        now: OffsetDateTime,
        limit: i64,
    ) -> Result<Vec<Unsettled>, DbError>;

    /// Gives each order new patience.
    async fn postpone(tx: &mut Self::Tx, plan: &[Postponed]) -> Result<(), DbError>;

    /// Writes down the currency of the shop unless one is written; returns the
    /// one that is.
    async fn claim_currency(db: &Db<Self>, currency: &str) -> Result<String, DbError>;
}

/// How the verdict came about, as the column keeps it.
pub(crate) fn journey_text(verdict: &Verdict) -> Result<String, DbError> {
    serde_json::to_string(&verdict.settlement)
        .map_err(|error| DbError::Unsuitable(format!("a settlement is not JSON: {error}")))
}

/// What [`journey_text`] wrote.
pub(crate) fn settlement(text: &str) -> Result<Settlement, DbError> {
    serde_json::from_str(text).map_err(|_| unreadable("journey", text))
}

/// A stored value that no version of this service wrote.
pub(crate) fn unreadable(column: &str, value: &str) -> DbError {
    DbError::Sqlx(sqlx::Error::Decode(
        format!("orders.{column} holds `{value}`").into(),
    ))
}
