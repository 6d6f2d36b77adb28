//! An event that leaves if, and only if, your own transaction commits: an axum
//! route with your own sqlx pool. `cargo run -p gozon-examples --example outbox`

use std::sync::Arc;

use anyhow::{Context, ensure};
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use gozon_core::{
    Append, Event, InProcess, Incoming, NewMessage, Received, Subscriber, Subscription,
};
use gozon_outbox::{Outbox, OutboxConfig};
use gozon_sqlx::{Db, Sqlite};
use serde::{Deserialize, Serialize};
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

#[derive(Serialize, Deserialize)]
struct ParcelSent {
    address: String,
}

impl Event for ParcelSent {
    const TYPE: &'static str = "parcel_sent";
    const VERSION: u32 = 1;

    /// Parcels to one address are announced in the order of their commits.
    fn key(&self) -> Option<String> {
        Some(self.address.clone())
    }
}

#[derive(Clone)]
struct App {
    pool: SqlitePool,
    outbox: Outbox<Sqlite>,
}

async fn send(State(app): State<App>, Json(parcel): Json<ParcelSent>) -> StatusCode {
    match app.send(&parcel).await {
        Ok(()) => StatusCode::CREATED, // the row and its event are committed
        Err(_) => StatusCode::SERVICE_UNAVAILABLE, // or neither is
    }
}

impl App {
    async fn send(&self, parcel: &ParcelSent) -> anyhow::Result<()> {
        let event = NewMessage::of("/post", parcel)?;
        let mut tx = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("INSERT INTO parcels (address) VALUES (?)")
            .bind(&parcel.address)
            .execute(&mut *tx)
            .await?;
        self.outbox
            .append(&mut tx, std::slice::from_ref(&event))
            .await?;
        tx.commit().await?;
        self.outbox.committed(&[event]);
        Ok(())
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = SqliteConnectOptions::new()
        .filename(folder.path().join("parcels.db"))
        .create_if_missing(true);
    // SQLite has one writer.
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(file)
        .await?;
    sqlx::query("CREATE TABLE parcels (address TEXT NOT NULL) STRICT")
        .execute(&pool)
        .await?;
    let outbox = Outbox::new(Db::new(pool.clone()), OutboxConfig::default())?;
    outbox.migrate().await?;

    // In production: AmqpTransport of gozon-transport-amqp.
    let transport = InProcess::new();
    let parcels = Subscription::durable("statistics.parcels", &[ParcelSent::TYPE]);
    transport.declare(&parcels).await?;
    let shutdown = CancellationToken::new();
    let relay = outbox.relay(Arc::new(transport.clone()));
    let relay = tokio::spawn(relay.run(shutdown.clone()));

    let routes = Router::new().route("/parcels", post(send));
    let routes = routes.with_state(App { pool, outbox });
    let request = Request::post("/parcels").header("content-type", "application/json");
    let request = request.body(Body::from(r#"{"address": "Main Street 1"}"#))?;
    let response = routes.oneshot(request).await?;
    ensure!(response.status() == StatusCode::CREATED, "{response:?}");

    let mut deliveries = transport.subscribe(&parcels).await?;
    let Received::Batch(batch) = deliveries.receive(1).await else {
        anyhow::bail!("the transport was closed");
    };
    let delivery = batch.into_iter().next().context("an empty batch")?;
    let Incoming::Message(message) = &delivery.incoming else {
        anyhow::bail!("no envelope");
    };
    let parcel: ParcelSent = message.decode()?;
    println!("announced: a parcel to {}", parcel.address);
    ensure!(parcel.address == "Main Street 1", "another parcel");
    delivery.ack().await?; // the relay hears of it and deletes its row
    shutdown.cancel();
    relay.await??;
    Ok(())
}

#[test]
fn it_runs_to_its_end() -> anyhow::Result<()> {
    main()
}
