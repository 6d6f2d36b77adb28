//! What a consumer does when its store fails as no database fails on request.

// A failure here is a failed test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use gozon_core::{Delivery, Envelope, ErrorClass, Incoming, MockSettle, SettleError};
use gozon_core::{MockDeliveries, MockSubscriber, Received, TransportError};
use gozon_inbox::conformance::{Act, Bench, Running, Scripted, Subject, envelope, eventually};
use gozon_inbox::store::{InboxStats, MockInboxStore};
use gozon_inbox::{ConsumerError, HandleError};
use gozon_sqlx::sqlite::{PoolSettings, open};
use gozon_sqlx::{DbError, Sqlite};

fn away() -> DbError {
    sqlx::Error::PoolTimedOut.into()
}

fn wrong() -> DbError {
    sqlx::Error::RowNotFound.into()
}

/// A store that finds nothing to do.
fn quiet() -> MockInboxStore {
    let mut store = MockInboxStore::new();
    store.expect_stats().returning(|| Ok(InboxStats::default()));
    store.expect_prune_marks().returning(|_, _| Ok(0));
    store.expect_prune_requests().returning(|_, _| Ok(0));
    store
}

/// Calls that fail so many times, and then do not.
fn fails(times: u32) -> impl Fn() -> bool + Send {
    let left = AtomicU32::new(times);
    move || {
        let less = |left: u32| left.checked_sub(1);
        left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less)
            .is_ok()
    }
}

async fn bench(store: MockInboxStore) -> (Bench<Sqlite>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inbox.db");
    let db = open(&file, &PoolSettings::default()).await.unwrap();
    let mut subject = Subject::new(db);
    subject.adapters.store = Arc::new(store);
    (Bench::new(subject).await, folder)
}

async fn deliver(running: &Running, message: &Envelope) {
    running.feed.deliver(std::slice::from_ref(message)).await;
}

#[tokio::test]
async fn a_message_is_acknowledged_when_it_is_kept_and_not_before() {
    let message = envelope("probe");
    let mut store = quiet();
    store.expect_claim_due().returning(|_, _| Ok(None));
    let (counting, keeping) = (fails(3), fails(3));
    let tries = Arc::new(AtomicU32::new(0));
    store
        .expect_attempt()
        .returning(move |_, _| match counting() {
            true => Err(away()),
            false => Ok(Some(1)),
        });
    let tried = Arc::clone(&tries);
    store.expect_keep().returning(move |_, kept| {
        assert!(kept.retry_in.is_some());
        tried.fetch_add(1, Ordering::SeqCst);
        if keeping() { Err(away()) } else { Ok(true) }
    });
    let (bench, _folder) = bench(store).await;
    let act = Act::Fail(HandleError::retry("not yet"));
    let handler = Arc::new(Scripted::<Sqlite>::default().on(message.id, 9, act));
    let running = bench.start(Arc::clone(&handler) as _);

    deliver(&running, &message).await;
    running.acked(1).await;

    assert_eq!(tries.load(Ordering::SeqCst), 4);
    assert_eq!(handler.calls().len(), 1, "its handler is not asked again");
    running.stop().await;
}

#[tokio::test]
async fn a_message_that_somebody_else_settled_is_acknowledged() {
    let message = envelope("probe");
    let mut store = quiet();
    store.expect_claim_due().returning(|_, _| Ok(None));
    store.expect_attempt().returning(|_, _| Ok(Some(1)));
    // The outcome came between our attempt and our wish to keep it.
    store.expect_keep().times(1).returning(|_, _| Ok(false));
    let (bench, _folder) = bench(store).await;
    let act = Act::Fail(HandleError::reject("no"));
    let running = bench.start(Arc::new(
        Scripted::<Sqlite>::default().on(message.id, 9, act),
    ));

    deliver(&running, &message).await;
    running.acked(1).await;

    running.stop().await;
}

#[tokio::test]
async fn retries_wait_for_a_store_that_is_away_and_end_with_one_that_is_wrong() {
    let mut store = quiet();
    let failing = fails(3);
    store
        .expect_claim_due()
        .returning(move |_, _| match failing() {
            true => Err(away()),
            false => Err(wrong()),
        });
    let (bench, _folder) = bench(store).await;

    let running = bench.start(Arc::new(Scripted::<Sqlite>::default()));

    let error = running.result().await.unwrap_err();
    assert!(matches!(error, ConsumerError::Store(_)), "{error}");
    assert_eq!(error.class(), ErrorClass::Bug);
}

#[tokio::test]
async fn a_store_that_cannot_be_counted_or_pruned_stops_nobody() {
    let message = envelope("probe");
    let mut store = MockInboxStore::new();
    store.expect_stats().returning(|| Err(wrong()));
    store.expect_prune_marks().returning(|_, _| Err(wrong()));
    store.expect_claim_due().returning(|_, _| Ok(None));
    let (bench, _folder) = bench(store).await;
    let running = bench.start(Arc::new(Scripted::<Sqlite>::default()));

    deliver(&running, &message).await;
    running.acked(1).await;

    running.stop().await;
}

