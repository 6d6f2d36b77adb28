//! The inbox on SQLite.

mod dead;
mod marks;
#[cfg(feature = "conformance")]
mod probe;
mod requests;
mod store;

use std::sync::Arc;

use gozon_core::{Clock, MessageId, SystemClock};
use gozon_sqlx::{Db, Migration, Migrations, Sqlite};
use sqlx::SqliteConnection;

use crate::database::InboxDatabase;
use crate::store::{InboxStore, Marks, RequestStore};

impl InboxDatabase for Sqlite {
    const MIGRATIONS: Migrations = Migrations {
        history_table: "gozon_inbox_migrations",
        steps: &[
            Migration {
                version: 1,
                name: "inbox",
                sql: include_str!("../../migrations/sqlite/0001_inbox.sql"),
            },
            Migration {
                version: 2,
                name: "decisions",
                sql: include_str!("../../migrations/sqlite/0002_decisions.sql"),
            },
        ],
    };

    fn marks() -> Arc<dyn Marks<SqliteConnection>> {
        Arc::new(marks::SqliteMarks)
    }

    fn request_store() -> Arc<dyn RequestStore<SqliteConnection>> {
        Arc::new(requests::SqliteRequests)
    }

    fn inbox_store(db: &Db<Self>) -> Arc<dyn InboxStore> {
        Arc::new(store::SqliteStore::new(db.clone()))
    }
}

/// The time now as it stands in the tables. An embedded database has one
/// machine and so one clock, which is the process's.
fn now_micros() -> i64 {
    let micros = SystemClock.now().unix_timestamp_nanos() / 1_000;
    i64::try_from(micros).unwrap_or(i64::MAX)
}

/// The ids as a JSON array of hexadecimal text, without repeats.
fn id_list(ids: &[MessageId]) -> String {
    let sorted: std::collections::BTreeSet<_> = ids.iter().copied().collect();
    let mut list = String::with_capacity(2 + sorted.len() * 35);
    list.push('[');
    for (position, id) in sorted.iter().enumerate() {
        if position > 0 {
            list.push(',');
        }
        list.push('"');
        list.push_str(&id.0.simple().to_string());
        list.push('"');
    }
    list.push(']');
    list
}
