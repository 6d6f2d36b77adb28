//! The inbox on PostgreSQL 15 or later.

mod dead;
mod lines;
mod marks;
#[cfg(feature = "conformance")]
mod probe;
mod requests;
mod store;

use std::sync::Arc;

use gozon_sqlx::{Db, Migration, Migrations, Postgres};
use sqlx::PgConnection;

use crate::database::InboxDatabase;
use crate::store::{InboxStore, Marks, RequestStore};

impl InboxDatabase for Postgres {
    const MIGRATIONS: Migrations = Migrations {
        history_table: "gozon_inbox_migrations",
        steps: &[
            Migration {
                version: 1,
                name: "inbox",
                sql: include_str!("../../migrations/postgres/0001_inbox.sql"),
            },
            Migration {
                version: 2,
                name: "decisions",
                sql: include_str!("../../migrations/postgres/0002_decisions.sql"),
            },
            Migration {
                version: 3,
                name: "lines",
                sql: include_str!("../../migrations/postgres/0003_lines.sql"),
            },
        ],
    };

    fn marks() -> Arc<dyn Marks<PgConnection>> {
        Arc::new(marks::PostgresMarks)
    }

    fn request_store() -> Arc<dyn RequestStore<PgConnection>> {
        Arc::new(requests::PostgresRequests)
    }

    fn inbox_store(db: &Db<Self>) -> Arc<dyn InboxStore> {
        Arc::new(store::PostgresStore::new(db.clone()))
    }
}
