//! What joins the caller's transaction.

use std::fmt::Write as _;

use gozon_sqlx::DbError;
use serde_json::{Value, json};
use sqlx::{SqliteConnection, SqliteExecutor};

use crate::outbox::{NewRow, walk};

const APPEND: &str = include_str!("sql/append.sql");
const PARTITIONS: &str = include_str!("sql/partitions.sql");
const KEYS_PENDING: &str = include_str!("sql/keys_pending.sql");

pub(super) async fn insert(tx: &mut SqliteConnection, rows: &[NewRow]) -> Result<(), DbError> {
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!([
                row.partition,
                row.key,
                row.id.simple().to_string(),
                row.kind,
                row.attributes,
                hex(&row.data),
                row.delay_us,
            ])
        })
        .collect();
    sqlx::query(APPEND)
        .bind(Value::from(rows).to_string())
        .execute(tx)
        .await?;
    Ok(())
}

/// JSON holds no bytes, and `unhex` gives them back.
fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
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
