//! What joins the caller's transaction.

use gozon_sqlx::DbError;
use serde_json::json;
use sqlx::{SqliteConnection, SqliteExecutor};

use crate::outbox::{NewRow, walk};

const APPEND: &str = include_str!("sql/append.sql");
const PARTITIONS: &str = include_str!("sql/partitions.sql");
const KEYS_PENDING: &str = include_str!("sql/keys_pending.sql");

pub(super) async fn insert(tx: &mut SqliteConnection, rows: &[NewRow]) -> Result<(), DbError> {
    // Tuples, not values: a payload is copied as often as there are steps.
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row.partition,
                &row.key,
                row.id.simple().to_string(),
                &row.kind,
                &row.attributes,
                hex(&row.data),
                row.delay_us,
            )
        })
        .collect();
    let rows = serde_json::to_string(&rows).map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query(APPEND).bind(rows).execute(tx).await?;
    Ok(())
}

/// JSON holds no bytes, and `unhex` gives them back. By a table: through a
/// formatter a byte takes six times as long.
fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)]);
        text.push(DIGITS[usize::from(byte & 15)]);
    }
    text
}

pub(super) async fn partitions(executor: impl SqliteExecutor<'_>) -> Result<u32, DbError> {
    let partitions: i64 = sqlx::query_scalar(PARTITIONS).fetch_one(executor).await?;
    u32::try_from(partitions)
        .map_err(|_| DbError::Unsuitable("gozon_outbox_settings.partitions is negative".to_owned()))
}

pub(super) async fn keys_pending(
    tx: &mut SqliteConnection,
    keys: &[String],
    partitions: &[i32],
) -> Result<Vec<String>, DbError> {
    Ok(sqlx::query_scalar(KEYS_PENDING)
        .bind(json!(keys).to_string())
        .bind(json!(partitions).to_string())
        .bind(walk(partitions))
        .fetch_all(tx)
        .await?)
}
