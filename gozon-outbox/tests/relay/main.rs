//! The relay under scripted failures, on SQLite.
#![cfg(all(feature = "sqlite", feature = "conformance"))]
// Helpers of tests fail as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod broker;
mod decisions;
mod failures;
mod order;
mod outage;
mod sharing;
mod silence;
mod store;

use std::sync::Arc;
use std::time::Duration;

use broker::Broker;
use gozon_core::{Append, Clock, SystemClock};
use gozon_outbox::conformance::{Bench, eventually, message};
use gozon_outbox::store::OutboxStore;
use gozon_outbox::{OutboxConfig, Relay, RelayError};
use gozon_sqlx::Sqlite;
use gozon_sqlx::sqlite::{PoolSettings, open};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A fresh outbox in a folder that goes with it.
struct Story {
    bench: Bench<Sqlite>,
    broker: Arc<Broker>,
    _folder: tempfile::TempDir,
}

/// One relay at work.
struct Running {
    task: JoinHandle<Result<(), RelayError>>,
    shutdown: CancellationToken,
}

impl Story {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("outbox.db");
        let db = open(&file, &PoolSettings::default()).await.unwrap();
        Self {
            bench: Bench::new(db).await,
            broker: Arc::default(),
            _folder: folder,
        }
    }

    /// Short pauses, so that no test waits long.
    fn config() -> OutboxConfig {
        OutboxConfig {
            term: Duration::from_millis(600),
            poll_max: Duration::from_millis(20),
            retry_min: Duration::from_millis(5),
            retry_max: Duration::from_millis(50),
            returned_min: Duration::from_millis(20),
            returned_max: Duration::from_millis(50),
            delay_poll: Duration::from_millis(20),
            ..OutboxConfig::default()
        }
    }

    fn start(&self) -> Running {
        self.start_with(Self::config())
    }

    fn start_with(&self, config: OutboxConfig) -> Running {
        self.start_on(self.bench.store.clone(), config)
    }

    fn start_on(&self, store: Arc<dyn OutboxStore>, config: OutboxConfig) -> Running {
        let relay = Relay::on(store, self.broker.clone(), config).unwrap();
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(relay.run(shutdown.clone()));
        Running { task, shutdown }
    }

    /// Appends `key:text` messages, or `:text` without a key, in one transaction.
    async fn say(&self, messages: &[&str]) {
        let messages: Vec<_> = messages
            .iter()
            .map(|said| match said.split_once(':') {
                Some(("", _)) | None => message(None, said),
                Some((key, _)) => message(Some(key), said),
            })
            .collect();
        self.bench.append(&messages).await;
    }

    async fn is_empty(&self) -> bool {
        let stats = self.bench.outbox.stats().await.unwrap();
        stats.pending == 0 && stats.dead == 0
    }

    /// The numbers of the messages in this state.
    async fn seqs(&self, state: &str) -> Vec<i64> {
        let seqs = sqlx::query_scalar("SELECT seq FROM gozon_outbox WHERE state = ? ORDER BY seq");
        let seqs = seqs.bind(state).fetch_all(self.bench.db.reader());
        seqs.await.unwrap()
    }

    async fn has(&self, count: usize, state: &str) -> bool {
        self.seqs(state).await.len() == count
    }

    /// What a sweep writes that found these ready.
    async fn hold(&self, seqs: &[i64]) {
        for seq in seqs {
            sqlx::query("UPDATE gozon_outbox SET state = 'held' WHERE seq = ? AND state = 'ready'")
                .bind(seq)
                .execute(self.bench.db.writer())
                .await
                .unwrap();
        }
    }

    async fn emptied(&self) {
        eventually("the outbox is empty", || self.is_empty()).await;
    }
}

impl Running {
    async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap();
    }

    /// As `kill -9` would, as far as the database can tell.
    async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

#[tokio::test]
async fn what_is_committed_is_published_and_leaves_the_outbox() {
    let story = Story::new().await;
    let relay = story.start();

    story.say(&["a:1", "a:2", "b:1", ":1"]).await;

    story.emptied().await;
    let mut seen = story.broker.seen();
    seen.sort();
    assert_eq!(seen, [":1", "a:1", "a:2", "b:1"]);
    relay.stop().await;
}

