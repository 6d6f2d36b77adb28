//! The database goes away and comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use gozon_outbox::conformance::eventually;
use gozon_outbox::store::{
    Failure, Kept, Lease, Leases, MemberId, OutboxStats, OutboxStore, Read, Row,
};
use gozon_outbox::{Relay, RelayError};
use gozon_sqlx::DbError;
use tokio_util::sync::CancellationToken;

use crate::Story;

/// Answers like the store behind it, or not at all.
struct Flaky {
    inner: Arc<dyn OutboxStore>,
    down: AtomicBool,
    broken: AtomicBool,
    refused: AtomicUsize,
}

impl Flaky {
    fn on(inner: Arc<dyn OutboxStore>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            down: AtomicBool::new(false),
            broken: AtomicBool::new(false),
            refused: AtomicUsize::new(0),
        })
    }

    fn check(&self) -> Result<(), DbError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(sqlx::Error::RowNotFound.into());
        }
        if self.down.load(Ordering::SeqCst) {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return Err(sqlx::Error::PoolTimedOut.into());
        }
        Ok(())
    }
}

macro_rules! forward {
    ($($name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl OutboxStore for Flaky {
            $(async fn $name(&self, $($arg: $type),*) -> Result<$answer, DbError> {
                self.check()?;
                self.inner.$name($($arg),*).await
            })*
        }
    };
}

forward! {
    partitions() -> u32;
    heartbeat(member: MemberId, term: Duration, alone: bool) -> u32;
    renew(member: MemberId, term: Duration) -> Vec<Lease>;
    acquire(member: MemberId, term: Duration, max: u32, alone: bool) -> Vec<Lease>;
    release(leases: &Leases) -> ();
    leave(member: MemberId) -> ();
    kept(partitions: &[i32]) -> Vec<Kept>;
    read(read: &Read) -> Vec<Row>;
    fetch(seqs: &[i64]) -> Vec<Row>;
    delete(seqs: &[i64]) -> ();
    hold(leases: &Leases, failures: &[Failure]) -> Vec<i32>;
    sweep(leases: &Leases, keys: &[String]) -> ();
    unhold(leases: &Leases, keys: &[String]) -> Vec<i32>;
    promote(leases: &Leases, max: u32) -> u64;
    stats() -> OutboxStats;
}

#[tokio::test]
async fn an_outage_of_the_database_is_waited_out() {
    let story = Story::new().await;
    let store = Flaky::on(story.bench.store.clone());
    store.down.store(true, Ordering::SeqCst);
    let relay = Relay::on(store.clone(), story.broker.clone(), Story::config()).unwrap();
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(relay.run(shutdown.clone()));
    story.say(&["a:1"]).await;
    eventually("it tries again and again", || async {
        store.refused.load(Ordering::SeqCst) > 2
    })
    .await;

    store.down.store(false, Ordering::SeqCst);

    story.emptied().await;
    shutdown.cancel();
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_was_confirmed_during_an_outage_is_deleted_after_it() {
    let story = Story::new().await;
    let store = Flaky::on(story.bench.store.clone());
    story.broker.close_gate();
    let relay = Relay::on(store.clone(), story.broker.clone(), Story::config()).unwrap();
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(relay.run(shutdown.clone()));
    story.say(&["a:1", "b:1"]).await;
    eventually("both are in flight", || async {
        story.broker.seen().len() == 2
    })
    .await;
    store.down.store(true, Ordering::SeqCst);
    story.broker.open_gate();
    eventually("the database refuses", || async {
        store.refused.load(Ordering::SeqCst) > 2
    })
    .await;

    store.down.store(false, Ordering::SeqCst);

    story.emptied().await;
    assert_eq!(story.broker.seen().len(), 2, "nothing was repeated");
    shutdown.cancel();
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_no_repeat_cures_ends_the_relay() {
    let story = Story::new().await;
    let store = Flaky::on(story.bench.store.clone());
    store.broken.store(true, Ordering::SeqCst);
    let relay = Relay::on(store, story.broker.clone(), Story::config()).unwrap();

    let ended = relay.run(CancellationToken::new()).await;

    assert!(matches!(ended, Err(RelayError::Store { .. })));
}
