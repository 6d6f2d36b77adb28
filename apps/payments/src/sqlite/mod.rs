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
use crate::store::{PaymentStore, refused, unreadable};

const CLAIM: &str = include_str!("sql/claim.sql");
const REFUSE: &str = include_str!("sql/refuse.sql");
const DECISIONS: &str = include_str!("sql/decisions.sql");

#[async_trait]
impl PaymentStore for Sqlite {
    const SCHEMA: Migrations = Migrations {
        history_table: "payments_migrations",
        steps: &[
            Migration {
                version: 1,
                name: "payments",
                sql: include_str!("../../migrations/sqlite/0001_payments.sql"),
            },
            Migration {
                version: 2,
                name: "journey",
                sql: include_str!("../../migrations/sqlite/0002_journey.sql"),
            },
        ],
    };

    async fn claim(
        tx: &mut SqliteConnection,
        decisions: &[Decision],
    ) -> Result<HashSet<Uuid>, DbError> {
        let wanted: Vec<_> = decisions
            .iter()
            .map(|one| {
                json!({
                    "order_id": one.order_id.simple().to_string(),
                    "user_id": one.user_id,
                    "amount": one.amount,
                    "decided_at": to_micros(one.decided_at),
                    "published_at": one.published_at.map(to_micros),
                    "received_at": one.received_at.map(to_micros),
                })
            })
            .collect();
        let claimed: Vec<Uuid> = sqlx::query_scalar(CLAIM)
            .bind(json!(wanted).to_string())
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

#[derive(sqlx::FromRow)]
struct DecisionRow {
    order_id: Uuid,
    user_id: String,
    amount: i64,
    reason: Option<String>,
    decided_at: i64,
    published_at: Option<i64>,
    received_at: Option<i64>,
}

impl TryFrom<DecisionRow> for Decision {
    type Error = DbError;

    fn try_from(row: DecisionRow) -> Result<Self, DbError> {
        Ok(Self {
            order_id: row.order_id,
            user_id: row.user_id,
            amount: row.amount,
            refused: refused(row.reason)?,
            decided_at: from_micros(row.decided_at)?,
            published_at: row.published_at.map(from_micros).transpose()?,
            received_at: row.received_at.map(from_micros).transpose()?,
            balance: None,
        })
    }
}

/// Microseconds since 1970: what SQLite keeps of a time.
fn to_micros(time: OffsetDateTime) -> i64 {
    // Every time that a clock shows fits for 292,000 years.
    i64::try_from(time.unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX)
}

fn from_micros(micros: i64) -> Result<OffsetDateTime, DbError> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000)
        .map_err(|_| unreadable("a time", &micros.to_string()))
}
