use std::collections::{BTreeSet, HashMap, HashSet};

use async_trait::async_trait;
use gozon_core::MessageId;
use gozon_sqlx::DbError;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::store::{Marks, State};

const INSERT_DONE: &str = include_str!("sql/insert_done.sql");
const STATES: &str = include_str!("sql/states.sql");
const FINISH_TRIED: &str = include_str!("sql/finish_tried.sql");
const FINISH: &str = include_str!("sql/finish.sql");

/// The marks on PostgreSQL.
pub(super) struct PostgresMarks;

#[async_trait]
impl Marks<PgConnection> for PostgresMarks {
    async fn insert_done(
        &self,
        tx: &mut PgConnection,
        consumer: &str,
        ids: &[MessageId],
    ) -> Result<HashSet<MessageId>, DbError> {
        returned_ids(tx, INSERT_DONE, consumer, ids).await
    }

    async fn states(
        &self,
        tx: &mut PgConnection,
        consumer: &str,
        ids: &[MessageId],
    ) -> Result<HashMap<MessageId, State>, DbError> {
        states(tx, consumer, ids).await
    }

    async fn finish_tried(
        &self,
        tx: &mut PgConnection,
        consumer: &str,
        ids: &[MessageId],
    ) -> Result<HashSet<MessageId>, DbError> {
        returned_ids(tx, FINISH_TRIED, consumer, ids).await
    }

    async fn finish(
        &self,
        tx: &mut PgConnection,
        consumer: &str,
        id: MessageId,
        attempts: u32,
    ) -> Result<bool, DbError> {
        let done = sqlx::query(FINISH)
            .bind(consumer)
            .bind(id.0)
            .bind(i64::from(attempts))
            .execute(tx)
            .await?;
        Ok(done.rows_affected() == 1)
    }
}

/// Runs a statement that takes a consumer and ids and answers with ids.
pub(super) async fn returned_ids<'e>(
    executor: impl PgExecutor<'e>,
    sql: &'static str,
    consumer: &str,
    ids: &[MessageId],
) -> Result<HashSet<MessageId>, DbError> {
    let found: Vec<Uuid> = sqlx::query_scalar(sql)
        .bind(consumer)
        .bind(uuids(ids))
        .fetch_all(executor)
        .await?;
    Ok(found.into_iter().map(MessageId).collect())
}

pub(super) async fn states<'e>(
    executor: impl PgExecutor<'e>,
    consumer: &str,
    ids: &[MessageId],
) -> Result<HashMap<MessageId, State>, DbError> {
    let found: Vec<(Uuid, String)> = sqlx::query_as(STATES)
        .bind(consumer)
        .bind(uuids(ids))
        .fetch_all(executor)
        .await?;
    found
        .into_iter()
        .map(|(id, state)| Ok((MessageId(id), State::parse(&state)?)))
        .collect()
}

/// Sorted and without repeats: the order in which marks are locked.
fn uuids(ids: &[MessageId]) -> Vec<Uuid> {
    let sorted: BTreeSet<Uuid> = ids.iter().map(|id| id.0).collect();
    sorted.into_iter().collect()
}
