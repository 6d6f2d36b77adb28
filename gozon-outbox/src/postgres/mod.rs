//! The outbox on PostgreSQL.

mod append;
mod store;

use std::sync::Arc;

use async_trait::async_trait;
use gozon_sqlx::{Db, DbError, Migration, Migrations, Postgres};
use sqlx::PgConnection;

use crate::outbox::{NewRow, OutboxDatabase};
use crate::store::OutboxStore;

#[async_trait]
impl OutboxDatabase for Postgres {
    const MIGRATIONS: Migrations = Migrations {
        history_table: "gozon_outbox_migrations",
        steps: &[Migration {
            version: 1,
            name: "outbox",
            sql: include_str!("../../migrations/postgres/0001_outbox.sql"),
        }],
    };

    fn store(db: Db<Self>) -> Arc<dyn OutboxStore> {
        Arc::new(store::PostgresStore::new(db))
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
