//! The outbox and the inbox in production's clothes: PostgreSQL and RabbitMQ.
//!
//! `DATABASE_URL=postgres://… AMQP_URL=amqp://… cargo run -p gozon-example-postgres-rabbitmq`

mod shop;

use std::sync::Arc;

use anyhow::{Context, ensure};
use gozon_core::{NoOutbox, Subscriber, Subscription};
use gozon_inbox::{Each, Inbox, InboxConfig};
use gozon_outbox::{Outbox, OutboxConfig};
use gozon_sqlx::{Db, Postgres};
use gozon_transport_amqp::{AmqpConfig, AmqpTransport};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use gozon_core::Event;
use shop::{Count, OrderPlaced};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let database = std::env::var("DATABASE_URL").context("set DATABASE_URL")?;
    let broker = std::env::var("AMQP_URL").context("set AMQP_URL")?;
    let pool = PgPool::connect(&database).await?;
    shop::create_tables(&pool).await?;

    let db: Db<Postgres> = Db::new(pool.clone());
    let outbox = Outbox::new(db.clone(), OutboxConfig::default())?;
    let inbox = Inbox::new(db, InboxConfig::default())?;
    outbox.migrate().await?;
    inbox.migrate().await?;

    let prefix = std::env::var("AMQP_PREFIX").unwrap_or_default();
    let config = AmqpConfig::new(broker).with_prefix(prefix);
    let transport = AmqpTransport::connect(config).await?;
    // The queue must stand before the first event is published.
    let orders = Subscription::durable("statistics.orders", &[OrderPlaced::TYPE]);
    transport.declare(&orders).await?;

    let stop = CancellationToken::new();
    let relay = outbox.relay(Arc::new(transport.clone()));
    let consumer = inbox.consumer(orders, Arc::new(Each(Count)), Arc::new(NoOutbox));
    let relay = tokio::spawn(relay.run(stop.clone()));
    let consumer = tokio::spawn(consumer.run(Arc::new(transport.clone()), stop.clone()));

    for amount in [2_490, 1_000] {
        let id = Uuid::now_v7();
        shop::place(&pool, &outbox, &OrderPlaced { id, amount }).await?;
    }
    let (orders, amount) = shop::counted(&pool, 2).await?;
    println!("{orders} orders were placed, announced and counted: {amount}");
    ensure!(amount == 3_490, "counted {amount}");

    stop.cancel();
    relay.await??; // first what is published, then who consumes, then the link
    consumer.await??;
    transport.close().await;
    Ok(())
}
