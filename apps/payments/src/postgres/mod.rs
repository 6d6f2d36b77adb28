//! The statements of the payments service on PostgreSQL.

use std::collections::HashSet;

use async_trait::async_trait;
use gozon_events::Reason;
use gozon_sqlx::{DbError, Migration, Migrations, Postgres};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::decision::Decision;
use crate::store::{DecisionRow, PaymentStore};

const CLAIM: &str = include_str!("sql/claim.sql");
const REFUSE: &str = include_str!("sql/refuse.sql");
const DECISIONS: &str = include_str!("sql/decisions.sql");

#[async_trait]
impl PaymentStore for Postgres {
    const SCHEMA: Migrations = Migrations {
        history_table: "payments_migrations",
        steps: &[Migration {
            version: 1,
            name: "payments",
            sql: include_str!("../../migrations/postgres/0001_payments.sql"),
        }],
    };

    async fn claim(
        tx: &mut PgConnection,
        decisions: &[Decision],
        now: OffsetDateTime,
    ) -> Result<HashSet<Uuid>, DbError> {
        let ids: Vec<Uuid> = decisions.iter().map(|one| one.order_id).collect();
        let users: Vec<&str> = decisions.iter().map(|one| one.user_id.as_str()).collect();
        let amounts: Vec<i64> = decisions.iter().map(|one| one.amount).collect();
        let claimed: Vec<Uuid> = sqlx::query_scalar(CLAIM)
            .bind(ids)
            .bind(users)
            .bind(amounts)
            .bind(now)
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
