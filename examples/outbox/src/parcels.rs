//! What the outbox adds to your service, all of it.

use axum::{Json, extract::State};
use gozon_core::{Append, Event, NewMessage, Publisher};
use gozon_outbox::{Outbox, OutboxConfig, RelayError};
use gozon_sqlx::{Db, Sqlite};
use sqlx::SqlitePool;
use std::sync::Arc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::Failure;

/// What happened, and what others will hear of it.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct ParcelSent {
    address: String,
}

impl Event for ParcelSent {
    const TYPE: &'static str = "parcel_sent";
    const VERSION: u32 = 1;
}

type App = State<(SqlitePool, Outbox<Sqlite>)>;

/// Your route, your pool, your transaction: the row and its event are committed
/// together, or neither is.
pub(crate) async fn send(app: App, Json(parcel): Json<ParcelSent>) -> Result<(), Failure> {
    let State((pool, outbox)) = app;
    let events = [NewMessage::of("/post", &parcel)?];
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
    let insert = sqlx::query("INSERT INTO parcels (address) VALUES (?)");
    insert.bind(&parcel.address).execute(&mut *tx).await?;
    outbox.append(&mut *tx, &events).await?;
    tx.commit().await?;
    outbox.committed(&events); // only a hint: the relay also polls
    Ok(())
}

/// At start: the tables, and the relay that publishes until `stop`.
pub(crate) async fn start(
    pool: SqlitePool,
    broker: Arc<dyn Publisher>,
    stop: CancellationToken,
) -> anyhow::Result<(Outbox<Sqlite>, JoinHandle<Result<(), RelayError>>)> {
    let outbox = Outbox::new(Db::new(pool), OutboxConfig::default())?;
    outbox.migrate().await?;
    let relay = tokio::spawn(outbox.relay(broker).run(stop));
    Ok((outbox, relay))
}