/// Each attempt its own: the consumer wants to know of the one that arrived.
#[tokio::test]
async fn a_message_says_when_this_attempt_to_publish_it_began() {
    let story = Story::new().await;
    story.broker.script(|_, attempt| match attempt {
        1 => broker::nacked(),
        _ => None,
    });
    let appended = SystemClock.now();
    story.say(&["a:1"]).await;
    let relay = story.start();

    story.emptied().await;
    relay.stop().await;

    let stamps = story.broker.stamps();
    let [Some(first), Some(second)] = stamps[..] else {
        panic!("not two attempts with their times: {stamps:?}");
    };
    assert!(appended <= first && first < second, "{stamps:?}");
    assert!(second <= SystemClock.now(), "{stamps:?}");
}

#[tokio::test]
async fn a_commit_wakes_the_relay_that_would_poll_much_later() {
    let story = Story::new().await;
    let config = OutboxConfig {
        poll_min: Duration::from_secs(600),
        poll_max: Duration::from_secs(600),
        ..Story::config()
    };
    let outbox = gozon_outbox::Outbox::new(story.bench.db.clone(), config).unwrap();
    let shutdown = CancellationToken::new();
    let relay = tokio::spawn(outbox.relay(story.broker.clone()).run(shutdown.clone()));
    // Its first message shows that the relay has its partitions and idles.
    story.say(&["a:1"]).await;
    eventually("the first message is seen", || async {
        outbox.committed(&[message(Some("a"), "")]);
        story.broker.seen().contains(&"a:1".to_owned())
    })
    .await;
    story.emptied().await;

    let later = message(Some("a"), "a:2");
    story.bench.append(std::slice::from_ref(&later)).await;
    outbox.committed(&[later]);

    story.emptied().await;
    shutdown.cancel();
    relay.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_delayed_message_is_published_when_it_is_due() {
    let story = Story::new().await;
    let relay = story.start();
    let delayed = message(Some("a"), "a:later").with_delay(Duration::from_millis(100));
    let asked = std::time::Instant::now();

    story
        .bench
        .append(&[delayed, message(Some("a"), "a:now")])
        .await;

    story.emptied().await;
    assert!(asked.elapsed() >= Duration::from_millis(100));
    assert_eq!(story.broker.seen(), ["a:now", "a:later"]);
    relay.stop().await;
}

#[tokio::test]
async fn draining_waits_for_outcomes_and_gives_the_leases_back() {
    let story = Story::new().await;
    story.broker.close_gate();
    let relay = story.start();
    story.say(&["a:1", "a:2"]).await;
    eventually("the message is in flight", || async {
        story.broker.seen() == ["a:1"]
    })
    .await;

    relay.shutdown.cancel();
    let mut task = relay.task;
    let early = tokio::time::timeout(Duration::from_millis(100), &mut task).await;
    assert!(early.is_err(), "it did not wait");
    story.broker.open_gate();
    task.await.unwrap().unwrap();

    assert_eq!(story.broker.seen(), ["a:1"]);
    assert_eq!(story.bench.outbox.stats().await.unwrap().pending, 1);
    let heir = gozon_outbox::store::MemberId::generate();
    let term = Duration::from_secs(60);
    let free = story.bench.store.acquire(heir, term, 1_024, false).await;
    assert_eq!(free.unwrap().len(), 64);
    assert_eq!(
        story
            .bench
            .store
            .heartbeat(heir, term, false)
            .await
            .unwrap()
            .live,
        1
    );
}

#[tokio::test]
async fn draining_ends_even_if_the_broker_never_answers() {
    let story = Story::new().await;
    story.broker.close_gate();
    let relay = story.start_with(OutboxConfig {
        drain_timeout: Duration::from_millis(50),
        ..Story::config()
    });
    story.say(&["a:1"]).await;
    eventually("the message is in flight", || async {
        story.broker.seen() == ["a:1"]
    })
    .await;

    relay.stop().await;

    assert_eq!(story.bench.outbox.stats().await.unwrap().pending, 1);
}

/// The whole table is read for them; without a panic, as an interval that no
/// clock takes.
#[tokio::test]
async fn gauges_per_type_can_be_switched_off() {
    let story = Story::new().await;
    let store = store::Scripted::on(story.bench.store.clone());
    let config = OutboxConfig {
        kinds_interval: Duration::MAX,
        stats_interval: Duration::from_millis(1),
        ..Story::config()
    };
    let relay = story.start_on(store.clone(), config);

    eventually("the outbox was counted twice", || async {
        store.done("stats") >= 2
    })
    .await;

    assert_eq!(store.calls("kinds"), 0);
    relay.stop().await;
}
