use std::time::Duration;

use async_trait::async_trait;
use gozon_sqlx::{Db, DbError, Postgres};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::append;
use crate::store::{
    Failure, Kept, Lease, Leases, MemberId, OutboxStats, OutboxStore, Read, Row, RowState,
};

const READ: &str = include_str!("sql/read.sql");
const FETCH: &str = include_str!("sql/fetch.sql");
const DELETE: &str = include_str!("sql/delete.sql");
const HOLD: &str = include_str!("sql/hold.sql");
const SWEEP: &str = include_str!("sql/sweep.sql");
const UNHOLD: &str = include_str!("sql/unhold.sql");
const KEPT: &str = include_str!("sql/kept.sql");
const DUE: &str = include_str!("sql/due.sql");
const PROMOTE: &str = include_str!("sql/promote.sql");
const HEARTBEAT: &str = include_str!("sql/heartbeat.sql");
const RENEW: &str = include_str!("sql/renew.sql");
const ACQUIRE: &str = include_str!("sql/acquire.sql");
const FREE: &str = include_str!("sql/free.sql");
const RELEASE: &str = include_str!("sql/release.sql");
const LEAVE: &str = include_str!("sql/leave.sql");
const STATS: &str = include_str!("sql/stats.sql");

/// Every call is one statement, so each is atomic without a transaction.
pub(super) struct PostgresStore {
    db: Db<Postgres>,
}

impl PostgresStore {
    pub(super) fn new(db: Db<Postgres>) -> Self {
        Self { db }
    }
}

#[async_trait]
impl OutboxStore for PostgresStore {
    async fn partitions(&self) -> Result<u32, DbError> {
        append::partitions(self.db.reader()).await
    }

    async fn heartbeat(
        &self,
        member: MemberId,
        term: Duration,
        alone: bool,
    ) -> Result<u32, DbError> {
        let live: i64 = sqlx::query_scalar(HEARTBEAT)
            .bind(member.0)
            .bind(micros(term))
            .bind(alone)
            .fetch_one(self.db.writer())
            .await?;
        Ok(u32::try_from(live).unwrap_or(u32::MAX))
    }

    async fn renew(&self, member: MemberId, term: Duration) -> Result<Vec<Lease>, DbError> {
        let rows = sqlx::query(RENEW)
            .bind(member.0)
            .bind(micros(term))
            .fetch_all(self.db.writer())
            .await?;
        rows.iter().map(lease).collect()
    }

    async fn acquire(
        &self,
        member: MemberId,
        term: Duration,
        max: u32,
        alone: bool,
    ) -> Result<Vec<Lease>, DbError> {
        let rows = sqlx::query(ACQUIRE)
            .bind(member.0)
            .bind(micros(term))
            .bind(i64::from(max))
            .bind(alone)
            .fetch_all(self.db.writer())
            .await?;
        rows.iter().map(lease).collect()
    }

    async fn free(&self) -> Result<u32, DbError> {
        let free: i64 = sqlx::query_scalar(FREE).fetch_one(self.db.reader()).await?;
        Ok(u32::try_from(free).unwrap_or(u32::MAX))
    }

    async fn release(&self, leases: &Leases) -> Result<(), DbError> {
        let (partitions, epochs) = columns(leases);
        sqlx::query(RELEASE)
            .bind(partitions)
            .bind(epochs)
            .bind(leases.member.0)
            .execute(self.db.writer())
            .await?;
        Ok(())
    }

    async fn leave(&self, member: MemberId) -> Result<(), DbError> {
        sqlx::query(LEAVE)
            .bind(member.0)
            .execute(self.db.writer())
            .await?;
        Ok(())
    }

    async fn kept(&self, partitions: &[i32]) -> Result<Vec<Kept>, DbError> {
        let rows = sqlx::query(KEPT)
            .bind(partitions)
            .fetch_all(self.db.reader())
            .await?;
        rows.iter().map(kept).collect()
    }

    async fn read(&self, read: &Read) -> Result<Vec<Row>, DbError> {
        let (partitions, epochs) = columns(&read.leases);
        let rows = sqlx::query(READ)
            .bind(partitions)
            .bind(epochs)
            .bind(read.leases.member.0)
            .bind(&read.skip_keys)
            .bind(&read.skip_seqs)
            .bind(i64::from(read.per_partition))
            .bind(i64::from(read.per_key))
            .bind(i64::from(read.limit))
            .bind(i64::try_from(read.bytes).unwrap_or(i64::MAX))
            .fetch_all(self.db.reader())
            .await?;
        rows.iter().map(row).collect()
    }

    async fn fetch(&self, seqs: &[i64]) -> Result<Vec<Row>, DbError> {
        let rows = sqlx::query(FETCH)
            .bind(seqs)
            .fetch_all(self.db.reader())
            .await?;
        rows.iter().map(row).collect()
    }

    async fn delete(&self, seqs: &[i64]) -> Result<(), DbError> {
        sqlx::query(DELETE)
            .bind(seqs)
            .execute(self.db.writer())
            .await?;
        Ok(())
    }

