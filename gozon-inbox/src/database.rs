use std::fmt;
use std::sync::Arc;

use gozon_sqlx::{Database, Db, Migrations};

use crate::store::{InboxStore, Marks, RequestStore};

/// A database that an inbox runs on: where its adapters come from.
///
/// What is asked of an adapter (order, locks, concurrency, errors) stands at its
/// contract: [`Marks`], [`RequestStore`], [`InboxStore`]. They hold no state, so that
/// each call may make a new one.
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

/// What an inbox works with. Made by [`Adapters::of`]; make it by hand to put
/// something of your own around one of them.
pub struct Adapters<D: Database> {
    /// The marks, in the transaction of the effect.
    pub marks: Arc<dyn Marks<D::Tx>>,
    /// The keys of HTTP requests, in the transaction of the business.
    pub requests: Arc<dyn RequestStore<D::Tx>>,
    /// What joins no transaction.
    pub store: Arc<dyn InboxStore>,
}

impl<D: InboxDatabase> Adapters<D> {
    /// The database's own.
    pub fn of(db: &Db<D>) -> Self {
        Self {
            marks: D::marks(),
            requests: D::request_store(),
            store: D::inbox_store(db),
        }
    }
}

impl<D: Database> Clone for Adapters<D> {
    fn clone(&self) -> Self {
        Self {
            marks: Arc::clone(&self.marks),
            requests: Arc::clone(&self.requests),
            store: Arc::clone(&self.store),
        }
    }
}

impl<D: Database> fmt::Debug for Adapters<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adapters").finish_non_exhaustive()
    }
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
