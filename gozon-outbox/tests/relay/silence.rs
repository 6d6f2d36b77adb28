//! A destination that answers nothing, neither yes nor no.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use gozon_core::{Envelope, Outcome, Publisher};
use gozon_outbox::conformance::{eventually, message};
use gozon_outbox::{OutboxConfig, Relay};
use tokio_util::sync::CancellationToken;

use crate::Story;
use crate::broker::Broker;

/// Batches of the silent type that are under way before its breaker opens.
const BEFORE: usize = 8;

/// Answers no batch with a message of the type `silent`.
#[derive(Default)]
struct Silence {
    broker: Arc<Broker>,
    begun: AtomicUsize,
    under_way: AtomicUsize,
    /// Two tests were under way at the same time.
    crowded: AtomicBool,
    /// A test took others along.
    mixed: AtomicBool,
}

#[async_trait]
impl Publisher for Silence {
    async fn publish(&self, batch: &[Envelope]) -> Vec<Outcome> {
        let silent = batch.iter().filter(|message| message.kind == "silent");
        let silent = silent.count();
        if silent == 0 {
            return self.broker.publish(batch).await;
        }
        if self.begun.fetch_add(1, Ordering::SeqCst) >= BEFORE {
            let others = self.under_way.fetch_add(1, Ordering::SeqCst);
            let _ended = Ended(&self.under_way);
            self.crowded.fetch_or(others > 0, Ordering::SeqCst);
            self.mixed.fetch_or(silent < batch.len(), Ordering::SeqCst);
            std::future::pending::<()>().await;
        }
        std::future::pending().await
    }
}

struct Ended<'a>(&'a AtomicUsize);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Each test lasts as long as an answer may take. One at a time leaves every
/// other batch, and every other channel, to those that get through.
#[tokio::test]
async fn a_type_that_gets_no_answer_is_tested_once_at_a_time_and_alone() {
    let story = Story::new().await;
    let silence = Arc::new(Silence {
        broker: Arc::clone(&story.broker),
        ..Silence::default()
    });
    let messages: Vec<_> = (0..200)
        .map(|n| {
            let mut silent = message(Some(&format!("k{n}")), &format!("k{n}:1"));
            silent.envelope.kind = "silent".to_owned();
            silent
        })
        .collect();
    story.bench.append(&messages).await;
    let config = OutboxConfig {
        max_batches: 4,
        publish_timeout: Duration::from_millis(60),
        ..Story::config()
    };

    let relay = Relay::on(story.bench.store.clone(), silence.clone(), config).unwrap();
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(relay.run(shutdown.clone()));

    for n in 0..10 {
        let begun = silence.begun.load(Ordering::SeqCst).max(BEFORE);
        eventually("another test begins", || async {
            silence.begun.load(Ordering::SeqCst) > begun
        })
        .await;
        let text = format!(":{n}");
        story.say(&[&text]).await;
        eventually("others flow", || async {
            story.broker.seen().contains(&text)
        })
        .await;
    }
    assert!(!silence.crowded.load(Ordering::SeqCst), "tests crowd");
    assert!(
        !silence.mixed.load(Ordering::SeqCst),
        "a test takes others along"
    );
    shutdown.cancel();
    task.await.unwrap().unwrap();
}
