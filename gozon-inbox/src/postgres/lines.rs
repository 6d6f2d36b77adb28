//! The lines of ordered subscriptions on PostgreSQL.

use std::collections::{BTreeSet, HashSet};

use gozon_core::MessageId;
use gozon_sqlx::{DbError, Transaction};
use uuid::Uuid;

use super::store::PostgresStore;
use crate::database::micros;
use crate::line::{Behind, Line, WAITS};
use crate::store::{Kept, State};

const LOCK_LINES: &str = include_str!("sql/lock_lines.sql");
const OCCUPIED_LINES: &str = include_str!("sql/occupied_lines.sql");
const QUEUE_UP: &str = include_str!("sql/queue_up.sql");
const KEEP_IN_LINE: &str = include_str!("sql/keep_in_line.sql");
const LINE_OF: &str = include_str!("sql/line_of.sql");
const LEAVE_LINE: &str = include_str!("sql/leave_line.sql");
const WAKE_FRONT: &str = include_str!("sql/wake_front.sql");
const STUCK_LINES: &str = include_str!("sql/stuck_lines.sql");

type Tx = Transaction<gozon_sqlx::Postgres>;

impl PostgresStore {
    pub(super) async fn occupied(
        &self,
        consumer: &str,
        lines: &[Line],
    ) -> Result<HashSet<Line>, DbError> {
        let lines: Vec<Uuid> = lines.iter().map(|line| line.id()).collect();
        let found: Vec<Uuid> = sqlx::query_scalar(OCCUPIED_LINES)
            .bind(consumer)
            .bind(lines)
            .fetch_all(self.db.writer())
            .await?;
        Ok(found.into_iter().map(line_from).collect())
    }

    pub(super) async fn stand_behind(
        &self,
        consumer: &str,
        messages: &[Behind],
    ) -> Result<HashSet<MessageId>, DbError> {
        let ids: Vec<Uuid> = messages.iter().map(|one| one.id.0).collect();
        let lines: Vec<Uuid> = messages.iter().map(|one| one.line.id()).collect();
        let attributes: Vec<&str> = messages.iter().map(|one| &*one.attributes).collect();
        let data: Vec<&[u8]> = messages.iter().map(|one| &one.data[..]).collect();
        let mut tx = self.db.begin().await?;
        lock(&mut tx, messages.iter().map(|one| one.line)).await?;
        let waiting: Vec<Uuid> = sqlx::query_scalar(QUEUE_UP)
            .bind(consumer)
            .bind(ids)
            .bind(lines)
            .bind(attributes)
            .bind(data)
            .bind(WAITS)
            .fetch_all(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(waiting.into_iter().map(MessageId).collect())
    }

    pub(super) async fn keep_in(
        &self,
        line: Line,
        consumer: &str,
        kept: &Kept,
    ) -> Result<bool, DbError> {
        let state = kept.retry_in.map_or(State::Dead, |_| State::Retry);
        let mut tx = self.db.begin().await?;
        lock(&mut tx, [line]).await?;
        let written: i64 = sqlx::query_scalar(KEEP_IN_LINE)
            .bind(consumer)
            .bind(kept.id.0)
            .bind(i64::from(kept.attempts))
            .bind(state.as_str())
            .bind(kept.retry_in.map(micros))
            .bind(&kept.reason)
            .bind(&kept.attributes)
            .bind(&kept.data[..])
            .bind(kept.malformed)
            .bind(line.id())
            .fetch_one(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(written == 1)
    }

    pub(super) async fn leave(&self, consumer: &str, id: MessageId) -> Result<(), DbError> {
        let line: Option<Uuid> = sqlx::query_scalar(LINE_OF)
            .bind(consumer)
            .bind(id.0)
            .fetch_optional(self.db.writer())
            .await?;
        let Some(line) = line else { return Ok(()) };
        let mut tx = self.db.begin().await?;
        lock(&mut tx, [line_from(line)]).await?;
        sqlx::query(LEAVE_LINE)
            .bind(consumer)
            .bind(id.0)
            .execute(&mut *tx)
            .await?;
        sqlx::query(WAKE_FRONT)
            .bind(consumer)
            .bind(line)
            .execute(&mut *tx)
            .await?;
        tx.commit().await
    }

    pub(super) async fn stuck(
        &self,
        consumer: &str,
        limit: u32,
    ) -> Result<Vec<MessageId>, DbError> {
        let stuck: Vec<Uuid> = sqlx::query_scalar(STUCK_LINES)
            .bind(consumer)
            .bind(i64::from(limit))
            .fetch_all(self.db.reader())
            .await?;
        Ok(stuck.into_iter().map(MessageId).collect())
    }
}

/// A statement of its own: the next one sees what was waited for.
async fn lock(tx: &mut Tx, lines: impl IntoIterator<Item = Line>) -> Result<(), DbError> {
    let stripes: BTreeSet<i32> = lines.into_iter().map(Line::stripe).collect();
    let stripes: Vec<i32> = stripes.into_iter().collect();
    sqlx::query(LOCK_LINES)
        .bind(stripes)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

fn line_from(id: Uuid) -> Line {
    Line::from_bytes(id.into_bytes())
}
