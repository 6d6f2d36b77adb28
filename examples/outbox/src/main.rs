//! An axum + sqlx service, and an outbox in it. This file is the service as it
//! may stand already; what the outbox adds is in `parcels.rs`.
//!
//! `cargo run -p gozon-example-outbox`, and in a second terminal
//! `curl http://127.0.0.1:3000/parcels --json '{"address": "Main Street 1"}'`

mod parcels;

use std::sync::Arc;

use async_trait::async_trait;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::post};
use gozon_core::{Envelope, Outcome, Publisher};
use sqlx::sqlite::SqlitePoolOptions;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let url = std::env::var("DATABASE_URL");
    let url = url.unwrap_or_else(|_| "sqlite:parcels.db?mode=rwc".to_owned());
    // SQLite has one writer.
    let pool = SqlitePoolOptions::new().max_connections(1);
    let pool = pool.connect(&url).await?;
    sqlx::query("CREATE TABLE IF NOT EXISTS parcels (address TEXT NOT NULL) STRICT")
        .execute(&pool)
        .await?;

    let stop = CancellationToken::new();
    let (outbox, relay) = parcels::start(pool.clone(), Arc::new(Shouting), stop.clone()).await?;

    let bind = std::env::var("BIND").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(bind).await?;
    println!("listening on {}", listener.local_addr()?);
    let routes = Router::new().route("/parcels", post(parcels::send));
    axum::serve(listener, routes.with_state((pool, outbox)))
        .with_graceful_shutdown(async { tokio::signal::ctrl_c().await.unwrap_or_default() })
        .await?;

    stop.cancel();
    relay.await??; // what is in flight has its answer
    println!("drained");
    Ok(())
}

/// Stands in for your broker. `gozon-transport-amqp` is RabbitMQ.
struct Shouting;

#[async_trait]
impl Publisher for Shouting {
    async fn publish(&self, batch: &[Envelope]) -> Vec<Outcome> {
        for message in batch {
            let data = String::from_utf8_lossy(&message.data);
            println!("published {}: {data}", message.kind);
        }
        vec![Outcome::Confirmed; batch.len()]
    }
}

/// How your service says that something went wrong.
struct Failure(anyhow::Error);

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        eprintln!("{:#}", self.0);
        StatusCode::SERVICE_UNAVAILABLE.into_response()
    }
}