#[tokio::test]
async fn a_line_is_left_however_often_that_fails() {
    let mut first = envelope("probe");
    first.key = Some("a".into());
    let (attributes, data) = (first.attributes_json().unwrap(), first.data.to_vec());
    let id = first.id;
    let mut store = quiet();
    let due = gozon_inbox::store::Due {
        id,
        attempts: 1,
        forgiven: 0,
        attributes,
        data,
    };
    let given = fails(1);
    store
        .expect_claim_due()
        .returning(move |_, _| Ok(given().then(|| due.clone())));
    store.expect_stuck_lines().returning(|_, _| Err(away()));
    store
        .expect_occupied_lines()
        .returning(|_, _| Ok(HashSet::new()));
    let left = Arc::new(AtomicU32::new(0));
    let (leaving, failing) = (Arc::clone(&left), fails(3));
    store.expect_leave_line().returning(move |_, who| {
        assert_eq!(who, id);
        leaving.fetch_add(1, Ordering::SeqCst);
        if failing() { Err(away()) } else { Ok(()) }
    });
    let (bench, _folder) = bench(store).await;
    let handler = Arc::new(Scripted::<Sqlite>::default());

    let running = bench.start_ordered(handler, Default::default());
    eventually(async || left.load(Ordering::SeqCst) == 4).await;

    running.stop().await;
}

#[tokio::test]
async fn an_acknowledgement_that_is_lost_stops_nobody() {
    let mut store = quiet();
    store.expect_claim_due().returning(|_, _| Ok(None));
    let (bench, _folder) = bench(store).await;
    let messages: Vec<Envelope> = (0..2).map(|_| envelope("probe")).collect();
    let mut deliveries = MockDeliveries::new();
    for message in messages.clone() {
        let mut settle = MockSettle::new();
        settle.expect_ack().times(1).returning(|| {
            Err(SettleError {
                reason: "the channel is gone".into(),
            })
        });
        let delivery = Delivery::new(Incoming::Message(message), false, Box::new(settle));
        let mut one = Some(Received::Batch(vec![delivery]));
        deliveries
            .expect_receive()
            .times(1)
            .return_once(move |_| one.take().unwrap());
    }
    deliveries.expect_receive().returning(|_| Received::Closed);
    let mut broker = MockSubscriber::new();
    broker.expect_declare().times(1).returning(|_| Ok(()));
    broker
        .expect_subscribe()
        .times(1)
        .return_once(move |_| Ok(Box::new(deliveries)));
    // The stream ended because the transport was closed.
    broker
        .expect_declare()
        .returning(|_| Err(TransportError::Closed));
    let subscription = gozon_core::Subscription::durable("bench.messages", &["probe"]);
    let handler = Arc::new(Scripted::<Sqlite>::default());
    let outbox = Arc::clone(&bench.outbox) as _;
    let consumer = bench.inbox.consumer(subscription, handler, outbox);

    let ended = consumer.run(Arc::new(broker), Default::default()).await;

    assert!(ended.is_ok(), "{ended:?}");
    assert!(bench.has_effects(&[&messages[0], &messages[1]]).await);
}

#[tokio::test]
async fn a_subscription_that_contradicts_its_queue_ends_the_consumer() {
    let mut store = quiet();
    store.expect_claim_due().returning(|_, _| Ok(None));
    let (bench, _folder) = bench(store).await;
    let mut broker = MockSubscriber::new();
    broker.expect_declare().returning(|_| {
        Err(TransportError::Mismatch {
            what: "bench.messages".into(),
            reason: "with order".into(),
        })
    });
    let subscription = gozon_core::Subscription::durable("bench.messages", &["probe"]);
    let handler = Arc::new(Scripted::<Sqlite>::default());
    let outbox = Arc::clone(&bench.outbox) as _;
    let consumer = bench.inbox.consumer(subscription, handler, outbox);

    let error = consumer.run(Arc::new(broker), Default::default()).await;

    let error = error.unwrap_err();
    assert!(matches!(error, ConsumerError::Transport(_)), "{error}");
    assert_eq!(error.class(), ErrorClass::Reject);
}

#[tokio::test]
async fn without_order_nothing_is_asked_about_lines() {
    let mut batch = vec![envelope("probe"), envelope("probe")];
    for message in &mut batch {
        message.key = Some("a".into());
    }
    // The mock panics at every question that is not expected.
    let mut store = quiet();
    store.expect_claim_due().returning(|_, _| Ok(None));
    store.expect_attempt().returning(|_, _| Ok(Some(1)));
    let kept = store.expect_keep().times(1);
    kept.withf(|_, kept| kept.line.is_none())
        .returning(|_, _| Ok(true));
    let (bench, _folder) = bench(store).await;
    let act = Act::Fail(HandleError::retry("not yet"));
    let consumer = Scripted::<Sqlite>::default().on(batch[0].id, 1, act);
    let running = bench.start(Arc::new(consumer));

    running.feed.deliver(&batch[..1]).await;
    running.feed.deliver(&batch[1..]).await;
    running.acked(2).await;

    running.stop().await;
}
