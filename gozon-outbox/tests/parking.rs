//! A long outage of the destination: what it costs in memory, and how it ends.
#![cfg(all(feature = "sqlite", feature = "conformance"))]
// Helpers of tests fail as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use gozon_core::{Envelope, Outcome, Publisher};
use gozon_outbox::conformance::Bench;
use gozon_outbox::store::OutboxStats;
use gozon_outbox::{OutboxConfig, Relay};
use gozon_sqlx::Sqlite;
use gozon_sqlx::sqlite::{PoolSettings, open};
use metrics::{Counter, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, SharedString, Unit};
use tokio_util::sync::CancellationToken;

const MAX_HELD: usize = 2_000;
const MAX_BUFFERED: usize = 1_024;

/// A backlog that is ten times as long: the relay keeps no more of it in memory,
/// and when the outage ends everything leaves, each key in its order.
#[test]
fn a_long_outage_takes_no_more_memory_than_a_short_one() {
    let short = outage(5_000);
    let long = outage(50_000);

    println!("keys in memory at most: {short} of 5,000 and {long} of 50,000");
    let writing = u64::try_from(MAX_BUFFERED).unwrap();
    let bound = u64::try_from(MAX_HELD).unwrap() + writing;
    assert!(short > 0, "nothing was held");
    assert!(short <= bound && long <= bound, "{short}, {long}");
    // But for what is being written.
    assert!(long <= short + writing, "{short}, {long}");
}

/// Two messages of each key; the most keys that the relay ever kept in memory.
fn outage(keys: u32) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let peak = Peak::default();
    metrics::with_local_recorder(&peak, || runtime.block_on(lived_through(keys)));
    peak.0.load(Ordering::SeqCst)
}

async fn lived_through(keys: u32) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("outbox.db");
    let db = open(&file, &PoolSettings::default()).await.unwrap();
    let bench = Bench::new(db).await;
    fill(&bench, keys).await;
    let destination = Arc::new(Destination::default());
    let config = OutboxConfig {
        max_held: MAX_HELD,
        max_buffered: MAX_BUFFERED,
        read_limit: 1_024,
        ..OutboxConfig::default()
    };
    let started = std::time::Instant::now();
    let relay = Relay::on(bench.store.clone(), destination.clone(), config).unwrap();
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(relay.run(shutdown.clone()));

    let all = 2 * u64::from(keys);
    until(&bench, "all is put aside", |stats| stats.held == all).await;
    println!("{keys} keys are put aside after {:?}", started.elapsed());
    destination.up.store(true, Ordering::SeqCst);
    until(&bench, "all has left", |stats| stats.pending == 0).await;

    println!("{keys} keys have left after {:?}", started.elapsed());
    shutdown.cancel();
    task.await.unwrap().unwrap();
    let seen = destination.seen.lock().unwrap();
    assert_eq!(seen.len(), keys as usize);
    for (key, texts) in seen.iter() {
        assert_eq!(texts, &["first", "second"], "{key}");
    }
}

/// The outbox is asked for as long as it goes on changing, and a minute more.
async fn until(bench: &Bench<Sqlite>, what: &str, reached: impl Fn(&OutboxStats) -> bool) {
    let (mut last, mut still) = (None, 0);
    while still < 240 {
        let stats = bench.store.stats().await.unwrap();
        if reached(&stats) {
            return;
        }
        let now = (stats.pending, stats.held);
        still = match last.replace(now) == Some(now) {
            true => still + 1,
            false => 0,
        };
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    panic!("never: {what}; it stands at {last:?}");
}

/// The second message of each key behind the first ones of all.
async fn fill(bench: &Bench<Sqlite>, keys: u32) {
    for text in ["first", "second"] {
        let prototype = gozon_outbox::conformance::message(None, text);
        let attributes = prototype.envelope.attributes_json().unwrap();
        sqlx::query(
            "WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n + 1 < ?1)
             INSERT INTO gozon_outbox
                 (created_at, message_id, partition, key, kind, attributes, data)
             SELECT 0, randomblob(16), n % 64, 'k' || n, 'probe',
                 json_set(?2, '$.partitionkey', 'k' || n), CAST(?3 AS BLOB)
             FROM n",
        )
        .bind(keys)
        .bind(attributes)
        .bind(text)
        .execute(bench.db.writer())
        .await
        .unwrap();
    }
}

/// Takes nothing until it is up.
#[derive(Default)]
struct Destination {
    up: AtomicBool,
    seen: Mutex<HashMap<String, Vec<String>>>,
}

#[async_trait]
impl Publisher for Destination {
    async fn publish(&self, batch: &[Envelope]) -> Vec<Outcome> {
        if !self.up.load(Ordering::SeqCst) {
            let away = Outcome::Nacked {
                reason: "away".to_owned(),
            };
            return vec![away; batch.len()];
        }
        let mut seen = self.seen.lock().unwrap();
        for envelope in batch {
            let text = String::from_utf8(envelope.data.to_vec()).unwrap();
            let key = envelope.key.clone().unwrap();
            seen.entry(key).or_default().push(text);
        }
        vec![Outcome::Confirmed; batch.len()]
    }
}

/// Remembers the highest value of the gauge of keys in memory.
#[derive(Default, Clone)]
struct Peak(Arc<AtomicU64>);

impl GaugeFn for Peak {
    fn increment(&self, _value: f64) {}
    fn decrement(&self, _value: f64) {}

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn set(&self, value: f64) {
        self.0.fetch_max(value as u64, Ordering::SeqCst);
    }
}

impl metrics::Recorder for Peak {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        match key.name() == gozon_outbox::metrics::HELD_IN_MEMORY {
            true => Gauge::from_arc(Arc::new(self.clone())),
            false => Gauge::noop(),
        }
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}
