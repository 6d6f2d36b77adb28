use std::sync::Arc;

use gozon_sqlx::{Database, Db, Migrations};

use crate::store::{InboxStore, Marks, RequestStore};

/// A database that an inbox runs on: where its adapters come from.
pub trait InboxDatabase: Database {
    /// The inbox's tables.
    const MIGRATIONS: Migrations;

    /// What joins a transaction of the consumer.
    fn marks() -> Arc<dyn Marks<Self::Tx>>;

    /// What joins a transaction of an HTTP request.
    fn request_store() -> Arc<dyn RequestStore<Self::Tx>>;

    /// What joins no transaction.
    fn inbox_store(db: &Db<Self>) -> Arc<dyn InboxStore>;
}

/// Microseconds, the unit in which stores speak of time.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) fn micros(time: std::time::Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

/// Attempts as they stand in the table.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) fn attempts_from(stored: i64) -> u32 {
    u32::try_from(stored).unwrap_or(u32::MAX)
}
