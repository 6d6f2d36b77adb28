//! What joins the caller's transaction.

use gozon_sqlx::DbError;
use sqlx::{PgConnection, PgExecutor};

use crate::key::stripe_of;
use crate::outbox::{NewRow, walk};

const APPEND: &str = include_str!("sql/append.sql");
const PARTITIONS: &str = include_str!("sql/partitions.sql");
const KEYS_PENDING: &str = include_str!("sql/keys_pending.sql");

pub(super) async fn insert(tx: &mut PgConnection, rows: &[NewRow]) -> Result<(), DbError> {
    // A delayed message draws the number that counts when it is due.
    let keys = rows
        .iter()
        .filter(|row| row.delay_us.is_none())
        .filter_map(|row| row.key.as_deref());
    sqlx::query(APPEND)
        .bind(stripes(keys))
        .bind(rows.iter().map(|row| row.partition).collect::<Vec<_>>())
        .bind(
            rows.iter()
                .map(|row| row.key.as_deref())
                .collect::<Vec<_>>(),
        )
        .bind(rows.iter().map(|row| row.id).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.kind.as_str()).collect::<Vec<_>>())
        .bind(
            rows.iter()
                .map(|row| row.attributes.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(rows.iter().map(|row| &row.data[..]).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.delay_us).collect::<Vec<_>>())
        .execute(tx)
        .await?;
    Ok(())
}

/// Sorted, so that two transactions cannot wait for each other's stripes, and
/// distinct, so that the lock table holds each once.
pub(super) fn stripes<'a>(keys: impl Iterator<Item = &'a str>) -> Vec<i32> {
    let mut stripes: Vec<i32> = keys.map(stripe_of).collect();
    stripes.sort_unstable();
    stripes.dedup();
    stripes
}

pub(super) async fn partitions(executor: impl PgExecutor<'_>) -> Result<u32, DbError> {
    let partitions: i32 = sqlx::query_scalar(PARTITIONS).fetch_one(executor).await?;
    u32::try_from(partitions)
        .map_err(|_| DbError::Unsuitable("gozon_outbox_settings.partitions is negative".to_owned()))
}

pub(super) async fn keys_pending(
    tx: &mut PgConnection,
    keys: &[String],
    partitions: &[i32],
) -> Result<Vec<String>, DbError> {
    Ok(sqlx::query_scalar(KEYS_PENDING)
        .bind(keys)
        .bind(partitions)
        .bind(walk(partitions))
        .fetch_all(tx)
        .await?)
}
