use std::collections::HashSet;
use std::fmt::Write;
use std::time::Duration;

use async_trait::async_trait;
use gozon_core::{Malformed, MessageId};
use gozon_sqlx::{Db, DbError, Sqlite};
use serde_json::json;
use sqlx::{Row, SqliteExecutor};
use uuid::Uuid;

use super::dead::{DISCARD, REPLAY};
use super::marks::{returned_ids, states};
use super::now_micros;
use crate::database::{attempts_from, micros};
use crate::dead::{DeadLetter, DeadPosition, Decision, DecisionOutcome, Signature};
use crate::line::{Behind, Line};
use crate::store::{Due, InboxStats, InboxStore, Kept, Noted, State};

const NOTE_TRYING: &str = include_str!("sql/note_trying.sql");
const ATTEMPT: &str = include_str!("sql/attempt.sql");
const KEEP: &str = include_str!("sql/keep.sql");
const KEEP_MALFORMED: &str = include_str!("sql/keep_malformed.sql");
const IS_DUE: &str = include_str!("sql/is_due.sql");
const CLAIM_DUE: &str = include_str!("sql/claim_due.sql");
const STATS: &str = include_str!("sql/stats.sql");
const PRUNE_MARKS: &str = include_str!("sql/prune_marks.sql");
const PRUNE_REQUESTS: &str = include_str!("sql/prune_requests.sql");

/// The inbox's own statements on SQLite. Times are the process's.
pub(super) struct SqliteStore {
    pub(super) db: Db<Sqlite>,
}

impl SqliteStore {
    pub(super) fn new(db: Db<Sqlite>) -> Self {
        Self { db }
    }

    async fn prune(&self, sql: &'static str, older: Duration, bite: u32) -> Result<u64, DbError> {
        let deleted = sqlx::query(sql)
            .bind(micros(older))
            .bind(i64::from(bite))
            .bind(now_micros())
            .execute(self.db.writer())
            .await?;
        Ok(deleted.rows_affected())
    }
}

impl SqliteStore {
    pub(super) async fn write_kept<'e>(
        executor: impl SqliteExecutor<'e>,
        consumer: &str,
        kept: &Kept,
    ) -> Result<bool, DbError> {
        let state = kept.retry_in.map_or(State::Dead, |_| State::Retry);
        let written = sqlx::query(KEEP)
            .bind(consumer)
            .bind(kept.id.0)
            .bind(i64::from(kept.attempts))
            .bind(state.as_str())
            .bind(kept.retry_in.map(micros))
            .bind(&kept.reason)
            .bind(&kept.attributes)
            .bind(&kept.data[..])
            .bind(kept.malformed)
            .bind(now_micros())
            .execute(executor)
            .await?;
        Ok(written.rows_affected() == 1)
    }
}

#[async_trait]
impl InboxStore for SqliteStore {
    async fn note_trying(&self, consumer: &str, ids: &[MessageId]) -> Result<Noted, DbError> {
        let new = returned_ids(self.db.writer(), NOTE_TRYING, consumer, ids).await?;
        let others: Vec<MessageId> = ids.iter().filter(|id| !new.contains(id)).copied().collect();
        if others.is_empty() {
            return Ok(Noted {
                new,
                ..Noted::default()
            });
        }
        let known = states(self.db.writer(), consumer, &others).await?;
        Ok(Noted { new, known })
    }

    async fn attempt(&self, consumer: &str, id: MessageId) -> Result<Option<u32>, DbError> {
        let attempts: Option<i64> = sqlx::query_scalar(ATTEMPT)
            .bind(consumer)
            .bind(id.0)
            .bind(now_micros())
            .fetch_optional(self.db.writer())
            .await?;
        Ok(attempts.map(attempts_from))
    }

    async fn keep(&self, consumer: &str, kept: &Kept) -> Result<bool, DbError> {
        match kept.line {
            Some(line) => self.keep_in(line, consumer, kept).await,
            None => Self::write_kept(self.db.writer(), consumer, kept).await,
        }
    }

