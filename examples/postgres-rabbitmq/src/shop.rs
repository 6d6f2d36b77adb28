//! The business: orders that are placed, and orders that are counted.

use std::time::Duration;

use async_trait::async_trait;
use gozon_core::{Append, Envelope, Event, NewMessage};
use gozon_inbox::{HandleError, Handler};
use gozon_outbox::Outbox;
use gozon_sqlx::Postgres;
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

#[derive(Serialize, Deserialize)]
pub(crate) struct OrderPlaced {
    pub(crate) id: Uuid,
    pub(crate) amount: i64,
}

impl Event for OrderPlaced {
    const TYPE: &'static str = "order_placed";
    const VERSION: u32 = 1;

    /// What happens to one order is told in the order in which it happened.
    fn key(&self) -> Option<String> {
        Some(self.id.to_string())
    }
}

pub(crate) async fn create_tables(pool: &PgPool) -> anyhow::Result<()> {
    sqlx::raw_sql(
        "CREATE TABLE IF NOT EXISTS orders (id uuid PRIMARY KEY, amount bigint NOT NULL);
         CREATE TABLE IF NOT EXISTS counted (order_id uuid PRIMARY KEY, amount bigint NOT NULL)",
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// The order and its event are committed together.
pub(crate) async fn place(
    pool: &PgPool,
    outbox: &Outbox<Postgres>,
    order: &OrderPlaced,
) -> anyhow::Result<()> {
    let events = [NewMessage::of("/shop", order)?];
    let mut tx = pool.begin().await?;
    sqlx::query("INSERT INTO orders (id, amount) VALUES ($1, $2)")
        .bind(order.id)
        .bind(order.amount)
        .execute(&mut *tx)
        .await?;
    outbox.append(&mut *tx, &events).await?;
    tx.commit().await?;
    outbox.committed(&events);
    Ok(())
}

/// Counts orders, each once. A second insert would fail: there is none.
pub(crate) struct Count;

#[async_trait]
impl Handler<PgConnection> for Count {
    async fn handle(
        &self,
        tx: &mut PgConnection,
        message: &Envelope,
        _out: &mut Vec<NewMessage>,
    ) -> Result<(), HandleError> {
        let order: OrderPlaced = message.decode()?;
        sqlx::query("INSERT INTO counted (order_id, amount) VALUES ($1, $2)")
            .bind(order.id)
            .bind(order.amount)
            .execute(tx)
            .await?;
        Ok(())
    }
}

/// Waits until `wanted` orders are counted; how many, and their sum.
pub(crate) async fn counted(pool: &PgPool, wanted: i64) -> anyhow::Result<(i64, i64)> {
    let poll = async {
        loop {
            let found: (i64, i64) =
                sqlx::query_as("SELECT count(*), coalesce(sum(amount), 0)::bigint FROM counted")
                    .fetch_one(pool)
                    .await?;
            if found.0 >= wanted {
                return Ok(found);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), poll).await?
}
