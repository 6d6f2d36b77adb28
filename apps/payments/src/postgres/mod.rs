//! The statements of the payments service on PostgreSQL.

use std::collections::HashSet;

use async_trait::async_trait;
use gozon_events::Reason;
use gozon_sqlx::{DbError, Migration, Migrations, Postgres};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::decision::Decision;
use crate::store::{PaymentStore, refused};

const CLAIM: &str = include_str!("sql/claim.sql");
const REFUSE: &str = include_str!("sql/refuse.sql");
const DECISIONS: &str = include_str!("sql/decisions.sql");

#[async_trait]
impl PaymentStore for Postgres {
    const SCHEMA: Migrations = Migrations {
        history_table: "payments_migrations",
        steps: &[
            Migration {
                version: 1,
                name: "payments",
                sql: include_str!("../../migrations/postgres/0001_payments.sql"),
            },
            Migration {
                version: 2,
                name: "journey",
                sql: include_str!("../../migrations/postgres/0002_journey.sql"),
            },
        ],
    };

    async fn claim(
        tx: &mut PgConnection,
        decisions: &[Decision],
    ) -> Result<HashSet<Uuid>, DbError> {
        let ids: Vec<Uuid> = decisions.iter().map(|one| one.order_id).collect();
        let users: Vec<&str> = decisions.iter().map(|one| one.user_id.as_str()).collect();
        let amounts: Vec<i64> = decisions.iter().map(|one| one.amount).collect();
        let decided: Vec<OffsetDateTime> = decisions.iter().map(|one| one.decided_at).collect();
        let published: Vec<_> = decisions.iter().map(|one| one.published_at).collect();
        let received: Vec<_> = decisions.iter().map(|one| one.received_at).collect();
        let claimed: Vec<Uuid> = sqlx::query_scalar(CLAIM)
            .bind(ids)
            .bind(users)
            .bind(amounts)
            .bind(decided)
            .bind(published)
            .bind(received)
            .fetch_all(tx)
            .await?;
        Ok(claimed.into_iter().collect())
    }

    async fn refuse(tx: &mut PgConnection, refused: &[(Uuid, Reason)]) -> Result<(), DbError> {
        let ids: Vec<Uuid> = refused.iter().map(|(id, _)| *id).collect();
        let reasons: Vec<&str> = refused.iter().map(|(_, reason)| reason.as_str()).collect();
        sqlx::query(REFUSE)
            .bind(ids)
            .bind(reasons)
            .execute(tx)
            .await?;
        Ok(())
    }

    async fn decisions(tx: &mut PgConnection, orders: &[Uuid]) -> Result<Vec<Decision>, DbError> {
        sqlx::query_as::<_, DecisionRow>(DECISIONS)
            .bind(orders)
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
    decided_at: OffsetDateTime,
    published_at: Option<OffsetDateTime>,
    received_at: Option<OffsetDateTime>,
}

impl TryFrom<DecisionRow> for Decision {
    type Error = DbError;

    fn try_from(row: DecisionRow) -> Result<Self, DbError> {
        Ok(Self {
            order_id: row.order_id,
            user_id: row.user_id,
            amount: row.amount,
            refused: refused(row.reason)?,
            decided_at: row.decided_at,
            published_at: row.published_at,
            received_at: row.received_at,
            balance: None,
        })
    }
}
