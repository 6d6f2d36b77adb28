//! The inbox on SQLite.

mod dead;
mod lines;
mod marks;
#[cfg(feature = "conformance")]
mod probe;
mod requests;
mod store;

use std::sync::Arc;

use gozon_core::{Clock, MessageId, SystemClock};
use gozon_sqlx::{Db, Migration, Migrations, Sqlite};
use sqlx::SqliteConnection;
use uuid::Uuid;

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
            Migration {
                version: 3,
                name: "lines",
                sql: include_str!("../../migrations/sqlite/0003_lines.sql"),
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
    hex_list(ids.iter().map(|id| id.0).collect())
}

fn hex_list(ids: std::collections::BTreeSet<Uuid>) -> String {
    let mut list = String::with_capacity(2 + ids.len() * 35);
    list.push('[');
    for (position, id) in ids.iter().enumerate() {
        if position > 0 {
            list.push(',');
        }
        list.push('"');
        list.push_str(&id.simple().to_string());
        list.push('"');
    }
    list.push(']');
    list
}
