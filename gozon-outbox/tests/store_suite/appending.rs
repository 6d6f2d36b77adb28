//! The outbox on SQLite with one fault in what joins the caller's transaction:
//! a database of its own, with other SQL.

use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use gozon_outbox::conformance::Bench;
use gozon_outbox::desk::OutboxDesk;
use gozon_outbox::store::OutboxStore;
use gozon_outbox::{NewRow, OutboxConfig, OutboxDatabase};
use gozon_sqlx::{Database, Db, DbError, Migrations, Sqlite};
use sqlx::{Executor, QueryBuilder, SqliteConnection};

/// What is wrong with the statements.
#[async_trait]
pub(crate) trait Flaw: std::fmt::Debug + Send + Sync + 'static {
    async fn insert(tx: &mut SqliteConnection, rows: &[NewRow]) -> Result<(), DbError> {
        Sqlite::insert(tx, rows).await
    }

    async fn keys_pending(
        tx: &mut SqliteConnection,
        keys: &[String],
        partitions: &[i32],
    ) -> Result<Vec<String>, DbError> {
        Sqlite::keys_pending(tx, keys, partitions).await
    }
}

/// SQLite with a flaw.
#[derive(Debug)]
pub(crate) struct Flawed<F>(PhantomData<F>);

impl<F: Flaw> Database for Flawed<F> {
    type Driver = <Sqlite as Database>::Driver;
    type Tx = <Sqlite as Database>::Tx;
    const NAME: &'static str = Sqlite::NAME;
    const BEGIN: &'static str = Sqlite::BEGIN;
}

#[async_trait]
impl<F: Flaw> OutboxDatabase for Flawed<F> {
    const MIGRATIONS: Migrations = Sqlite::MIGRATIONS;

    fn store(db: Db<Self>) -> Arc<dyn OutboxStore> {
        Sqlite::store(Db::new(db.writer().clone()).with_reader(db.reader().clone()))
    }

    fn desk(db: Db<Self>) -> Arc<dyn OutboxDesk> {
        Sqlite::desk(Db::new(db.writer().clone()).with_reader(db.reader().clone()))
    }

    async fn partitions(tx: &mut SqliteConnection) -> Result<u32, DbError> {
        Sqlite::partitions(tx).await
    }

    async fn insert(tx: &mut SqliteConnection, rows: &[NewRow]) -> Result<(), DbError> {
        F::insert(tx, rows).await
    }

    async fn keys_pending(
        tx: &mut SqliteConnection,
        keys: &[String],
        partitions: &[i32],
    ) -> Result<Vec<String>, DbError> {
        F::keys_pending(tx, keys, partitions).await
    }
}

pub(crate) async fn flawed<F: Flaw>(db: Db<Sqlite>) -> Bench<Flawed<F>> {
    Bench::new(Db::new(db.writer().clone()).with_reader(db.reader().clone())).await
}

/// Payloads end at the first zero, as a C string does.
#[derive(Debug)]
pub(crate) struct CutsAtZero;

#[async_trait]
impl Flaw for CutsAtZero {
    async fn insert(tx: &mut SqliteConnection, rows: &[NewRow]) -> Result<(), DbError> {
        let mut rows = rows.to_vec();
        for row in &mut rows {
            let text = row.data.iter().take_while(|byte| **byte != 0);
            row.data = text.copied().collect::<Bytes>();
        }
        Sqlite::insert(tx, &rows).await
    }
}

/// Keys end where a column of 255 bytes does.
#[derive(Debug)]
pub(crate) struct CutsKeys;

#[async_trait]
impl Flaw for CutsKeys {
    async fn insert(tx: &mut SqliteConnection, rows: &[NewRow]) -> Result<(), DbError> {
        let mut rows = rows.to_vec();
        for key in rows.iter_mut().filter_map(|row| row.key.as_mut()) {
            *key = key.chars().take(255).collect();
        }
        Sqlite::insert(tx, &rows).await
    }
}

/// Numbers in no order of the slice.
#[derive(Debug)]
pub(crate) struct ReversesSlices;

#[async_trait]
impl Flaw for ReversesSlices {
    async fn insert(tx: &mut SqliteConnection, rows: &[NewRow]) -> Result<(), DbError> {
        let rows: Vec<_> = rows.iter().rev().cloned().collect();
        Sqlite::insert(tx, &rows).await
    }
}

