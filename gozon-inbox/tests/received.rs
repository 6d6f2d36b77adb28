//! Handlers know when their messages arrived, however long that is ago.

// A failure here is a failed test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use gozon_core::{Clock, Envelope, NewMessage, SystemClock};
use gozon_inbox::conformance::{Bench, Subject, envelope, eventually};
use gozon_inbox::{BatchHandler, HandleError, InboxConfig};
use gozon_sqlx::sqlite::{PoolSettings, open};
use sqlx::SqliteConnection;
use time::OffsetDateTime;

/// Fails at first, and remembers what it is told of each attempt, with the time
/// of the attempt itself.
struct Late {
    failures: usize,
    attempts: Mutex<Vec<(Envelope, OffsetDateTime)>>,
}

#[async_trait]
impl BatchHandler<SqliteConnection> for Late {
    async fn handle(
        &self,
        _tx: &mut SqliteConnection,
        messages: &[Envelope],
        _out: &mut Vec<NewMessage>,
    ) -> Result<(), HandleError> {
        let mut attempts = self.attempts.lock().unwrap();
        attempts.extend(messages.iter().map(|m| (m.clone(), SystemClock.now())));
        match attempts.len() > self.failures {
            true => Ok(()),
            false => Err(HandleError::retry("not yet")),
        }
    }
}

#[tokio::test]
async fn a_message_that_waits_for_its_retry_keeps_the_time_at_which_it_arrived() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inbox.db");
    let db = open(&file, &PoolSettings::default()).await.unwrap();
    let config = InboxConfig {
        retry_initial: Duration::from_millis(10),
        retry_max: Duration::from_millis(10),
        retry_poll: Duration::from_millis(5),
        ..InboxConfig::default()
    };
    let bench = Bench::with(Subject::new(db), config).await;
    let handler = Arc::new(Late {
        failures: 2,
        attempts: Mutex::default(),
    });
    let published = SystemClock.now();
    let message = Envelope {
        published_at: Some(published),
        ..envelope("probe")
    };

    let running = bench.start(Arc::clone(&handler) as _);
    running.feed.deliver(std::slice::from_ref(&message)).await;
    eventually(async || handler.attempts.lock().unwrap().len() == 3).await;

    let attempts = handler.attempts.lock().unwrap().clone();
    let received = attempts[0].0.received_at.unwrap();
    assert!(published <= received && received <= attempts[0].1);
    for (attempt, at) in attempts {
        assert_eq!(attempt.received_at, Some(received), "attempt at {at}");
        assert_eq!(attempt.published_at, Some(published), "attempt at {at}");
    }
    running.stop().await;
}

#[tokio::test]
async fn what_the_sender_says_of_the_arrival_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inbox.db");
    let db = open(&file, &PoolSettings::default()).await.unwrap();
    let bench = Bench::new(Subject::new(db)).await;
    let handler = Arc::new(Late {
        failures: 0,
        attempts: Mutex::default(),
    });
    let sent = SystemClock.now();
    let message = Envelope {
        received_at: Some(OffsetDateTime::UNIX_EPOCH),
        ..envelope("probe")
    };

    let running = bench.start(Arc::clone(&handler) as _);
    running.feed.deliver(std::slice::from_ref(&message)).await;
    running.acked(1).await;

    let attempts = handler.attempts.lock().unwrap().clone();
    assert!(attempts[0].0.received_at >= Some(sent));
    running.stop().await;
}
