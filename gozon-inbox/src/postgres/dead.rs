//! Dead letters and decisions on PostgreSQL.

use gozon_core::MessageId;
use gozon_sqlx::DbError;
use sqlx::Row;
use sqlx::postgres::PgRow;
use time::OffsetDateTime;
use uuid::Uuid;

use super::store::PostgresStore;
use crate::database::attempts_from;
use crate::dead::{DeadLetter, DeadPosition, Decision, DecisionOutcome, Signature, ruling};

pub(super) const REPLAY: &str = include_str!("sql/replay.sql");
pub(super) const DISCARD: &str = include_str!("sql/discard.sql");
const STANDING: &str = include_str!("sql/standing.sql");
const DEAD_LETTERS: &str = include_str!("sql/dead_letters.sql");
const NEWEST_DEAD_LETTERS: &str = include_str!("sql/newest_dead_letters.sql");
const DECISIONS: &str = include_str!("sql/decisions.sql");

impl PostgresStore {
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
                    .bind(after.died_at)
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
        sql: &'static str,
        consumer: &str,
        id: MessageId,
        signature: &Signature,
    ) -> Result<DecisionOutcome, DbError> {
        let changed = sqlx::query(sql)
            .bind(consumer)
            .bind(id.0)
            .bind(&signature.by)
            .bind(&signature.reason)
            .execute(self.db.writer())
            .await?;
        if changed.rows_affected() > 0 {
            return Ok(DecisionOutcome::Decided);
        }
        let standing: Option<(String, bool)> = sqlx::query_as(STANDING)
            .bind(consumer)
            .bind(id.0)
            .fetch_optional(self.db.writer())
            .await?;
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

fn letter(row: &PgRow) -> Result<DeadLetter, sqlx::Error> {
    let attributes: Option<String> = row.try_get("attributes")?;
    let data: Option<Vec<u8>> = row.try_get("data")?;
    Ok(DeadLetter {
        consumer: row.try_get("consumer")?,
        id: MessageId(row.try_get::<Uuid, _>("message_id")?),
        attempts: attempts_from(row.try_get::<i32, _>("attempts")?.into()),
        malformed: row.try_get("malformed")?,
        received_at: row.try_get::<OffsetDateTime, _>("received_at")?,
        died_at: row.try_get::<OffsetDateTime, _>("died_at")?,
        reason: row.try_get("reason")?,
        attributes: attributes.unwrap_or_default(),
        data: data.unwrap_or_default(),
    })
}

fn record(row: &PgRow) -> Result<Decision, DbError> {
    Ok(Decision {
        id: row.try_get("id")?,
        ruling: ruling(row.try_get("decision")?)?,
        decided_at: row.try_get::<OffsetDateTime, _>("decided_at")?,
        signature: Signature {
            by: row.try_get("decided_by")?,
            reason: row.try_get("why")?,
        },
        letter: letter(row)?,
    })
}
