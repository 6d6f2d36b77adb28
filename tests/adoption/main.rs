//! What an adopter brings: pools, transactions and ways to apply a schema.

// Test code outside of `#[test]` functions: what fails here fails a test.
#![allow(clippy::unwrap_used)]

mod schema;
mod starts;
mod transactions;

use gozon_sqlx::{Db, Postgres, Sqlite};
use gozon_tests::servers::postgres_database;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{PgPool, SqlitePool};

/// A pool as sqlx's own documentation builds it, nothing of ours.
async fn own_postgres_pool() -> anyhow::Result<PgPool> {
    Ok(PgPool::connect(&postgres_database().await?).await?)
}

/// One connection, as `Db::new` asks for; the folder goes with the test.
async fn own_sqlite_pool() -> anyhow::Result<(SqlitePool, tempfile::TempDir)> {
    let folder = tempfile::tempdir()?;
    let file = SqliteConnectOptions::new()
        .filename(folder.path().join("own.db"))
        .create_if_missing(true);
    let pool = SqlitePoolOptions::new().max_connections(1);
    Ok((pool.connect_with(file).await?, folder))
}

fn postgres(pool: &PgPool) -> Db<Postgres> {
    Db::new(pool.clone())
}

fn sqlite(pool: &SqlitePool) -> Db<Sqlite> {
    Db::new(pool.clone())
}
