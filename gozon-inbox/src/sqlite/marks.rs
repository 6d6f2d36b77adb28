use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use gozon_core::MessageId;
use gozon_sqlx::DbError;
use sqlx::{SqliteConnection, SqliteExecutor};
use uuid::Uuid;

use super::{id_list, now_micros};
use crate::store::{Marks, State};

const INSERT_DONE: &str = include_str!("sql/insert_done.sql");
const STATES: &str = include_str!("sql/states.sql");
const FINISH_TRIED: &str = include_str!("sql/finish_tried.sql");
const FINISH: &str = include_str!("sql/finish.sql");

/// The marks on SQLite.
pub(super) struct SqliteMarks;

#[async_trait]
impl Marks<SqliteConnection> for SqliteMarks {
    async fn insert_done(
        &self,
        tx: &mut SqliteConnection,
        consumer: &str,
        ids: &[MessageId],
    ) -> Result<HashSet<MessageId>, DbError> {
        returned_ids(tx, INSERT_DONE, consumer, ids).await
    }

    async fn states(
        &self,
        tx: &mut SqliteConnection,
        consumer: &str,
        ids: &[MessageId],
    ) -> Result<HashMap<MessageId, State>, DbError> {
        states(tx, consumer, ids).await
    }

    async fn finish_tried(
        &self,
        tx: &mut SqliteConnection,
        consumer: &str,
        ids: &[MessageId],
    ) -> Result<HashSet<MessageId>, DbError> {
        returned_ids(tx, FINISH_TRIED, consumer, ids).await
    }

    async fn finish(
        &self,
        tx: &mut SqliteConnection,
        consumer: &str,
        id: MessageId,
        attempts: u32,
    ) -> Result<bool, DbError> {
        let done = sqlx::query(FINISH)
            .bind(consumer)
            .bind(id.0)
            .bind(i64::from(attempts))
            .bind(now_micros())
            .execute(tx)
            .await?;
        Ok(done.rows_affected() == 1)
    }
}

/// Runs a statement that takes a consumer and ids and answers with ids. The
/// time goes along as the third parameter.
pub(super) async fn returned_ids<'e>(
    executor: impl SqliteExecutor<'e>,
    sql: &'static str,
    consumer: &str,
    ids: &[MessageId],
) -> Result<HashSet<MessageId>, DbError> {
    let found: Vec<Uuid> = sqlx::query_scalar(sql)
        .bind(consumer)
        .bind(id_list(ids))
        .bind(now_micros())
        .fetch_all(executor)
        .await?;
    Ok(found.into_iter().map(MessageId).collect())
}

pub(super) async fn states<'e>(
    executor: impl SqliteExecutor<'e>,
    consumer: &str,
    ids: &[MessageId],
) -> Result<HashMap<MessageId, State>, DbError> {
    let found: Vec<(Uuid, String)> = sqlx::query_as(STATES)
        .bind(consumer)
        .bind(id_list(ids))
        .fetch_all(executor)
        .await?;
    found
        .into_iter()
        .map(|(id, state)| Ok((MessageId(id), State::parse(&state)?)))
        .collect()
}
