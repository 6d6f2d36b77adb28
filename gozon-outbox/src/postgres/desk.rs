use std::time::Duration;

use async_trait::async_trait;
use gozon_core::{Envelope, MessageId};
use gozon_sqlx::{Db, DbError, Postgres};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::desk::{
    Archived, DeadLetter, DeadLetterPage, Decision, OutboxDesk, Signature, envelope, ruling,
};

const DEAD_LETTERS: &str = include_str!("sql/dead_letters.sql");
const REPLAY: &str = include_str!("sql/replay.sql");
const DISCARD: &str = include_str!("sql/discard.sql");
const DECISIONS: &str = include_str!("sql/decisions.sql");
const DISCARDED: &str = include_str!("sql/discarded.sql");
const ARCHIVED: &str = include_str!("sql/archived.sql");
const ARCHIVED_OF_KEY: &str = include_str!("sql/archived_of_key.sql");

/// Every call is one statement, so each is atomic without a transaction.
pub(super) struct PostgresDesk {
    db: Db<Postgres>,
}

impl PostgresDesk {
    pub(super) fn new(db: Db<Postgres>) -> Self {
        Self { db }
    }

    async fn decide(
        &self,
        statement: &'static str,
        seqs: &[i64],
        signature: &Signature,
    ) -> Result<Vec<i64>, DbError> {
        let rows = sqlx::query(statement)
            .bind(seqs)
            .bind(&signature.by)
            .bind(&signature.reason)
            .fetch_all(self.db.writer())
            .await?;
        let seqs = rows.iter().map(|row| row.try_get("seq"));
        Ok(seqs.collect::<Result<_, _>>()?)
    }
}

#[async_trait]
impl OutboxDesk for PostgresDesk {
    async fn dead_letters(&self, page: &DeadLetterPage) -> Result<Vec<DeadLetter>, DbError> {
        let rows = sqlx::query(DEAD_LETTERS)
            .bind(page.after.unwrap_or(i64::MIN))
            .bind(&page.kind)
            .bind(&page.key)
            .bind(i64::from(page.limit))
            .fetch_all(self.db.reader())
            .await?;
        rows.iter().map(dead_letter).collect()
    }

    async fn replay(&self, seqs: &[i64], signature: &Signature) -> Result<Vec<i64>, DbError> {
        self.decide(REPLAY, seqs, signature).await
    }

    async fn discard(&self, seqs: &[i64], signature: &Signature) -> Result<Vec<i64>, DbError> {
        self.decide(DISCARD, seqs, signature).await
    }

    async fn decisions(
        &self,
        message: Option<MessageId>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Decision>, DbError> {
        let rows = sqlx::query(DECISIONS)
            .bind(before.unwrap_or(i64::MAX))
            .bind(message.map(|message| message.0))
            .bind(i64::from(limit))
            .fetch_all(self.db.reader())
            .await?;
        rows.iter().map(decision).collect()
    }

    async fn discarded(&self, message: MessageId) -> Result<Option<Envelope>, DbError> {
        let row = sqlx::query(DISCARDED)
            .bind(message.0)
            .fetch_optional(self.db.reader())
            .await?;
        row.as_ref().map(stored).transpose()
    }

    async fn archived(&self, message: MessageId) -> Result<Option<Archived>, DbError> {
        let row = sqlx::query(ARCHIVED)
            .bind(message.0)
            .fetch_optional(self.db.reader())
            .await?;
        row.as_ref().map(archived).transpose()
    }

    async fn archived_of_key(
        &self,
        key: &str,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Archived>, DbError> {
        let rows = sqlx::query(ARCHIVED_OF_KEY)
            .bind(key)
            .bind(after.unwrap_or(i64::MIN))
            .bind(i64::from(limit))
            .fetch_all(self.db.reader())
            .await?;
        rows.iter().map(archived).collect()
    }
}

fn dead_letter(row: &PgRow) -> Result<DeadLetter, DbError> {
    Ok(DeadLetter {
        seq: row.try_get("seq")?,
        id: MessageId(row.try_get("message_id")?),
        key: row.try_get("key")?,
        kind: row.try_get("kind")?,
        attempts: count(row)?,
        reason: row
            .try_get::<Option<_>, _>("last_error")?
            .unwrap_or_default(),
        bytes: u64::try_from(row.try_get::<i64, _>("bytes")?).unwrap_or(0),
        age: micros(row.try_get("age_us")?),
        dead_for: row.try_get::<Option<_>, _>("dead_us")?.map(micros),
    })
}

fn decision(row: &PgRow) -> Result<Decision, DbError> {
    Ok(Decision {
        number: row.try_get("number")?,
        at: row.try_get("decided_at")?,
        ruling: ruling(row.try_get("decision")?)?,
        signature: Signature {
            by: row.try_get("decided_by")?,
            reason: row.try_get("reason")?,
        },
        seq: row.try_get("seq")?,
        id: MessageId(row.try_get("message_id")?),
        key: row.try_get("key")?,
        kind: row.try_get("kind")?,
        attempts: count(row)?,
        refused: row
            .try_get::<Option<_>, _>("last_error")?
            .unwrap_or_default(),
    })
}

fn archived(row: &PgRow) -> Result<Archived, DbError> {
    Ok(Archived {
        seq: row.try_get("seq")?,
        envelope: stored(row)?,
        appended_at: row.try_get("created_at")?,
        published_at: row.try_get("published_at")?,
        failures: count(row)?,
    })
}

fn stored(row: &PgRow) -> Result<Envelope, DbError> {
    envelope(row.try_get("attributes")?, row.try_get("data")?)
}

fn count(row: &PgRow) -> Result<u32, DbError> {
    Ok(u32::try_from(row.try_get::<i32, _>("attempts")?).unwrap_or(0))
}

fn micros(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}
