//! Dead letters of the outbox and of the inbox: look at them, replay one,
//! discard one. `cargo run -p gozon-examples --example dead_letters`

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use async_trait::async_trait;
use gozon_core::{
    Append, Envelope, Event, InProcess, NewMessage, NoOutbox, Outcome, Publisher, Subscriber,
    Subscription,
};
use gozon_inbox::{Each, HandleError, Handler, Inbox, InboxConfig};
use gozon_outbox::{DeadLetterPage, Outbox, OutboxConfig, Signature};
use gozon_sqlx::{Db, Sqlite, sqlite};
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

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let db = sqlite::open(&folder.path().join("post.db"), &Default::default()).await?;
    of_the_outbox(&db).await?;
    of_the_inbox(&db).await
}

async fn of_the_outbox(db: &Db<Sqlite>) -> anyhow::Result<()> {
    let outbox = Outbox::new(db.clone(), OutboxConfig::default())?;
    outbox.migrate().await?;
    let broker = Arc::new(Picky::default());
    let stop = CancellationToken::new();
    let relay = tokio::spawn(outbox.relay(broker.clone()).run(stop.clone()));
    for weight in [1, 2] {
        let mut tx = db.begin().await?;
        let events = [NewMessage::of("/post", &ParcelSent { weight })?];
        outbox.append(&mut tx, &events).await?;
        tx.commit().await?;
        outbox.committed(&events);
    }
    until(async || Ok(outbox.stats().await?.dead == 2)).await?;

    let letters = outbox.dead_letters(&DeadLetterPage::default()).await?;
    for letter in &letters {
        println!("{} {}: {}", letter.kind, letter.seq, letter.reason);
    }

    let [first, second] = &letters[..] else {
        anyhow::bail!("{letters:?}");
    };
    broker.takes_all.store(true, Ordering::Relaxed); // whatever was wrong is mended
    let by = |reason: &str| Signature::new("maria", reason);
    outbox
        .replay(&[first.seq], &by("the broker takes 20 MiB now"))
        .await?;
    outbox.discard(&[second.seq], &by("a test of ours")).await?;

    until(async || Ok(outbox.stats().await? == Default::default())).await?;
    for decision in outbox.decisions(None, None, 10).await? {
        let (what, who) = (decision.ruling.as_str(), decision.signature);
        println!("{what} by {}: {}", who.by, who.reason);
    }
    stop.cancel();
    relay.await??;
    Ok(())
}

async fn of_the_inbox(db: &Db<Sqlite>) -> anyhow::Result<()> {
    let inbox = Inbox::new(db.clone(), InboxConfig::default())?;
    inbox.migrate().await?;
    let broker = InProcess::new();
    let parcels = Subscription::durable("statistics.parcels", &[ParcelSent::TYPE]);
    broker.declare(&parcels).await?;
    let handler = Arc::new(Picky::default());
    let stop = CancellationToken::new();
    let consumer = inbox.consumer(parcels, Arc::new(Each(handler.clone())), Arc::new(NoOutbox));
    let consumer = tokio::spawn(consumer.run(Arc::new(broker.clone()), stop.clone()));
    for weight in [1, 2] {
        let parcel = NewMessage::of("/post", &ParcelSent { weight })?.envelope;
        ensure!(broker.publish(&[parcel]).await == [Outcome::Confirmed]);
    }

    let letters = inbox.dead_letters("statistics.parcels", None, 50).await?;
    for letter in &letters {
        println!("{}: {}", letter.consumer, letter.reason);
    }

    let [first, second] = &letters[..] else {
        anyhow::bail!("{letters:?}");
    };
    handler.takes_all.store(true, Ordering::Relaxed); // the mended version runs
    let mended = Signature::new("maria", "version 1.2 knows this scale");
    inbox.replay(&first.consumer, first.id, &mended).await?;
    let test = Signature::new("maria", "a test of ours");
    inbox.discard(&second.consumer, second.id, &test).await?;

    until(async || Ok(inbox.stats().await? == Default::default())).await?;
    for record in inbox.decisions("statistics.parcels", None, 10).await? {
        let (what, who) = (record.ruling.as_str(), record.signature);
        println!("{what} by {}: {}", who.by, who.reason);
    }
    stop.cancel();
    consumer.await??;
    Ok(())
}

/// A broker, or a handler, with something wrong that somebody mends.
#[derive(Default)]
struct Picky {
    takes_all: AtomicBool,
}

#[async_trait]
impl Publisher for Picky {
    async fn publish(&self, batch: &[Envelope]) -> Vec<Outcome> {
        let answer = |_| match self.takes_all.load(Ordering::Relaxed) {
            true => Outcome::Confirmed,
            false => Outcome::Refused {
                reason: "too large".to_owned(),
            },
        };
        batch.iter().map(answer).collect()
    }
}

#[async_trait]
impl Handler<SqliteConnection> for Picky {
    async fn handle(
        &self,
        _tx: &mut SqliteConnection,
        _message: &Envelope,
        _out: &mut Vec<NewMessage>,
    ) -> Result<(), HandleError> {
        match self.takes_all.load(Ordering::Relaxed) {
            true => Ok(()),
            false => Err(HandleError::reject("an unknown scale")),
        }
    }
}

async fn until(is: impl AsyncFn() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let poll = async {
        while !is().await? {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    };
    let bound = Duration::from_secs(20);
    tokio::time::timeout(bound, poll)
        .await
        .context("it did not come to that")?
}

#[test]
fn it_runs_to_its_end() -> anyhow::Result<()> {
    main()
}
