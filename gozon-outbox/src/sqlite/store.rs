use std::time::Duration;

use async_trait::async_trait;
use gozon_sqlx::{Db, DbError, Sqlite, Transaction};
use serde_json::json;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::append;
use crate::store::{
    Decided, Failure, Kept, KeptFrom, KindStats, Lease, Leases, MemberId, Membership, OutboxStats,
    OutboxStore, Read, Row, RowState,
};

const READ: &str = include_str!("sql/read.sql");
const FETCH: &str = include_str!("sql/fetch.sql");
const DELETE: &str = include_str!("sql/delete.sql");
const LEASES: &str = include_str!("sql/leases.sql");
const HOLD: &str = include_str!("sql/hold.sql");
const SWEEP: &str = include_str!("sql/sweep.sql");
const SWEEP_BEHIND: &str = include_str!("sql/sweep_behind.sql");
const UNHOLD: &str = include_str!("sql/unhold.sql");
const KEPT: &str = include_str!("sql/kept.sql");
const DUE: &str = include_str!("sql/due.sql");
const PROMOTE: &str = include_str!("sql/promote.sql");
const REMOVE_DUE: &str = include_str!("sql/remove_due.sql");
const HEARTBEAT: &str = include_str!("sql/heartbeat.sql");
const BURY: &str = include_str!("sql/bury.sql");
const MEMBERS: &str = include_str!("sql/members.sql");
const RENEW: &str = include_str!("sql/renew.sql");
const ACQUIRE: &str = include_str!("sql/acquire.sql");
const FREE: &str = include_str!("sql/free.sql");
const RELEASE: &str = include_str!("sql/release.sql");
const LEAVE: &str = include_str!("sql/leave.sql");
const RESIGN: &str = include_str!("sql/resign.sql");
const ARCHIVE: &str = include_str!("sql/archive.sql");
const TRIM: &str = include_str!("sql/trim.sql");
const DECIDED: &str = include_str!("sql/decided.sql");
const LAST_DECISION: &str = include_str!("sql/last_decision.sql");
const KINDS: &str = include_str!("sql/kinds.sql");
const STATS: &str = include_str!("sql/stats.sql");

/// A century: what is older than that no archive holds.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// SQLite has one writer, so a transaction that checked a lease keeps it.
pub(super) struct SqliteStore {
    db: Db<Sqlite>,
}

impl SqliteStore {
    pub(super) fn new(db: Db<Sqlite>) -> Self {
        Self { db }
    }
}

#[async_trait]
impl OutboxStore for SqliteStore {
    async fn partitions(&self) -> Result<u32, DbError> {
        append::partitions(self.db.reader()).await
    }

    async fn heartbeat(
        &self,
        member: MemberId,
        term: Duration,
        alone: bool,
    ) -> Result<Membership, DbError> {
        let mut tx = self.db.begin().await?;
        sqlx::query(BURY)
            .bind(member.0)
            .bind(alone)
            .execute(&mut *tx)
            .await?;
        sqlx::query(HEARTBEAT)
            .bind(member.0)
            .bind(micros(term))
            .execute(&mut *tx)
            .await?;
        let (live, rank): (i64, i64) = sqlx::query_as(MEMBERS)
            .bind(member.0)
            .fetch_one(&mut *tx)
            .await?;
        tx.commit().await?;
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
        sqlx::query(RELEASE)
            .bind(pairs(leases))
            .bind(leases.member.0)
            .execute(self.db.writer())
            .await?;
        Ok(())
    }

    async fn leave(&self, member: MemberId) -> Result<(), DbError> {
        let mut tx = self.db.begin().await?;
        sqlx::query(LEAVE).bind(member.0).execute(&mut *tx).await?;
        sqlx::query(RESIGN).bind(member.0).execute(&mut *tx).await?;
        tx.commit().await
    }

    async fn kept(&self, from: &[KeptFrom], limit: u32) -> Result<Vec<Kept>, DbError> {
        let mut found = Vec::new();
        for KeptFrom { partition, after } in from {
            let key = after.as_ref().and_then(|(key, _)| key.as_deref());
            let single = match after {
                Some((None, seq)) => Some(*seq),
                _ => None,
            };
            let rows = sqlx::query(KEPT)
                .bind(partition)
                .bind(single.is_some())
                .bind(key)
                .bind(single.unwrap_or(i64::MIN))
                .bind(i64::from(limit))
                .fetch_all(self.db.reader())
                .await?;
            for row in &rows {
                found.push(kept(row)?);
            }
        }
        Ok(found)
    }

    async fn read(&self, read: &Read) -> Result<Vec<Row>, DbError> {
        let rows = sqlx::query(READ)
            .bind(pairs(&read.leases))
            .bind(read.leases.member.0)
            .bind(json!(read.skip_keys).to_string())
            .bind(json!(read.skip_seqs).to_string())
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
            .bind(json!(seqs).to_string())
            .fetch_all(self.db.reader())
            .await?;
        rows.iter().map(row).collect()
    }

