//! The statements of the payments service on SQLite.

use std::collections::HashSet;

use async_trait::async_trait;
use gozon_events::Reason;
use gozon_sqlx::{DbError, Migration, Migrations, Sqlite};
use serde_json::json;
use sqlx::SqliteConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::decision::Decision;
use crate::store::{DecisionRow, PaymentStore};

const CLAIM: &str = include_str!("sql/claim.sql");
const REFUSE: &str = include_str!("sql/refuse.sql");
const DECISIONS: &str = include_str!("sql/decisions.sql");

#[async_trait]
impl PaymentStore for Sqlite {
    const SCHEMA: Migrations = Migrations {
        history_table: "payments_migrations",
        steps: &[Migration {
            version: 1,
            name: "payments",
            sql: include_str!("../../migrations/sqlite/0001_payments.sql"),
        }],
    };

    async fn claim(
        tx: &mut SqliteConnection,
        decisions: &[Decision],
        now: OffsetDateTime,
    ) -> Result<HashSet<Uuid>, DbError> {
        let wanted: Vec<_> = decisions
            .iter()
            .map(|one| {
                json!({
                    "order_id": one.order_id.simple().to_string(),
                    "user_id": one.user_id,
                    "amount": one.amount,
                })
            })
            .collect();
        // Every time that a clock shows fits for 292,000 years.
        let now = i64::try_from(now.unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX);
        let claimed: Vec<Uuid> = sqlx::query_scalar(CLAIM)
            .bind(json!(wanted).to_string())
            .bind(now)
            .fetch_all(tx)
            .await?;
        Ok(claimed.into_iter().collect())
    }

    async fn refuse(tx: &mut SqliteConnection, refused: &[(Uuid, Reason)]) -> Result<(), DbError> {
        let refused: Vec<_> = refused
            .iter()
            .map(|(id, reason)| {
                json!({
                    "order_id": id.simple().to_string(),
                    "reason": reason.as_str(),
                })
            })
            .collect();
        sqlx::query(REFUSE)
            .bind(json!(refused).to_string())
            .execute(tx)
            .await?;
        Ok(())
    }

    async fn decisions(
        tx: &mut SqliteConnection,
        orders: &[Uuid],
    ) -> Result<Vec<Decision>, DbError> {
        let ids: Vec<String> = orders.iter().map(|id| id.simple().to_string()).collect();
        sqlx::query_as::<_, DecisionRow>(DECISIONS)
            .bind(json!(ids).to_string())
            .fetch_all(tx)
            .await?
            .into_iter()
            .map(Decision::try_from)
            .collect()
    }
}
