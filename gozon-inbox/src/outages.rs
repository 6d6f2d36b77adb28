//! What a consumer does while its database is away.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use gozon_core::{Delivery, Envelope, Incoming, MessageId, Settle, SettleError};
use gozon_sqlx::{Db, DbError, Sqlite};
use sqlx::SqliteConnection;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::InboxDatabase;
use crate::conformance::{Bench, Probe, Scripted, Subject, envelope};
use crate::consumer::{Engine, Stop};
use crate::health::ConsumerHealth;
use crate::store::{Marks, State};

/// Marks of a database that is away for the first so many calls.
struct Away {
    calls: AtomicU32,
    error: fn() -> sqlx::Error,
    marks: Arc<dyn Marks<SqliteConnection>>,
}

impl Away {
    fn for_calls(calls: u32, error: fn() -> sqlx::Error) -> Arc<Self> {
        Arc::new(Self {
            calls: AtomicU32::new(calls),
            error,
            marks: Sqlite::marks(),
        })
    }

    fn answer(&self) -> Result<(), DbError> {
        let left = |calls: u32| calls.checked_sub(1);
        match self
            .calls
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, left)
        {
            Ok(_) => Err((self.error)().into()),
            Err(_) => Ok(()),
        }
    }
}

#[async_trait]
impl Marks<SqliteConnection> for Away {
    async fn insert_done(
        &self,
        tx: &mut SqliteConnection,
        consumer: &str,
        ids: &[MessageId],
    ) -> Result<HashSet<MessageId>, DbError> {
        self.answer()?;
        self.marks.insert_done(tx, consumer, ids).await
    }

    async fn states(
        &self,
        tx: &mut SqliteConnection,
        consumer: &str,
        ids: &[MessageId],
    ) -> Result<HashMap<MessageId, State>, DbError> {
        self.marks.states(tx, consumer, ids).await
    }

    async fn finish_tried(
        &self,
        tx: &mut SqliteConnection,
        consumer: &str,
        ids: &[MessageId],
    ) -> Result<HashSet<MessageId>, DbError> {
        self.answer()?;
        self.marks.finish_tried(tx, consumer, ids).await
    }

    async fn finish(
        &self,
        tx: &mut SqliteConnection,
        consumer: &str,
        id: MessageId,
        attempts: u32,
    ) -> Result<bool, DbError> {
        self.answer()?;
        self.marks.finish(tx, consumer, id, attempts).await
    }
}

/// Says how a delivery was settled; silent if it was dropped.
struct Slip(MessageId, mpsc::Sender<(MessageId, &'static str)>);

#[async_trait]
impl Settle for Slip {
    async fn ack(self: Box<Self>) -> Result<(), SettleError> {
        self.1.send((self.0, "ack")).await.unwrap();
        Ok(())
    }

    async fn requeue(self: Box<Self>) -> Result<(), SettleError> {
        self.1.send((self.0, "requeue")).await.unwrap();
        Ok(())
    }
}

/// A consumer whose marks are `marks`, and a batch of three in its hands.
struct Scene {
    bench: Bench<Sqlite>,
    engine: Engine<Sqlite>,
    messages: Vec<Envelope>,
    settled: mpsc::Receiver<(MessageId, &'static str)>,
    settle: mpsc::Sender<(MessageId, &'static str)>,
    _folder: tempfile::TempDir,
}

impl Scene {
    async fn with(marks: Arc<Away>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let db: Db<Sqlite> =
            gozon_sqlx::sqlite::open(&folder.path().join("inbox.db"), &Default::default())
                .await
                .unwrap();
        let bench = Bench::new(Subject::new(db.clone())).await;
        let engine = Engine {
            db,
            consumer: "bench.messages".into(),
            handler: Arc::new(Scripted::<Sqlite>::default()),
            outbox: Arc::clone(&bench.outbox) as _,
            marks,
            store: bench.store(),
            config: bench.inbox.config(),
            ordered: false,
            health: ConsumerHealth::new("bench.messages", 1),
        };
        let (settle, settled) = mpsc::channel(8);
        Self {
            bench,
            engine,
            messages: (0..3).map(|_| envelope("probe")).collect(),
            settled,
            settle,
            _folder: folder,
        }
    }

    fn batch(&self, redelivered: bool) -> Vec<Delivery> {
        let delivery = |message: &Envelope| {
            let slip = Slip(message.id, self.settle.clone());
            let incoming = Incoming::Message(message.clone());
            Delivery::new(incoming, redelivered, Box::new(slip))
        };
        self.messages.iter().map(delivery).collect()
    }

    fn settlements(&mut self) -> Vec<(MessageId, &'static str)> {
        std::iter::from_fn(|| self.settled.try_recv().ok()).collect()
    }
}

#[tokio::test]
async fn deliveries_are_held_until_the_database_is_back() {
    for redelivered in [false, true] {
        let mut scene = Scene::with(Away::for_calls(7, || sqlx::Error::PoolTimedOut)).await;
        let stop = CancellationToken::new();

        let batch = scene.batch(redelivered);
        scene.engine.settle(batch, &stop).await.unwrap();

        let all: Vec<&Envelope> = scene.messages.iter().collect();
        assert!(scene.bench.has_effects(&all).await);
        let acked: Vec<_> = all.iter().map(|message| (message.id, "ack")).collect();
        assert_eq!(scene.settlements(), acked);
        let mark = scene.bench.mark(&scene.messages[0]).await.unwrap();
        assert_eq!((mark.state, mark.attempts), (State::Done, 0));
    }
}

#[tokio::test]
async fn shutdown_during_an_outage_settles_nothing() {
    let mut scene = Scene::with(Away::for_calls(u32::MAX, || sqlx::Error::PoolTimedOut)).await;
    let stop = CancellationToken::new();
    stop.cancel();

    let batch = scene.batch(false);
    let stopped = scene.engine.settle(batch, &stop).await.unwrap_err();

    assert!(matches!(stopped, Stop::Shutdown));
    assert_eq!(scene.settlements(), []);
    assert!(Sqlite::effects(&scene.bench.db).await.is_empty());
}

#[tokio::test]
async fn an_inbox_that_cannot_be_used_ends_the_consumer() {
    let mut scene = Scene::with(Away::for_calls(1, || sqlx::Error::RowNotFound)).await;
    let stop = CancellationToken::new();

    let batch = scene.batch(false);
    let stopped = scene.engine.settle(batch, &stop).await.unwrap_err();

    assert!(matches!(stopped, Stop::Failed(_)));
    assert_eq!(scene.settlements(), []);
}
