//! The outbox on PostgreSQL with one fault at a time: those that only several
//! writers at once can show.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gozon_outbox::conformance::Bench;
use gozon_outbox::desk::OutboxDesk;
use gozon_outbox::store::{
    Decided, Failure, Kept, KeptFrom, KindStats, Lease, Leases, MemberId, Membership, OutboxStats,
    OutboxStore, Read, Row,
};
use gozon_outbox::{NewRow, OutboxDatabase};
use gozon_sqlx::postgres::Postgres;
use gozon_sqlx::{Database, Db, DbError, Migrations};
use sqlx::PgConnection;

/// What is wrong with the append.
#[async_trait]
pub(crate) trait Flaw: std::fmt::Debug + Send + Sync + 'static {
    async fn insert(tx: &mut PgConnection, rows: &[NewRow]) -> Result<(), DbError>;
}

/// PostgreSQL with a flaw.
#[derive(Debug)]
pub(crate) struct Flawed<F>(PhantomData<F>);

impl<F: Flaw> Database for Flawed<F> {
    type Driver = <Postgres as Database>::Driver;
    type Tx = <Postgres as Database>::Tx;
    const NAME: &'static str = Postgres::NAME;
    const BEGIN: &'static str = Postgres::BEGIN;
}

#[async_trait]
impl<F: Flaw> OutboxDatabase for Flawed<F> {
    const MIGRATIONS: Migrations = Postgres::MIGRATIONS;

    fn store(db: Db<Self>) -> Arc<dyn OutboxStore> {
        Postgres::store(Db::new(db.writer().clone()))
    }

    fn desk(db: Db<Self>) -> Arc<dyn OutboxDesk> {
        Postgres::desk(Db::new(db.writer().clone()))
    }

    async fn partitions(tx: &mut PgConnection) -> Result<u32, DbError> {
        Postgres::partitions(tx).await
    }

    async fn insert(tx: &mut PgConnection, rows: &[NewRow]) -> Result<(), DbError> {
        F::insert(tx, rows).await
    }

    async fn keys_pending(
        tx: &mut PgConnection,
        keys: &[String],
        partitions: &[i32],
    ) -> Result<Vec<String>, DbError> {
        Postgres::keys_pending(tx, keys, partitions).await
    }
}

pub(crate) async fn flawed<F: Flaw>(db: Db<Postgres>) -> Bench<Flawed<F>> {
    Bench::new(Db::new(db.writer().clone())).await
}

/// Nothing is wrong: what catches this one catches the wrapper.
#[derive(Debug)]
pub(crate) struct Sound;

#[async_trait]
impl Flaw for Sound {
    async fn insert(tx: &mut PgConnection, rows: &[NewRow]) -> Result<(), DbError> {
        Postgres::insert(tx, rows).await
    }
}

/// Locks the key when the numbers are drawn already.
#[derive(Debug)]
pub(crate) struct NumbersBeforeItLocks;

#[async_trait]
impl Flaw for NumbersBeforeItLocks {
    async fn insert(tx: &mut PgConnection, rows: &[NewRow]) -> Result<(), DbError> {
        insert_unlocked(tx, rows).await?;
        lock(tx, rows).await
    }
}

/// The lock is a value of the row: the number, a value before it, is drawn
/// before the lock is waited for.
#[derive(Debug)]
pub(crate) struct LocksInValues;

#[async_trait]
impl Flaw for LocksInValues {
    async fn insert(tx: &mut PgConnection, rows: &[NewRow]) -> Result<(), DbError> {
        for row in rows {
            sqlx::query(
                "INSERT INTO gozon_outbox (partition, key, message_id, kind, attributes, data)
                 VALUES (
                     $1 + length(pg_advisory_xact_lock(1735360111, hashtext($2) % 1024)::text),
                     $2, $3, $4, $5, $6
                 )",
            )
            .bind(row.partition)
            .bind(&row.key)
            .bind(row.id)
            .bind(&row.kind)
            .bind(&row.attributes)
            .bind(&row.data[..])
            .execute(&mut *tx)
            .await?;
        }
        Ok(())
    }
}

/// Nothing reads the CTE that locks, so PostgreSQL leaves it out.
#[derive(Debug)]
pub(crate) struct LocksInAnUnreadCte;

#[async_trait]
impl Flaw for LocksInAnUnreadCte {
    async fn insert(tx: &mut PgConnection, rows: &[NewRow]) -> Result<(), DbError> {
        for row in rows {
            sqlx::query(
                "WITH locks AS (
                     SELECT pg_advisory_xact_lock(1735360111, hashtext($2) % 1024)
                 )
                 INSERT INTO gozon_outbox (partition, key, message_id, kind, attributes, data)
                 SELECT $1, $2, $3, $4, $5, $6",
            )
            .bind(row.partition)
            .bind(&row.key)
            .bind(row.id)
            .bind(&row.kind)
            .bind(&row.attributes)
            .bind(&row.data[..])
            .execute(&mut *tx)
            .await?;
        }
        Ok(())
    }
}

