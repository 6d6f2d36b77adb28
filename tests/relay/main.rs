//! The relay on PostgreSQL: order per key with several relays that come and go.

// Helpers of tests fail as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use gozon_core::{Append, Envelope, MessageId, Outcome, Publisher};
use gozon_outbox::conformance::message;
use gozon_outbox::{Outbox, OutboxConfig};
use gozon_sqlx::postgres::{PoolSettings, Postgres, connect};
use gozon_tests::servers::postgres_database;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

const KEYS: usize = 150;
const WRITERS: usize = 8;
const TRANSACTIONS: usize = 150;

/// Writes down what it sees, and fails now and then.
#[derive(Default)]
struct Recorder {
    seen: Mutex<Vec<(MessageId, Instant)>>,
    arrived: Notify,
    failing: bool,
}

impl Recorder {
    fn arrive(&self, envelope: &Envelope, attempt: usize) -> Outcome {
        self.seen
            .lock()
            .unwrap()
            .push((envelope.id, Instant::now()));
        let dice = envelope.id.0.as_bytes()[15] as usize + attempt;
        match (self.failing, dice % 50) {
            (true, 0) => Outcome::Nacked {
                reason: "as scripted".into(),
            },
            (true, 1) => Outcome::Unknown {
                reason: "as scripted".into(),
            },
            _ => Outcome::Confirmed,
        }
    }

    fn distinct(&self) -> usize {
        let seen = self.seen.lock().unwrap();
        seen.iter().map(|(id, _)| id).collect::<HashSet<_>>().len()
    }
}

#[async_trait]
impl Publisher for Recorder {
    async fn publish(&self, batch: &[Envelope]) -> Vec<Outcome> {
        let attempt = self.seen.lock().unwrap().len();
        let outcomes = batch
            .iter()
            .map(|envelope| self.arrive(envelope, attempt))
            .collect();
        self.arrived.notify_one();
        // A confirm takes a moment, so that batches overlap.
        tokio::time::sleep(Duration::from_millis(1)).await;
        outcomes
    }
}

async fn outbox(url: &str, config: OutboxConfig) -> (gozon_sqlx::Db<Postgres>, Outbox<Postgres>) {
    let settings = PoolSettings {
        max_connections: 12,
        ..PoolSettings::default()
    };
    let db = connect(url, &settings).await.unwrap();
    let outbox = Outbox::new(db.clone(), config).unwrap();
    outbox.migrate().await.unwrap();
    (db, outbox)
}

/// Every writer notes the place of its messages after it appended and before it
/// commits. The append locks the key until the commit, so these places are the
/// order of the commits; without the lock they would not be.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn first_appearances_keep_commit_order_while_relays_come_and_go() {
    let url = postgres_database().await.unwrap();
    let config = OutboxConfig {
        term: Duration::from_secs(2),
        ..OutboxConfig::default()
    };
    let recorder = Arc::new(Recorder {
        failing: true,
        ..Recorder::default()
    });
    let (db, writer_side) = outbox(&url, config.clone()).await;
    let (_, second_side) = outbox(&url, config).await;
    let shutdown = CancellationToken::new();
    let start = |side: &Outbox<Postgres>, shutdown: &CancellationToken| {
        tokio::spawn(side.relay(recorder.clone()).run(shutdown.clone()))
    };
    let victim = start(&writer_side, &CancellationToken::new());
    let survivor = start(&second_side, &shutdown);

    let places: Arc<Mutex<HashMap<usize, Vec<MessageId>>>> = Arc::default();
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let (db, outbox, places) = (db.clone(), writer_side.clone(), places.clone());
        writers.push(tokio::spawn(async move {
            for turn in 0..TRANSACTIONS {
                // Neighbouring writers fight for the same keys.
                let keys: Vec<usize> = (0..4)
                    .map(|n| (turn * 4 + writer / 2 + n * 7) % KEYS)
                    .collect();
                let messages: Vec<_> = keys
                    .iter()
                    .map(|key| message(Some(&format!("k{key}")), ""))
                    .collect();
                let mut tx = db.begin().await.unwrap();
                outbox.append(&mut tx, &messages).await.unwrap();
                {
                    let mut places = places.lock().unwrap();
                    for (key, message) in keys.iter().zip(&messages) {
                        places.entry(*key).or_default().push(message.envelope.id);
                    }
                }
                tx.commit().await.unwrap();
                outbox.committed(&messages);
            }
        }));
    }
    let total = WRITERS * TRANSACTIONS * 4;
    arrived(&recorder, total / 4).await;
    victim.abort();
    let _ = victim.await;
    let replacement = start(&writer_side, &shutdown);
    for writer in writers {
        writer.await.unwrap();
    }
    arrived(&recorder, total).await;
    let emptied = async {
        while writer_side.stats().await.unwrap().pending > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), emptied)
        .await
        .expect("emptied");

    shutdown.cancel();
    survivor.await.unwrap().unwrap();
    replacement.await.unwrap().unwrap();
    let mut known = HashSet::new();
    let mut first: HashMap<MessageId, usize> = HashMap::new();
    for (id, _) in recorder.seen.lock().unwrap().iter() {
        if known.insert(*id) {
            first.insert(*id, first.len());
        }
    }
    for (key, ids) in places.lock().unwrap().iter() {
        let order: Vec<usize> = ids.iter().map(|id| first[id]).collect();
        assert!(order.is_sorted(), "key k{key} appeared as {order:?}");
    }
}