/// The messages are not the caller's transaction's.
#[derive(Debug)]
pub(crate) struct CommitsByItself;

#[async_trait]
impl Flaw for CommitsByItself {
    async fn insert(tx: &mut SqliteConnection, rows: &[NewRow]) -> Result<(), DbError> {
        Sqlite::insert(tx, rows).await?;
        tx.execute("COMMIT").await?;
        tx.execute("BEGIN IMMEDIATE").await?;
        Ok(())
    }
}

/// One parameter per value: a large transaction does not fit.
#[derive(Debug)]
pub(crate) struct BindsEveryValue;

#[async_trait]
impl Flaw for BindsEveryValue {
    async fn insert(tx: &mut SqliteConnection, rows: &[NewRow]) -> Result<(), DbError> {
        let mut insert = QueryBuilder::new(
            "INSERT INTO gozon_outbox
                 (created_at, message_id, partition, key, kind, attributes, data) ",
        );
        insert.push_values(rows, |mut values, row| {
            values
                .push_bind(0)
                .push_bind(row.id)
                .push_bind(row.partition)
                .push_bind(&row.key)
                .push_bind(&row.kind)
                .push_bind(&row.attributes)
                .push_bind(&row.data[..]);
        });
        insert.build().execute(tx).await?;
        Ok(())
    }
}

/// The number of a deleted message is given out again: AUTOINCREMENT was
/// forgotten.
#[derive(Debug)]
pub(crate) struct ReusesNumbers;

#[async_trait]
impl Flaw for ReusesNumbers {
    async fn insert(tx: &mut SqliteConnection, rows: &[NewRow]) -> Result<(), DbError> {
        tx.execute("DELETE FROM sqlite_sequence WHERE name = 'gozon_outbox'")
            .await?;
        Sqlite::insert(tx, rows).await
    }
}

/// A delayed message is not pending.
#[derive(Debug)]
pub(crate) struct ForgetsTheDelayed;

#[async_trait]
impl Flaw for ForgetsTheDelayed {
    async fn keys_pending(
        tx: &mut SqliteConnection,
        keys: &[String],
        _partitions: &[i32],
    ) -> Result<Vec<String>, DbError> {
        let mut pending: Vec<String> =
            sqlx::query_scalar("SELECT key FROM gozon_outbox WHERE state <> 'delayed'")
                .fetch_all(tx)
                .await?;
        pending.retain(|key| keys.contains(key));
        Ok(pending)
    }
}

/// Looks at the first messages of the outbox and takes them for all.
#[derive(Debug)]
pub(crate) struct AsksTheFirst;

#[async_trait]
impl Flaw for AsksTheFirst {
    async fn keys_pending(
        tx: &mut SqliteConnection,
        keys: &[String],
        _partitions: &[i32],
    ) -> Result<Vec<String>, DbError> {
        let mut pending: Vec<String> = sqlx::query_scalar(
            "SELECT DISTINCT key FROM (SELECT key FROM gozon_outbox ORDER BY seq LIMIT 1000)",
        )
        .fetch_all(tx)
        .await?;
        pending.retain(|key| keys.contains(key));
        Ok(pending)
    }
}

/// Takes every key for pending as soon as there is anything.
#[derive(Debug)]
pub(crate) struct NeverSaysNo;

#[async_trait]
impl Flaw for NeverSaysNo {
    async fn keys_pending(
        tx: &mut SqliteConnection,
        keys: &[String],
        _partitions: &[i32],
    ) -> Result<Vec<String>, DbError> {
        let any: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM gozon_outbox)")
            .fetch_one(tx)
            .await?;
        Ok(keys.iter().filter(|_| any).cloned().collect())
    }
}

/// An outbox that takes what no broker takes.
pub(crate) fn without_a_limit(bench: Bench<Sqlite>) -> Bench<Sqlite> {
    let config = OutboxConfig {
        max_payload_bytes: usize::MAX,
        ..OutboxConfig::default()
    };
    let outbox = gozon_outbox::Outbox::new(bench.db.clone(), config).unwrap();
    Bench { outbox, ..bench }
}
