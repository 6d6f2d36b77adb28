//! Dead letters and decisions on SQLite.

use gozon_core::MessageId;
use gozon_sqlx::DbError;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use time::OffsetDateTime;
use uuid::Uuid;

use super::now_micros;
use super::store::SqliteStore;
use crate::database::attempts_from;
use crate::dead::{DeadLetter, DeadPosition, Decision, DecisionOutcome, Signature, ruling};

pub(super) const REPLAY: Deciding = Deciding {
    record: include_str!("sql/record_replay.sql"),
    change: include_str!("sql/replay.sql"),
};
pub(super) const DISCARD: Deciding = Deciding {
    record: include_str!("sql/record_discard.sql"),
    change: include_str!("sql/discard.sql"),
};
const STANDING: &str = include_str!("sql/standing.sql");
const DEAD_LETTERS: &str = include_str!("sql/dead_letters.sql");
const NEWEST_DEAD_LETTERS: &str = include_str!("sql/newest_dead_letters.sql");
const DECISIONS: &str = include_str!("sql/decisions.sql");

/// A decision in two statements, since SQLite cannot do both in one.
pub(super) struct Deciding {
    record: &'static str,
    change: &'static str,
}

impl SqliteStore {
    pub(super) async fn read_dead_letters(
        &self,
        consumer: &str,
        after: Option<DeadPosition>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, DbError> {
        let rows = match after {
            Some(after) => {
                sqlx::query(DEAD_LETTERS)
                    .bind(consumer)
                    .bind(micros_of(after.died_at))
                    .bind(after.id.0)
                    .bind(i64::from(limit))
                    .fetch_all(self.db.reader())
                    .await?
            }
            None => {
                sqlx::query(NEWEST_DEAD_LETTERS)
                    .bind(consumer)
                    .bind(i64::from(limit))
                    .fetch_all(self.db.reader())
                    .await?
            }
        };
        Ok(rows.iter().map(letter).collect::<Result<_, _>>()?)
    }

    /// Carries a decision out; if there was nothing to do, says why.
    pub(super) async fn decide(
        &self,
        deciding: &Deciding,
        consumer: &str,
        id: MessageId,
        signature: &Signature,
    ) -> Result<DecisionOutcome, DbError> {
        let now = now_micros();
        let mut tx = self.db.begin().await?;
        let recorded = sqlx::query(deciding.record)
            .bind(consumer)
            .bind(id.0)
            .bind(&signature.by)
            .bind(&signature.reason)
            .bind(now)
            .execute(&mut *tx)
            .await?;
        if recorded.rows_affected() > 0 {
            sqlx::query(deciding.change)
                .bind(consumer)
                .bind(id.0)
                .bind(now)
                .execute(&mut *tx)
                .await?;
            tx.commit().await?;
            return Ok(DecisionOutcome::Decided);
        }
        let standing: Option<(String, bool)> = sqlx::query_as(STANDING)
            .bind(consumer)
            .bind(id.0)
            .fetch_optional(&mut *tx)
            .await?;
        tx.rollback().await?;
        DecisionOutcome::of(standing)
    }

    pub(super) async fn read_decisions(
        &self,
        consumer: &str,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Decision>, DbError> {
        let rows = sqlx::query(DECISIONS)
            .bind(consumer)
            .bind(before.unwrap_or(i64::MAX))
            .bind(i64::from(limit))
            .fetch_all(self.db.reader())
            .await?;
        rows.iter().map(record).collect()
    }
}

fn letter(row: &SqliteRow) -> Result<DeadLetter, sqlx::Error> {
    let attributes: Option<String> = row.try_get("attributes")?;
    let data: Option<Vec<u8>> = row.try_get("data")?;
    Ok(DeadLetter {
        consumer: row.try_get("consumer")?,
        id: MessageId(row.try_get::<Uuid, _>("message_id")?),
        attempts: attempts_from(row.try_get("attempts")?),
        malformed: row.try_get("malformed")?,
        received_at: time_from(row.try_get("received_at")?)?,
        died_at: time_from(row.try_get("died_at")?)?,
        reason: row.try_get("reason")?,
        attributes: attributes.unwrap_or_default(),
        data: data.unwrap_or_default(),
    })
}

fn record(row: &SqliteRow) -> Result<Decision, DbError> {
    Ok(Decision {
        id: row.try_get("id")?,
        ruling: ruling(row.try_get("decision")?)?,
        decided_at: time_from(row.try_get("decided_at")?)?,
        signature: Signature {
            by: row.try_get("decided_by")?,
            reason: row.try_get("why")?,
        },
        letter: letter(row)?,
    })
}

fn time_from(micros: i64) -> Result<OffsetDateTime, sqlx::Error> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000)
        .map_err(|error| sqlx::Error::Decode(error.into()))
}

fn micros_of(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX)
}
