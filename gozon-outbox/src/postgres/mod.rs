//! The outbox on PostgreSQL.

mod append;
mod desk;
mod promote;
mod signal;
mod store;

use std::sync::Arc;

use async_trait::async_trait;
use gozon_sqlx::{Db, DbError, Migration, Migrations, Postgres};
use sqlx::PgConnection;

use crate::desk::OutboxDesk;
use crate::outbox::{NewRow, OutboxDatabase};
use crate::signal::Signals;
use crate::store::OutboxStore;

#[async_trait]
impl OutboxDatabase for Postgres {
    const MIGRATIONS: Migrations = Migrations {
        history_table: "gozon_outbox_migrations",
        steps: &[
            Migration {
                version: 1,
                name: "outbox",
                sql: include_str!("../../migrations/postgres/0001_outbox.sql"),
            },
            Migration {
                version: 2,
                name: "desk",
                sql: include_str!("../../migrations/postgres/0002_desk.sql"),
            },
            Migration {
                version: 3,
                name: "delayed_keys",
                sql: include_str!("../../migrations/postgres/0003_delayed_keys.sql"),
            },
        ],
    };

    fn store(db: Db<Self>) -> Arc<dyn OutboxStore> {
        Arc::new(store::PostgresStore::new(db))
    }

    fn desk(db: Db<Self>) -> Arc<dyn OutboxDesk> {
        Arc::new(desk::PostgresDesk::new(db))
    }

    fn signals(db: Db<Self>) -> Option<Arc<dyn Signals>> {
        Some(Arc::new(signal::PostgresSignals::new(db)))
    }

    async fn partitions(tx: &mut PgConnection) -> Result<u32, DbError> {
        append::partitions(tx).await
    }

    async fn insert(tx: &mut PgConnection, rows: &[NewRow]) -> Result<(), DbError> {
        append::insert(tx, rows).await
    }

    async fn keys_pending(
        tx: &mut PgConnection,
        keys: &[String],
        partitions: &[i32],
    ) -> Result<Vec<String>, DbError> {
        append::keys_pending(tx, keys, partitions).await
    }
}
