use std::time::Duration;

use async_trait::async_trait;
use gozon_sqlx::DbError;
use sqlx::{Row, SqliteConnection};

use super::now_micros;
use crate::database::micros;
use crate::requests::{RequestKey, StoredAnswer};
use crate::store::{Claim, RequestStore};

const CLAIM_REQUEST: &str = include_str!("sql/claim_request.sql");
const READ_REQUEST: &str = include_str!("sql/read_request.sql");
const STORE_ANSWER: &str = include_str!("sql/store_answer.sql");

/// The keys of requests on SQLite. Whoever has a transaction is the only
/// writer, so there is nobody left to wait for.
pub(super) struct SqliteRequests;

#[async_trait]
impl RequestStore<SqliteConnection> for SqliteRequests {
    async fn claim(
        &self,
        tx: &mut SqliteConnection,
        key: &RequestKey,
        keep: Duration,
        _wait: Duration,
    ) -> Result<Claim, DbError> {
        let claimed = sqlx::query(CLAIM_REQUEST)
            .bind(&key.user)
            .bind(&key.route)
            .bind(&key.key)
            .bind(&key.fingerprint[..])
            .bind(now_micros())
            .bind(micros(keep))
            .fetch_optional(&mut *tx)
            .await?;
        if claimed.is_some() {
            return Ok(Claim::Fresh);
        }
        let stored = sqlx::query(READ_REQUEST)
            .bind(&key.user)
            .bind(&key.route)
            .bind(&key.key)
            .fetch_one(tx)
            .await?;
        Ok(Claim::Taken {
            fingerprint: stored.try_get("fingerprint")?,
            answer: StoredAnswer::from_stored(
                stored.try_get("status")?,
                stored.try_get("headers")?,
                stored.try_get("body")?,
            )?,
        })
    }

    async fn store(
        &self,
        tx: &mut SqliteConnection,
        key: &RequestKey,
        answer: &StoredAnswer,
    ) -> Result<(), DbError> {
        sqlx::query(STORE_ANSWER)
            .bind(&key.user)
            .bind(&key.route)
            .bind(&key.key)
            .bind(i64::from(answer.status))
            .bind(answer.headers_json()?)
            .bind(&answer.body)
            .execute(tx)
            .await?;
        Ok(())
    }
}
