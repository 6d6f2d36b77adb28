use std::time::Duration;

use async_trait::async_trait;
use gozon_sqlx::DbError;
use sqlx::{PgConnection, Row};

use crate::database::micros;
use crate::requests::{RequestKey, StoredAnswer};
use crate::store::{Claim, RequestStore};

const CLAIM_REQUEST: &str = include_str!("sql/claim_request.sql");
const READ_REQUEST: &str = include_str!("sql/read_request.sql");
const STORE_ANSWER: &str = include_str!("sql/store_answer.sql");

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>:
/// `lock_not_available`, which is what `lock_timeout` raises.
const LOCK_TIMEOUT: &str = "55P03";

/// The keys of requests on PostgreSQL: a repeat waits for the row that the
/// first request's open transaction has inserted.
pub(super) struct PostgresRequests;

#[async_trait]
impl RequestStore<PgConnection> for PostgresRequests {
    async fn claim(
        &self,
        tx: &mut PgConnection,
        key: &RequestKey,
        keep: Duration,
        wait: Duration,
    ) -> Result<Claim, DbError> {
        let claimed = sqlx::query(CLAIM_REQUEST)
            .bind(&key.user)
            .bind(&key.route)
            .bind(&key.key)
            .bind(&key.fingerprint[..])
            .bind(wait.as_millis().max(1).to_string())
            .bind(micros(keep))
            .fetch_optional(&mut *tx)
            .await;
        match claimed {
            Ok(Some(_)) => return Ok(Claim::Fresh),
            Ok(None) => {}
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(LOCK_TIMEOUT) => {
                return Ok(Claim::InProgress);
            }
            Err(error) => return Err(error.into()),
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
                stored.try_get::<i32, _>("status")?.into(),
                stored.try_get("headers")?,
                stored.try_get("body")?,
            )?,
        })
    }

    async fn store(
        &self,
        tx: &mut PgConnection,
        key: &RequestKey,
        answer: &StoredAnswer,
    ) -> Result<(), DbError> {
        sqlx::query(STORE_ANSWER)
            .bind(&key.user)
            .bind(&key.route)
            .bind(&key.key)
            .bind(i32::from(answer.status))
            .bind(answer.headers_json()?)
            .bind(&answer.body)
            .execute(tx)
            .await?;
        Ok(())
    }
}
