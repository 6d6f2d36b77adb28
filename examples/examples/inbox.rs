//! A message that is delivered three times and takes effect once.
//! `cargo run -p gozon-examples --example inbox`

use std::sync::Arc;

use anyhow::ensure;
use async_trait::async_trait;
use gozon_core::{
    Envelope, Event, InProcess, NewMessage, Outcome, Publisher, Subscriber, Subscription,
};
use gozon_inbox::{Each, HandleError, Handler, Inbox, InboxConfig};
use gozon_outbox::{Outbox, OutboxConfig};
use gozon_sqlx::sqlite;
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;
use tokio_util::sync::CancellationToken;

#[derive(Serialize, Deserialize)]
struct ParcelSent {
    weight: i64,
}

impl Event for ParcelSent {
    const TYPE: &'static str = "parcel_sent";
    const VERSION: u32 = 1;
}

/// Adds up what was sent. It needs no care against repeats: the mark of the
/// message is in the same transaction.
struct AddUp;

#[async_trait]
impl Handler<SqliteConnection> for AddUp {
    async fn handle(
        &self,
        tx: &mut SqliteConnection,
        message: &Envelope,
        _out: &mut Vec<NewMessage>,
    ) -> Result<(), HandleError> {
        let parcel: ParcelSent = message.decode()?; // what cannot be read becomes a dead letter
        sqlx::query("UPDATE total SET weight = weight + ?")
            .bind(parcel.weight)
            .execute(tx)
            .await?; // a database that is away is waited for
        Ok(())
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let db = sqlite::open(&folder.path().join("parcels.db"), &Default::default()).await?;
    sqlx::query(
        "CREATE TABLE total (weight INTEGER NOT NULL) STRICT; INSERT INTO total VALUES (0)",
    )
    .execute(db.writer())
    .await?;
    let inbox = Inbox::new(db.clone(), InboxConfig::default())?;
    inbox.migrate().await?;
    // What handlers send goes there. This one sends nothing.
    let outbox = Outbox::new(db.clone(), OutboxConfig::default())?;
    outbox.migrate().await?;

    let transport = InProcess::new();
    let parcels = Subscription::durable("statistics.parcels", &[ParcelSent::TYPE]);
    transport.declare(&parcels).await?;
    let shutdown = CancellationToken::new();
    let consumer = inbox.consumer(parcels, Arc::new(Each(AddUp)), Arc::new(outbox));
    let consumer = tokio::spawn(consumer.run(Arc::new(transport.clone()), shutdown.clone()));

    // Confirmed means here: handled, committed and acknowledged.
    let sent = NewMessage::of("/post", &ParcelSent { weight: 700 })?.envelope;
    for _ in 0..3 {
        let outcomes = transport.publish(std::slice::from_ref(&sent)).await;
        ensure!(outcomes == [Outcome::Confirmed], "{outcomes:?}");
    }

    let weight: i64 = sqlx::query_scalar("SELECT weight FROM total")
        .fetch_one(db.reader())
        .await?;
    println!("delivered three times, weighed once: {weight} g");
    ensure!(weight == 700, "counted more than once");
    shutdown.cancel();
    consumer.await??;
    Ok(())
}

#[test]
fn it_runs_to_its_end() -> anyhow::Result<()> {
    main()
}
