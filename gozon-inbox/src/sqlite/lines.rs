//! The lines of ordered subscriptions on SQLite, whose transactions have the
//! database to themselves.

use std::collections::HashSet;

use gozon_core::MessageId;
use gozon_sqlx::{DbError, Transaction};
use uuid::Uuid;

use super::store::SqliteStore;
use super::{hex_list, now_micros};
use crate::line::{Behind, Line, WAITS};
use crate::store::Kept;

const IS_OCCUPIED: &str = include_str!("sql/is_occupied.sql");
const OCCUPIED_LINES: &str = include_str!("sql/occupied_lines.sql");
const WAIT_IN_LINE: &str = include_str!("sql/wait_in_line.sql");
const JOIN_LINE: &str = include_str!("sql/join_line.sql");
const LINE_OF: &str = include_str!("sql/line_of.sql");
const LEAVE_LINE: &str = include_str!("sql/leave_line.sql");
const WAKE_FRONT: &str = include_str!("sql/wake_front.sql");
const STUCK_LINES: &str = include_str!("sql/stuck_lines.sql");

type Tx = Transaction<gozon_sqlx::Sqlite>;

impl SqliteStore {
    pub(super) async fn occupied(
        &self,
        consumer: &str,
        lines: &[Line],
    ) -> Result<HashSet<Line>, DbError> {
        let found: Vec<Uuid> = sqlx::query_scalar(OCCUPIED_LINES)
            .bind(consumer)
            .bind(hex_list(lines.iter().map(|line| line.id()).collect()))
            .fetch_all(self.db.reader())
            .await?;
        Ok(found.into_iter().map(line_from).collect())
    }

    pub(super) async fn stand_behind(
        &self,
        consumer: &str,
        messages: &[Behind],
    ) -> Result<HashSet<MessageId>, DbError> {
        let mut waiting = HashSet::with_capacity(messages.len());
        let mut tx = self.db.begin().await?;
        for message in messages {
            let occupied: bool = sqlx::query_scalar(IS_OCCUPIED)
                .bind(consumer)
                .bind(message.line.id())
                .fetch_one(&mut *tx)
                .await?;
            if !occupied {
                continue;
            }
            waiting.insert(message.id);
            let kept = sqlx::query(WAIT_IN_LINE)
                .bind(consumer)
                .bind(message.id.0)
                .bind(WAITS)
                .bind(&*message.attributes)
                .bind(&message.data[..])
                .bind(now_micros())
                .execute(&mut *tx)
                .await?;
            if kept.rows_affected() > 0 {
                join(&mut tx, consumer, message.line, message.id).await?;
            }
        }
        tx.commit().await?;
        Ok(waiting)
    }

    pub(super) async fn keep_in(
        &self,
        line: Line,
        consumer: &str,
        kept: &Kept,
    ) -> Result<bool, DbError> {
        let mut tx = self.db.begin().await?;
        let written = Self::write_kept(&mut *tx, consumer, kept).await?;
        if written {
            join(&mut tx, consumer, line, kept.id).await?;
        }
        tx.commit().await?;
        Ok(written)
    }

    pub(super) async fn leave(&self, consumer: &str, id: MessageId) -> Result<(), DbError> {
        let line: Option<Uuid> = sqlx::query_scalar(LINE_OF)
            .bind(consumer)
            .bind(id.0)
            .fetch_optional(self.db.reader())
            .await?;
        let Some(line) = line else { return Ok(()) };
        let mut tx = self.db.begin().await?;
        sqlx::query(LEAVE_LINE)
            .bind(consumer)
            .bind(id.0)
            .execute(&mut *tx)
            .await?;
        sqlx::query(WAKE_FRONT)
            .bind(consumer)
            .bind(line)
            .bind(now_micros())
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

async fn join(tx: &mut Tx, consumer: &str, line: Line, id: MessageId) -> Result<(), DbError> {
    sqlx::query(JOIN_LINE)
        .bind(consumer)
        .bind(line.id())
        .bind(id.0)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

fn line_from(id: Uuid) -> Line {
    Line::from_bytes(id.into_bytes())
}