    async fn delete(&self, seqs: &[i64]) -> Result<(), DbError> {
        sqlx::query(DELETE)
            .bind(json!(seqs).to_string())
            .execute(self.db.writer())
            .await?;
        Ok(())
    }

    async fn archive(&self, seqs: &[i64]) -> Result<(), DbError> {
        let seqs = json!(seqs).to_string();
        let mut tx = self.db.begin().await?;
        sqlx::query(ARCHIVE).bind(&seqs).execute(&mut *tx).await?;
        sqlx::query(DELETE).bind(&seqs).execute(&mut *tx).await?;
        tx.commit().await
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
        let rows: Vec<_> = failures
            .iter()
            .map(|failure| {
                let state = match failure.dead {
                    true => RowState::Dead,
                    false => RowState::Held,
                };
                let retry = micros(failure.retry_in);
                let attempts = i32::from(failure.attempted);
                json!([failure.seq, state.as_str(), failure.reason, retry, attempts])
            })
            .collect();
        let mut tx = self.db.begin().await?;
        let standing = standing(&mut tx, leases).await?;
        sqlx::query(HOLD)
            .bind(json!(rows).to_string())
            .bind(json!(standing).to_string())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(standing)
    }

    async fn sweep(&self, leases: &Leases, keys: &[String]) -> Result<(), DbError> {
        let sweep = match keys.is_empty() {
            true => sqlx::query(SWEEP_BEHIND),
            false => sqlx::query(SWEEP),
        };
        let mut sweep = sweep.bind(pairs(leases)).bind(leases.member.0);
        if !keys.is_empty() {
            sweep = sweep.bind(json!(keys).to_string());
        }
        sweep.execute(self.db.writer()).await?;
        Ok(())
    }

    async fn unhold(&self, leases: &Leases, keys: &[String]) -> Result<Vec<i32>, DbError> {
        let mut tx = self.db.begin().await?;
        let standing = standing(&mut tx, leases).await?;
        sqlx::query(UNHOLD)
            .bind(json!(keys).to_string())
            .bind(json!(standing).to_string())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(standing)
    }

    async fn promote(&self, leases: &Leases, max: u32) -> Result<u64, DbError> {
        let due: Vec<(i64, Option<String>)> = sqlx::query_as(DUE)
            .bind(pairs(leases))
            .bind(leases.member.0)
            .bind(i64::from(max))
            .fetch_all(self.db.reader())
            .await?;
        if due.is_empty() {
            return Ok(0);
        }
        let seqs = json!(due.iter().map(|(seq, _)| *seq).collect::<Vec<_>>()).to_string();
        let mut tx = self.db.begin().await?;
        let standing = json!(standing(&mut tx, leases).await?).to_string();
        let moved = sqlx::query(PROMOTE)
            .bind(&seqs)
            .bind(&standing)
            .execute(&mut *tx)
            .await?;
        sqlx::query(REMOVE_DUE)
            .bind(&seqs)
            .bind(&standing)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
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

/// The partitions of `leases` that nobody took.
async fn standing(tx: &mut Transaction<Sqlite>, leases: &Leases) -> Result<Vec<i32>, DbError> {
    Ok(sqlx::query_scalar(LEASES)
        .bind(pairs(leases))
        .bind(leases.member.0)
        .fetch_all(&mut **tx)
        .await?)
}

fn pairs(leases: &Leases) -> String {
    let pairs = leases.held.iter();
    json!(
        pairs
            .map(|lease| (lease.partition, lease.epoch))
            .collect::<Vec<_>>()
    )
    .to_string()
}

fn lease(row: &SqliteRow) -> Result<Lease, DbError> {
    Ok(Lease {
        partition: row.try_get("partition")?,
        epoch: row.try_get("epoch")?,
    })
}

fn row(row: &SqliteRow) -> Result<Row, DbError> {
    Ok(Row {
        seq: row.try_get("seq")?,
        partition: row.try_get("partition")?,
        state: state(row.try_get("state")?)?,
        key: row.try_get("key")?,
        kind: row.try_get("kind")?,
        attempts: row.try_get("attempts")?,
        attributes: row.try_get("attributes")?,
        data: row.try_get("data")?,
    })
}

fn kept(row: &SqliteRow) -> Result<Kept, DbError> {
    Ok(Kept {
        seq: row.try_get("seq")?,
        partition: row.try_get("partition")?,
        key: row.try_get("key")?,
        kind: row.try_get("kind")?,
        dead: state(row.try_get("state")?)? == RowState::Dead,
        attempts: row.try_get("attempts")?,
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
