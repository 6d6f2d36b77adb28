use std::time::Duration;

use async_trait::async_trait;
use gozon_sqlx::{Db, DbError, Postgres};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::append;
use super::promote::{Turn, promote};
use crate::store::{
    Decided, Failure, Kept, KeptFrom, KindStats, Lease, Leases, MemberId, Membership, OutboxStats,
    OutboxStore, Read, Row, RowState,
};

const READ: &str = include_str!("sql/read.sql");
const FETCH: &str = include_str!("sql/fetch.sql");
const DELETE: &str = include_str!("sql/delete.sql");
const HOLD: &str = include_str!("sql/hold.sql");
const SWEEP: &str = include_str!("sql/sweep.sql");
const SWEEP_BEHIND: &str = include_str!("sql/sweep_behind.sql");
const UNHOLD: &str = include_str!("sql/unhold.sql");
const KEPT: &str = include_str!("sql/kept.sql");
const HEARTBEAT: &str = include_str!("sql/heartbeat.sql");
const RENEW: &str = include_str!("sql/renew.sql");
const ACQUIRE: &str = include_str!("sql/acquire.sql");
const FREE: &str = include_str!("sql/free.sql");
const RELEASE: &str = include_str!("sql/release.sql");
const LEAVE: &str = include_str!("sql/leave.sql");
const ARCHIVE: &str = include_str!("sql/archive.sql");
const TRIM: &str = include_str!("sql/trim.sql");
const DECIDED: &str = include_str!("sql/decided.sql");
const LAST_DECISION: &str = include_str!("sql/last_decision.sql");
const KINDS: &str = include_str!("sql/kinds.sql");
const STATS: &str = include_str!("sql/stats.sql");

/// A century: databases cannot subtract more from the time of day.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Every call but a promotion is one statement, atomic without a transaction.
pub(super) struct PostgresStore {
    db: Db<Postgres>,
    promoting: Turn,
}

impl PostgresStore {
    pub(super) fn new(db: Db<Postgres>) -> Self {
        Self {
            db,
            promoting: Turn::default(),
        }
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
    ) -> Result<Membership, DbError> {
        let (live, rank): (i64, i64) = sqlx::query_as(HEARTBEAT)
            .bind(member.0)
            .bind(micros(term))
            .bind(alone)
            .fetch_one(self.db.writer())
            .await?;
        Ok(Membership {
            live: u32::try_from(live).unwrap_or(u32::MAX),
            rank: u32::try_from(rank).unwrap_or(u32::MAX),
        })
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

    async fn kept(&self, from: &[KeptFrom], limit: u32) -> Result<Vec<Kept>, DbError> {
        let key = |from: &KeptFrom| from.after.as_ref().and_then(|(key, _)| key.clone());
        let single = |from: &KeptFrom| match from.after {
            Some((None, seq)) => Some(seq),
            _ => None,
        };
        let rows = sqlx::query(KEPT)
            .bind(from.iter().map(|from| from.partition).collect::<Vec<_>>())
            .bind(
                from.iter()
                    .map(|from| single(from).is_some())
                    .collect::<Vec<_>>(),
            )
            .bind(from.iter().map(key).collect::<Vec<_>>())
            .bind(
                from.iter()
                    .map(|from| single(from).unwrap_or(i64::MIN))
                    .collect::<Vec<_>>(),
            )
            .bind(i64::from(limit))
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

    async fn archive(&self, seqs: &[i64]) -> Result<(), DbError> {
        sqlx::query(ARCHIVE)
            .bind(seqs)
            .execute(self.db.writer())
            .await?;
        Ok(())
    }

    async fn trim(&self, age: Duration, max: u32) -> Result<u64, DbError> {
        let trimmed = sqlx::query(TRIM)
            .bind(micros(age.min(LONGEST)))
            .bind(i64::from(max))
            .execute(self.db.writer())
            .await?;
        Ok(trimmed.rows_affected())
    }

    async fn decided(&self, after: Option<i64>, limit: u32) -> Result<Decided, DbError> {
        let Some(after) = after else {
            let number = sqlx::query_scalar(LAST_DECISION)
                .fetch_one(self.db.reader())
                .await?;
            return Ok(Decided {
                number,
                messages: Vec::new(),
            });
        };
        let rows: Vec<(i64, i64, Option<String>)> = sqlx::query_as(DECIDED)
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(self.db.reader())
            .await?;
        Ok(Decided {
            number: rows.last().map_or(after, |(number, ..)| *number),
            messages: rows.into_iter().map(|(_, seq, key)| (seq, key)).collect(),
        })
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
        let sweep = match keys.is_empty() {
            true => sqlx::query(SWEEP_BEHIND),
            false => sqlx::query(SWEEP),
        };
        let mut sweep = sweep.bind(partitions).bind(epochs).bind(leases.member.0);
        if !keys.is_empty() {
            sweep = sweep.bind(keys);
        }
        sweep.execute(self.db.writer()).await?;
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
        promote(&self.db, &self.promoting, leases, max).await
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

    async fn kinds(&self) -> Result<Vec<KindStats>, DbError> {
        let rows: Vec<(String, i64, Option<i64>)> =
            sqlx::query_as(KINDS).fetch_all(self.db.reader()).await?;
        let kinds = rows.into_iter().map(|(kind, pending, oldest)| KindStats {
            kind,
            pending: u64::try_from(pending).unwrap_or(0),
            oldest_pending: oldest.map(duration),
        });
        Ok(kinds.collect())
    }
}

pub(super) fn columns(leases: &Leases) -> (Vec<i32>, Vec<i64>) {
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
