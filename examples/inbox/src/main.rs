//! A message that is delivered three times and takes effect once. This file is
//! the service, and the broker that repeats itself; what the inbox adds is in
//! `statistics.rs`.
//!
//! `cargo run -p gozon-example-inbox`

mod statistics;

use std::sync::Arc;

use anyhow::ensure;
use gozon_core::{Event, InProcess, NewMessage, Outcome, Publisher, Subscriber, Subscription};
use gozon_sqlx::Db;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqlitePoolOptions;
use tokio_util::sync::CancellationToken;

#[derive(Serialize, Deserialize)]
struct ParcelSent {
    weight: i64,
}

impl Event for ParcelSent {
    const TYPE: &'static str = "parcel_sent";
    const VERSION: u32 = 1;
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("statistics.db");
    // SQLite has one writer.
    let pool = SqlitePoolOptions::new().max_connections(1);
    let pool = pool
        .connect(&format!("sqlite:{}?mode=rwc", file.display()))
        .await?;
    sqlx::raw_sql("CREATE TABLE total (weight INTEGER NOT NULL); INSERT INTO total VALUES (0)")
        .execute(&pool)
        .await?;

    // Stands in for your broker. `gozon-transport-amqp` is RabbitMQ.
    let broker = InProcess::new();
    broker.declare(&parcels()).await?;
    let stop = CancellationToken::new();
    let consumer = statistics::consumer(Db::new(pool.clone())).await?;
    let consumer = tokio::spawn(consumer.run(Arc::new(broker.clone()), stop.clone()));

    // Confirmed means here: handled, committed and acknowledged.
    let parcel = NewMessage::of("/post", &ParcelSent { weight: 700 })?.envelope;
    for _ in 0..3 {
        let outcomes = broker.publish(std::slice::from_ref(&parcel)).await;
        ensure!(outcomes == [Outcome::Confirmed], "{outcomes:?}");
    }
    let weight: i64 = sqlx::query_scalar("SELECT weight FROM total")
        .fetch_one(&pool)
        .await?;
    println!("delivered three times, weighed once: {weight} g");

    stop.cancel();
    consumer.await??; // the batch in hand is finished and acknowledged
    Ok(())
}

/// Which events this service wants, and the name of its queue.
fn parcels() -> Subscription {
    Subscription::durable("statistics.parcels", &[ParcelSent::TYPE])
}