/// Locks in the order of the slice: two transactions wait for each other.
#[derive(Debug)]
pub(crate) struct LocksInTheSlicesOrder;

#[async_trait]
impl Flaw for LocksInTheSlicesOrder {
    async fn insert(tx: &mut PgConnection, rows: &[NewRow]) -> Result<(), DbError> {
        for row in rows {
            lock(tx, std::slice::from_ref(row)).await?;
        }
        insert_unlocked(tx, rows).await
    }
}

async fn lock(tx: &mut PgConnection, rows: &[NewRow]) -> Result<(), DbError> {
    let keys: Vec<_> = rows.iter().filter_map(|row| row.key.as_deref()).collect();
    sqlx::query("SELECT pg_advisory_xact_lock(1735360111, hashtext(key) % 1024) FROM unnest($1::text[]) AS keys (key)")
        .bind(keys)
        .execute(tx)
        .await?;
    Ok(())
}

/// As the sound append does, with nothing to lock.
async fn insert_unlocked(tx: &mut PgConnection, rows: &[NewRow]) -> Result<(), DbError> {
    let keyless: Vec<_> = rows
        .iter()
        .map(|row| NewRow {
            key: None,
            ..row.clone()
        })
        .collect();
    Postgres::insert(tx, &keyless).await?;
    for row in rows {
        sqlx::query("UPDATE gozon_outbox SET key = $2 WHERE message_id = $1")
            .bind(row.id)
            .bind(&row.key)
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

/// What a promotion keeps while it waits for a key.
#[derive(Clone, Copy)]
pub(crate) enum Keeps {
    /// As it should.
    Nothing,
    Leases,
    /// All before it, because it takes one after the other.
    Stripes,
}

pub(crate) fn promoting(bench: Bench<Postgres>, keeps: Keeps) -> Bench<Postgres> {
    let store = PromotesUnderLock {
        inner: Arc::clone(&bench.store),
        db: bench.db.clone(),
        keeps,
    };
    Bench {
        store: Arc::new(store),
        ..bench
    }
}

struct PromotesUnderLock {
    inner: Arc<dyn OutboxStore>,
    db: Db<Postgres>,
    keeps: Keeps,
}

impl PromotesUnderLock {
    async fn promote(&self, leases: &Leases, max: u32) -> Result<u64, DbError> {
        let keep = match self.keeps {
            Keeps::Nothing => return self.inner.promote(leases, max).await,
            Keeps::Leases => "SELECT partition FROM gozon_outbox_leases FOR SHARE",
            Keeps::Stripes => {
                "SELECT pg_advisory_xact_lock(1735360111, n) FROM generate_series(0, 1023) AS n"
            }
        };
        let mut tx = self.db.begin().await?;
        sqlx::query(keep).execute(&mut *tx).await?;
        if matches!(self.keeps, Keeps::Stripes) {
            // In its own transaction they would be free.
            tx.commit().await?;
            return self.inner.promote(leases, max).await;
        }
        let mut promoted = self.inner.promote(leases, max).await?;
        while promoted == 0 {
            promoted = self.inner.promote(leases, max).await?;
        }
        tx.commit().await?;
        Ok(promoted)
    }
}

macro_rules! forward {
    ($($name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl OutboxStore for PromotesUnderLock {
            $(async fn $name(&self, $($arg: $type),*) -> Result<$answer, DbError> {
                self.inner.$name($($arg),*).await
            })*

            async fn promote(&self, leases: &Leases, max: u32) -> Result<u64, DbError> {
                Self::promote(self, leases, max).await
            }
        }
    };
}

forward! {
    partitions() -> u32;
    heartbeat(member: MemberId, term: Duration, alone: bool) -> Membership;
    renew(member: MemberId, term: Duration) -> Vec<Lease>;
    acquire(member: MemberId, term: Duration, max: u32, alone: bool) -> Vec<Lease>;
    free() -> u32;
    release(leases: &Leases) -> ();
    leave(member: MemberId) -> ();
    kept(from: &[KeptFrom], limit: u32) -> Vec<Kept>;
    read(read: &Read) -> Vec<Row>;
    fetch(seqs: &[i64]) -> Vec<Row>;
    delete(seqs: &[i64]) -> ();
    archive(seqs: &[i64]) -> ();
    trim(age: Duration, max: u32) -> u64;
    decided(after: Option<i64>, limit: u32) -> Decided;
    hold(leases: &Leases, failures: &[Failure]) -> Vec<i32>;
    sweep(leases: &Leases, keys: &[String]) -> ();
    unhold(leases: &Leases, keys: &[String]) -> Vec<i32>;
    stats() -> OutboxStats;
    kinds() -> Vec<KindStats>;
}
