//! Workers that vanish come back, and their consumer says so.

// A failure here is a failed test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gozon_core::{Envelope, NewMessage, Subscriber, Subscription, TransportError};
use gozon_inbox::conformance::{
    Bench, Feed, Recorder, Scripted, Subject, away::Away, envelope, eventually,
};
use gozon_inbox::{BatchHandler, Consumer, HandleError};
use gozon_sqlx::Sqlite;
use gozon_sqlx::sqlite::{PoolSettings, open};
use sqlx::SqliteConnection;
use tokio_util::sync::CancellationToken;

const NAME: &str = "bench.messages";

struct Scene {
    bench: Bench<Sqlite>,
    away: Arc<Away<SqliteConnection>>,
    feed: Feed,
    _folder: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("inbox.db");
        let db = open(&file, &PoolSettings::default()).await.unwrap();
        let mut subject = Subject::new(db);
        let marks = Arc::clone(&subject.adapters.marks);
        let away = Away::around(marks, || sqlx::Error::PoolTimedOut);
        subject.adapters.marks = Arc::clone(&away) as _;
        Self {
            bench: Bench::new(subject).await,
            away,
            feed: Feed::default(),
            _folder: folder,
        }
    }

    fn consumer(&self, handler: impl BatchHandler<SqliteConnection> + 'static) -> Consumer<Sqlite> {
        let subscription = Subscription::durable(NAME, &["probe"]);
        let outbox = Arc::new(Recorder::default());
        let inbox = &self.bench.inbox;
        inbox.consumer(subscription, Arc::new(handler), outbox)
    }

    async fn acked(&self, deliveries: usize) {
        eventually(async || self.feed.acked().len() == deliveries).await;
    }
}

#[tokio::test]
async fn a_worker_that_vanishes_is_started_again_and_counted() {
    let scene = Scene::new().await;
    let consumer = scene.consumer(Scripted::<Sqlite>::default());
    let (health, stop) = (consumer.health(), CancellationToken::new());
    assert_eq!(health.check().unwrap_err(), "0 of 2 workers at work");
    let running = tokio::spawn(consumer.run(Arc::new(scene.feed.clone()), stop.clone()));
    eventually(async || health.check().is_ok()).await;

    scene.feed.panic().await;
    eventually(async || health.restarts() == 1).await;
    scene.feed.end().await;
    eventually(async || health.restarts() == 2).await;
    scene.feed.resume().await;
    scene.feed.deliver(&[envelope("probe")]).await;
    scene.acked(1).await;

    assert_eq!(health.restarts(), 3);
    assert_eq!((health.live(), health.expected()), (2, 2));
    stop.cancel();
    running.await.unwrap().unwrap();
    assert_eq!(health.live(), 0);
    let missing = health.check().unwrap_err();
    assert!(missing.starts_with("0 of 2 workers at work: "), "{missing}");
}

#[tokio::test]
async fn a_worker_without_its_subscription_is_missing() {
    let scene = Scene::new().await;
    let consumer = scene.consumer(Scripted::<Sqlite>::default());
    let (health, stop) = (consumer.health(), CancellationToken::new());
    let mut broker = gozon_core::MockSubscriber::new();
    let gone = Arc::new(AtomicBool::new(true));
    let fishing = Arc::clone(&gone);
    broker.expect_declare().times(2..).returning(move |_| {
        if fishing.load(Ordering::SeqCst) {
            return Err(TransportError::Unavailable {
                reason: "gone fishing".into(),
            });
        }
        Ok(())
    });
    let feed = scene.feed.clone();
    broker
        .expect_subscribe()
        .returning(move |subscription| futures(feed.subscribe(subscription)));

    let running = tokio::spawn(consumer.run(Arc::new(broker), stop.clone()));
    eventually(async || {
        health.check() == Err("1 of 2 workers at work: cannot subscribe yet".to_owned())
    })
    .await;
    gone.store(false, Ordering::SeqCst);
    eventually(async || health.check().is_ok()).await;

    assert_eq!(health.restarts(), 0, "it never stood");
    stop.cancel();
    running.await.unwrap().unwrap();
}

/// The feed never waits to be subscribed to.
fn futures<T>(subscribing: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(subscribing).poll(&mut context) {
        std::task::Poll::Ready(done) => done,
        std::task::Poll::Pending => panic!("it waits"),
    }
}

#[tokio::test]
async fn a_worker_that_holds_messages_in_an_outage_is_paused_and_not_missing() {
    let scene = Scene::new().await;
    let consumer = scene.consumer(Scripted::<Sqlite>::default());
    let (health, stop) = (consumer.health(), CancellationToken::new());
    let running = tokio::spawn(consumer.run(Arc::new(scene.feed.clone()), stop.clone()));
    eventually(async || health.check().is_ok()).await;

    scene.away.go(u32::MAX);
    scene.feed.deliver(&[envelope("probe")]).await;
    eventually(async || health.paused() == 1 && scene.away.refused() > 3).await;
    assert_eq!(health.check(), Ok(()));
    scene.away.go(0);
    scene.acked(1).await;

    eventually(async || health.paused() == 0).await;
    assert_eq!(health.restarts(), 0);
    stop.cancel();
    running.await.unwrap().unwrap();
}

/// Panics when it is called, before there is a future to poll.
struct PanicsAtOnce;

impl BatchHandler<SqliteConnection> for PanicsAtOnce {
    fn handle<'a, 'b, 'c, 'd, 'e>(
        &'a self,
        _: &'b mut SqliteConnection,
        _: &'c [Envelope],
        _: &'d mut Vec<NewMessage>,
    ) -> Pin<Box<dyn Future<Output = Result<(), HandleError>> + Send + 'e>>
    where
        'a: 'e,
        'b: 'e,
        'c: 'e,
        'd: 'e,
        Self: 'e,
    {
        panic!("scripted")
    }
}

#[tokio::test]
async fn a_handler_that_panics_costs_an_attempt_and_no_worker() {
    let scene = Scene::new().await;
    let consumer = scene.consumer(PanicsAtOnce);
    let (health, stop) = (consumer.health(), CancellationToken::new());
    let running = tokio::spawn(consumer.run(Arc::new(scene.feed.clone()), stop.clone()));

    scene
        .feed
        .deliver(&[envelope("probe"), envelope("probe")])
        .await;
    scene.feed.deliver(&[envelope("probe")]).await;
    scene.acked(3).await;

    let letters = scene
        .bench
        .inbox
        .dead_letters(NAME, None, 10)
        .await
        .unwrap();
    assert_eq!(letters.len(), 3);
    for letter in letters {
        assert_eq!(
            (letter.attempts, letter.reason.as_str()),
            (1, "the handler panicked")
        );
    }
    assert_eq!(health.restarts(), 0);
    assert_eq!(health.check(), Ok(()));
    stop.cancel();
    running.await.unwrap().unwrap();
}
