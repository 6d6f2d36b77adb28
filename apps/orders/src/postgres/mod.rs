//! The statements of the orders service on PostgreSQL.

mod row;

use std::time::Duration;

use async_trait::async_trait;
use gozon_sqlx::{Db, DbError, Migration, Migrations, Postgres};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use self::row::{OrderRow, RecordedRow, UnsettledRow};
use crate::journey::Recorded;
use crate::order::{Order, Postponed, Unsettled, Verdict};
use crate::store::{OrderStore, journey_text};

const INSERT: &str = include_str!("sql/insert.sql");
const SETTLE: &str = include_str!("sql/settle.sql");
const ORDERS_BY_ID: &str = include_str!("sql/orders_by_id.sql");
const ORDERS_OF_USER: &str = include_str!("sql/orders_of_user.sql");
const ORDER_OF_USER: &str = include_str!("sql/order_of_user.sql");
const RECORDED_OF_USER: &str = include_str!("sql/recorded_of_user.sql");
const PAGE_OF_USER: &str = include_str!("sql/page_of_user.sql");
const CHANGED_OF_USER: &str = include_str!("sql/changed_of_user.sql");
const CLAIM_UNSETTLED: &str = include_str!("sql/claim_unsettled.sql");
const POSTPONE: &str = include_str!("sql/postpone.sql");
const CLAIM_CURRENCY: &str = include_str!("sql/claim_currency.sql");
const CURRENCY: &str = include_str!("sql/currency.sql");

#[async_trait]
impl OrderStore for Postgres {
    const SCHEMA: Migrations = Migrations {
        history_table: "orders_migrations",
        steps: &[
            Migration {
                version: 1,
                name: "orders",
                sql: include_str!("../../migrations/postgres/0001_orders.sql"),
            },
            Migration {
                version: 2,
                name: "journey",
                sql: include_str!("../../migrations/postgres/0002_journey.sql"),
            },
        ],
    };

    async fn insert_order(
        tx: &mut PgConnection,
        order: &Order,
        patience: Duration,
    ) -> Result<(), DbError> {
        sqlx::query(INSERT)
            .bind(order.id)
            .bind(&order.user_id)
            .bind(order.amount)
            .bind(&order.currency)
            .bind(&order.description)
            .bind(order.status.as_str())
            .bind(order.reason.map(|reason| reason.as_str()))
            .bind(order.version)
            .bind(order.created_at)
            .bind(order.updated_at)
            .bind(order.created_at + patience)
            .execute(tx)
            .await?;
        Ok(())
    }

    async fn settle(
        tx: &mut PgConnection,
        verdicts: &[Verdict],
        now: OffsetDateTime,
    ) -> Result<Vec<Order>, DbError> {
        let ids: Vec<Uuid> = verdicts.iter().map(|verdict| verdict.order_id).collect();
        let statuses: Vec<&str> = verdicts
            .iter()
            .map(|verdict| verdict.status().as_str())
            .collect();
        let reasons: Vec<Option<&str>> = verdicts
            .iter()
            .map(|verdict| verdict.refused.map(|reason| reason.as_str()))
            .collect();
        let journeys = verdicts
            .iter()
            .map(journey_text)
            .collect::<Result<Vec<String>, DbError>>()?;
        sqlx::query_as::<_, OrderRow>(SETTLE)
            .bind(ids)
            .bind(statuses)
            .bind(reasons)
            .bind(journeys)
            .bind(now)
            .fetch_all(tx)
            .await?
            .into_iter()
            .map(Order::try_from)
            .collect()
    }

    async fn by_ids_in(tx: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Order>, DbError> {
        sqlx::query_as::<_, OrderRow>(ORDERS_BY_ID)
            .bind(ids)
            .fetch_all(tx)
            .await?
            .into_iter()
            .map(Order::try_from)
            .collect()
    }

    async fn of_user_among(db: &Db<Self>, user: &str, ids: &[Uuid]) -> Result<Vec<Order>, DbError> {
        sqlx::query_as::<_, OrderRow>(ORDERS_OF_USER)
            .bind(user)
            .bind(ids)
            .fetch_all(db.reader())
            .await?
            .into_iter()
            .map(Order::try_from)
            .collect()
    }

    async fn of_user(db: &Db<Self>, user: &str, id: Uuid) -> Result<Option<Order>, DbError> {
        sqlx::query_as::<_, OrderRow>(ORDER_OF_USER)
            .bind(user)
            .bind(id)
            .fetch_optional(db.reader())
            .await?
            .map(Order::try_from)
            .transpose()
    }

    async fn recorded_of_user(
        db: &Db<Self>,
        user: &str,
        id: Uuid,
    ) -> Result<Option<Recorded>, DbError> {
        sqlx::query_as::<_, RecordedRow>(RECORDED_OF_USER)
            .bind(user)
            .bind(id)
            .fetch_optional(db.reader())
            .await?
            .map(Recorded::try_from)
            .transpose()
    }

    async fn page_of_user(
        db: &Db<Self>,
        user: &str,
        before: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<Order>, DbError> {
        sqlx::query_as::<_, OrderRow>(PAGE_OF_USER)
            .bind(user)
            .bind(before)
            .bind(limit)
            .fetch_all(db.reader())
            .await?
            .into_iter()
            .map(Order::try_from)
            .collect()
    }

    async fn changed_of_user(
        db: &Db<Self>,
        user: &str,
        since: OffsetDateTime,
        among_newest: i64,
    ) -> Result<Vec<Order>, DbError> {
        sqlx::query_as::<_, OrderRow>(CHANGED_OF_USER)
            .bind(user)
            .bind(since)
            .bind(among_newest)
            .fetch_all(db.reader())
            .await?
            .into_iter()
            .map(Order::try_from)
            .collect()
    }

    async fn claim_unsettled(
        tx: &mut PgConnection,
        now: OffsetDateTime,
        limit: i64,
    ) -> Result<Vec<Unsettled>, DbError> {
        sqlx::query_as::<_, UnsettledRow>(CLAIM_UNSETTLED)
            .bind(now)
            .bind(limit)
            .fetch_all(tx)
            .await?
            .into_iter()
            .map(Unsettled::try_from)
            .collect()
    }

    async fn postpone(tx: &mut PgConnection, plan: &[Postponed]) -> Result<(), DbError> {
        let ids: Vec<Uuid> = plan.iter().map(|one| one.order_id).collect();
        let reemitted: Vec<i32> = plan.iter().map(|one| i32::from(one.reemitted)).collect();
        let until: Vec<OffsetDateTime> = plan.iter().map(|one| one.until).collect();
        sqlx::query(POSTPONE)
            .bind(ids)
            .bind(reemitted)
            .bind(until)
            .execute(tx)
            .await?;
        Ok(())
    }

    async fn claim_currency(db: &Db<Self>, currency: &str) -> Result<String, DbError> {
        sqlx::query(CLAIM_CURRENCY)
            .bind(currency)
            .execute(db.writer())
            .await?;
        Ok(sqlx::query_scalar(CURRENCY).fetch_one(db.writer()).await?)
    }
}