    async fn keep_malformed(
        &self,
        consumer: &str,
        malformed: &[Malformed],
    ) -> Result<HashSet<MessageId>, DbError> {
        let list: Vec<_> = malformed
            .iter()
            .map(|one| {
                json!({
                    "id": one.id.0.simple().to_string(),
                    "reason": one.reason,
                    "headers": one.headers,
                    "data": hex(&one.data),
                })
            })
            .collect();
        let new: Vec<Uuid> = sqlx::query_scalar(KEEP_MALFORMED)
            .bind(consumer)
            .bind(serde_json::Value::from(list).to_string())
            .bind(now_micros())
            .fetch_all(self.db.writer())
            .await?;
        Ok(new.into_iter().map(MessageId).collect())
    }

    async fn claim_due(&self, consumer: &str, lease: Duration) -> Result<Option<Due>, DbError> {
        let is_due: bool = sqlx::query_scalar(IS_DUE)
            .bind(consumer)
            .bind(now_micros())
            .fetch_one(self.db.reader())
            .await?;
        if !is_due {
            return Ok(None);
        }
        let row = sqlx::query(CLAIM_DUE)
            .bind(consumer)
            .bind(micros(lease))
            .bind(now_micros())
            .fetch_optional(self.db.writer())
            .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Due {
            id: MessageId(row.try_get("message_id")?),
            attempts: attempts_from(row.try_get("attempts")?),
            forgiven: attempts_from(row.try_get("forgiven")?),
            attributes: row.try_get("attributes")?,
            data: row.try_get("data")?,
        }))
    }

    async fn stats(&self) -> Result<InboxStats, DbError> {
        let (retry, held, dead): (i64, i64, i64) =
            sqlx::query_as(STATS).fetch_one(self.db.reader()).await?;
        Ok(InboxStats {
            retry: retry.unsigned_abs(),
            held: held.unsigned_abs(),
            dead: dead.unsigned_abs(),
        })
    }

    async fn dead_letters(
        &self,
        consumer: &str,
        after: Option<DeadPosition>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, DbError> {
        self.read_dead_letters(consumer, after, limit).await
    }

    async fn replay(
        &self,
        consumer: &str,
        id: MessageId,
        signature: &Signature,
    ) -> Result<DecisionOutcome, DbError> {
        self.decide(&REPLAY, consumer, id, signature).await
    }

    async fn discard(
        &self,
        consumer: &str,
        id: MessageId,
        signature: &Signature,
    ) -> Result<DecisionOutcome, DbError> {
        self.decide(&DISCARD, consumer, id, signature).await
    }

    async fn decisions(
        &self,
        consumer: &str,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Decision>, DbError> {
        self.read_decisions(consumer, before, limit).await
    }

    async fn occupied_lines(
        &self,
        consumer: &str,
        lines: &[Line],
    ) -> Result<HashSet<Line>, DbError> {
        self.occupied(consumer, lines).await
    }

    async fn queue_up(
        &self,
        consumer: &str,
        messages: &[Behind],
    ) -> Result<HashSet<MessageId>, DbError> {
        self.stand_behind(consumer, messages).await
    }

    async fn leave_line(&self, consumer: &str, id: MessageId) -> Result<(), DbError> {
        self.leave(consumer, id).await
    }

    async fn stuck_lines(&self, consumer: &str, limit: u32) -> Result<Vec<MessageId>, DbError> {
        self.stuck(consumer, limit).await
    }

    async fn prune_marks(&self, older: Duration, bite: u32) -> Result<u64, DbError> {
        self.prune(PRUNE_MARKS, older, bite).await
    }

    async fn prune_requests(&self, older: Duration, bite: u32) -> Result<u64, DbError> {
        self.prune(PRUNE_REQUESTS, older, bite).await
    }
}

fn hex(data: &[u8]) -> String {
    let mut text = String::with_capacity(data.len() * 2);
    for byte in data {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
