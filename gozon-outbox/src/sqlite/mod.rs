//! The outbox on SQLite.

mod append;
mod desk;
mod store;

use std::sync::Arc;

use async_trait::async_trait;
use gozon_sqlx::{Db, DbError, Migration, Migrations, Sqlite};
use sqlx::SqliteConnection;

use crate::desk::OutboxDesk;
use crate::outbox::{NewRow, OutboxDatabase};
use crate::store::OutboxStore;

#[async_trait]
impl OutboxDatabase for Sqlite {
    const MIGRATIONS: Migrations = Migrations {
        history_table: "gozon_outbox_migrations",
        steps: &[
            Migration {
                version: 1,
                name: "outbox",
                sql: include_str!("../../migrations/sqlite/0001_outbox.sql"),
            },
            Migration {
                version: 2,
                name: "desk",
                sql: include_str!("../../migrations/sqlite/0002_desk.sql"),
            },
            Migration {
                version: 3,
                name: "delayed_keys",
                sql: include_str!("../../migrations/sqlite/0003_delayed_keys.sql"),
            },
        ],
    };

    fn store(db: Db<Self>) -> Arc<dyn OutboxStore> {
        Arc::new(store::SqliteStore::new(db))
    }

    fn desk(db: Db<Self>) -> Arc<dyn OutboxDesk> {
        Arc::new(desk::SqliteDesk::new(db))
    }

    async fn partitions(tx: &mut SqliteConnection) -> Result<u32, DbError> {
        append::partitions(tx).await
    }

    async fn insert(tx: &mut SqliteConnection, rows: &[NewRow]) -> Result<(), DbError> {
        append::insert(tx, rows).await
    }

    async fn keys_pending(
        tx: &mut SqliteConnection,
        keys: &[String],
        partitions: &[i32],
    ) -> Result<Vec<String>, DbError> {
        append::keys_pending(tx, keys, partitions).await
    }
}