    async fn hold(&self, leases: &Leases, failures: &[Failure]) -> Result<Vec<i32>, DbError> {
        let (partitions, epochs) = columns(leases);
        let states = failures.iter().map(|failure| match failure.dead {
            true => RowState::Dead.as_str(),
            false => RowState::Held.as_str(),
        });
        let reasons = failures.iter().map(|failure| failure.reason.as_str());
        let attempts = failures.iter().map(|failure| i32::from(failure.attempted));
        let retries = failures.iter().map(|failure| micros(failure.retry_in));
        Ok(sqlx::query_scalar(HOLD)
            .bind(partitions)
            .bind(epochs)
            .bind(leases.member.0)
            .bind(
                failures
                    .iter()
                    .map(|failure| failure.seq)
                    .collect::<Vec<_>>(),
            )
            .bind(states.collect::<Vec<_>>())
            .bind(reasons.collect::<Vec<_>>())
            .bind(retries.collect::<Vec<_>>())
            .bind(attempts.collect::<Vec<_>>())
            .fetch_all(self.db.writer())
            .await?)
    }

    async fn sweep(&self, leases: &Leases, keys: &[String]) -> Result<(), DbError> {
        let (partitions, epochs) = columns(leases);
        sqlx::query(SWEEP)
            .bind(partitions)
            .bind(epochs)
            .bind(leases.member.0)
            .bind(keys)
            .execute(self.db.writer())
            .await?;
        Ok(())
    }

    async fn unhold(&self, leases: &Leases, keys: &[String]) -> Result<Vec<i32>, DbError> {
        let (partitions, epochs) = columns(leases);
        Ok(sqlx::query_scalar(UNHOLD)
            .bind(partitions)
            .bind(epochs)
            .bind(leases.member.0)
            .bind(keys)
            .fetch_all(self.db.writer())
            .await?)
    }

    async fn promote(&self, leases: &Leases, max: u32) -> Result<u64, DbError> {
        let (partitions, epochs) = columns(leases);
        let due: Vec<(i64, Option<String>)> = sqlx::query_as(DUE)
            .bind(&partitions)
            .bind(&epochs)
            .bind(leases.member.0)
            .bind(i64::from(max))
            .fetch_all(self.db.reader())
            .await?;
        if due.is_empty() {
            return Ok(0);
        }
        let keys = due.iter().filter_map(|(_, key)| key.as_deref());
        let moved = sqlx::query(PROMOTE)
            .bind(&partitions)
            .bind(&epochs)
            .bind(leases.member.0)
            .bind(append::stripes(keys))
            .bind(due.iter().map(|(seq, _)| *seq).collect::<Vec<_>>())
            .execute(self.db.writer())
            .await?;
        Ok(moved.rows_affected())
    }

    async fn stats(&self) -> Result<OutboxStats, DbError> {
        let row = sqlx::query(STATS).fetch_one(self.db.reader()).await?;
        let count = |name| -> Result<u64, DbError> {
            Ok(u64::try_from(row.try_get::<i64, _>(name)?).unwrap_or(0))
        };
        let oldest: Option<i64> = row.try_get("oldest_us")?;
        Ok(OutboxStats {
            pending: count("pending")?,
            held: count("held")?,
            dead: count("dead")?,
            oldest_pending: oldest.map(duration),
        })
    }
}

fn columns(leases: &Leases) -> (Vec<i32>, Vec<i64>) {
    leases
        .held
        .iter()
        .map(|lease| (lease.partition, lease.epoch))
        .unzip()
}

fn lease(row: &PgRow) -> Result<Lease, DbError> {
    Ok(Lease {
        partition: row.try_get("partition")?,
        epoch: row.try_get("epoch")?,
    })
}

fn row(row: &PgRow) -> Result<Row, DbError> {
    Ok(Row {
        seq: row.try_get("seq")?,
        partition: row.try_get("partition")?,
        state: state(row.try_get("state")?)?,
        key: row.try_get("key")?,
        kind: row.try_get("kind")?,
        attempts: u32::try_from(row.try_get::<i32, _>("attempts")?).unwrap_or(0),
        attributes: row.try_get("attributes")?,
        data: row.try_get("data")?,
    })
}

fn kept(row: &PgRow) -> Result<Kept, DbError> {
    Ok(Kept {
        seq: row.try_get("seq")?,
        partition: row.try_get("partition")?,
        key: row.try_get("key")?,
        kind: row.try_get("kind")?,
        dead: state(row.try_get("state")?)? == RowState::Dead,
        attempts: u32::try_from(row.try_get::<i32, _>("attempts")?).unwrap_or(0),
        retry_in: duration(row.try_get("retry_us")?),
    })
}

fn state(text: &str) -> Result<RowState, DbError> {
    RowState::parse(text)
        .ok_or_else(|| DbError::Unsuitable(format!("gozon_outbox has a row in state `{text}`")))
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn duration(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}