async fn arrived(recorder: &Recorder, count: usize) {
    let waiting = async {
        while recorder.distinct() < count {
            recorder.arrived.notified().await;
        }
    };
    let done = tokio::time::timeout(Duration::from_secs(60), waiting).await;
    assert!(done.is_ok(), "{} of {count} arrived", recorder.distinct());
}

/// The term, one look for free leases, and the time to publish.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_relay_takes_over_soon_after_the_term_of_the_killed_one() {
    let url = postgres_database().await.unwrap();
    let term = Duration::from_secs(6);
    let config = OutboxConfig {
        term,
        ..OutboxConfig::default()
    };
    let (db, outbox) = outbox(&url, config).await;
    let recorder = Arc::new(Recorder::default());
    let say = async || {
        let keys = (0..KEYS).map(|key| format!("k{key}"));
        let messages: Vec<_> = keys.map(|key| message(Some(&key), "")).collect();
        let mut tx = db.begin().await.unwrap();
        outbox.append(&mut tx, &messages).await.unwrap();
        tx.commit().await.unwrap();
    };
    let victim = tokio::spawn(outbox.relay(recorder.clone()).run(CancellationToken::new()));
    say().await;
    arrived(&recorder, KEYS).await;

    victim.abort();
    let _ = victim.await;
    let killed = Instant::now();
    say().await;
    let shutdown = CancellationToken::new();
    let heir = tokio::spawn(outbox.relay(recorder.clone()).run(shutdown.clone()));
    arrived(&recorder, 2 * KEYS).await;

    let taken = killed.elapsed();
    println!("kill to the last publish: {taken:?}");
    assert!(taken < 2 * term, "took {taken:?}");
    shutdown.cancel();
    heir.await.unwrap().unwrap();
}

/// It polls so rarely that it can have learnt of none by polling.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_committed_message_is_published_without_waiting_for_a_poll() {
    let url = postgres_database().await.unwrap();
    let never = Duration::from_secs(600);
    let config = OutboxConfig {
        poll_min: never,
        poll_max: never,
        ..OutboxConfig::default()
    };
    let (db, outbox) = outbox(&url, config).await;
    let recorder = Arc::new(Recorder::default());
    let shutdown = CancellationToken::new();
    let relay = tokio::spawn(outbox.relay(recorder.clone()).run(shutdown.clone()));
    let mut taken = Vec::new();

    for turn in 0..200 {
        let messages = [message(Some(&format!("k{turn}")), "")];
        let mut tx = db.begin().await.unwrap();
        outbox.append(&mut tx, &messages).await.unwrap();
        tx.commit().await.unwrap();
        let committed = Instant::now();
        outbox.committed(&messages);
        arrived(&recorder, turn + 1).await;
        taken.push(committed.elapsed());
    }

    shutdown.cancel();
    relay.await.unwrap().unwrap();
    taken.sort();
    println!(
        "commit to publish: p50 {:?}, p99 {:?}",
        taken[100], taken[198]
    );
}
