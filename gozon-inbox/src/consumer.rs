use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gozon_core::{
    Append, Clock, Deliveries, Delivery, ErrorClass, Incoming, Received, Subscriber, Subscription,
    SubscriptionKind, SystemClock, TransportError,
};
use gozon_sqlx::{Database, Db, DbError};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::config::InboxConfig;
use crate::database::InboxDatabase;
use crate::handler::BatchHandler;
use crate::health::{Cause, ConsumerHealth, Expected};
use crate::inbox::Inbox;
use crate::store::{InboxStore, Marks};
use crate::workers::{self, Ended};
use crate::{retries, upkeep};

/// One subscription at work: receives, marks, handles, commits, acknowledges;
/// and runs again what was put aside.
pub struct Consumer<D: Database> {
    subscription: Subscription,
    engine: Arc<Engine<D>>,
}

/// What all tasks of a consumer share.
pub(crate) struct Engine<D: Database> {
    pub(crate) db: Db<D>,
    /// The name in the marks.
    pub(crate) consumer: String,
    pub(crate) handler: Arc<dyn BatchHandler<D::Tx>>,
    pub(crate) outbox: Arc<dyn Append<D::Tx>>,
    pub(crate) marks: Arc<dyn Marks<D::Tx>>,
    pub(crate) store: Arc<dyn InboxStore>,
    pub(crate) config: Arc<InboxConfig>,
    /// Later messages of a key wait for earlier ones.
    pub(crate) ordered: bool,
    pub(crate) health: ConsumerHealth,
}

/// Why a unit of work was left before its end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Shutdown was asked for while something was away.
    Shutdown,
    /// The consumer cannot go on.
    Failed(ConsumerError),
}

impl<D: InboxDatabase> Consumer<D> {
    pub(crate) fn new(
        inbox: &Inbox<D>,
        subscription: Subscription,
        handler: Arc<dyn BatchHandler<D::Tx>>,
        outbox: Arc<dyn Append<D::Tx>>,
    ) -> Self {
        let engine = Engine {
            db: inbox.db().clone(),
            consumer: subscription.name.clone(),
            handler,
            outbox,
            marks: Arc::clone(&inbox.adapters().marks),
            store: Arc::clone(&inbox.adapters().store),
            config: inbox.config(),
            ordered: subscription.partitions.is_some(),
            // The receivers, and one for retries.
            health: ConsumerHealth::new(&subscription.name, inbox.config().concurrency + 1),
        };
        Self {
            subscription,
            engine: Arc::new(engine),
        }
    }

    /// How it is, now and whenever asked: for `/readyz`, and for alarms.
    pub fn health(&self) -> ConsumerHealth {
        self.engine.health.clone()
    }

    /// Runs until `shutdown`, then finishes and acknowledges the batch in hand
    /// and returns. With the broker or the database away it waits for them,
    /// holding what it has received. A worker that panics, or whose deliveries
    /// end while the transport is open, is alarmed about and started again; what
    /// it held comes again.
    ///
    /// # Errors
    /// When it can never work: a subscription that contradicts the queue, a
    /// missing table. What was received and not handled comes again.
    pub async fn run(
        self,
        subscriber: Arc<dyn Subscriber>,
        shutdown: CancellationToken,
    ) -> Result<(), ConsumerError> {
        if self.subscription.kind == SubscriptionKind::Broadcast {
            return Err(ConsumerError::Broadcast);
        }
        let stop = shutdown.child_token();
        let _expected = Expected::of(&self.engine.health);
        let mut tasks = JoinSet::new();
        for _ in 0..self.engine.config.concurrency {
            let engine = Arc::clone(&self.engine);
            let subscription = self.subscription.clone();
            let subscriber = Arc::clone(&subscriber);
            let stop = stop.clone();
            tasks.spawn(async move {
                let been = AtomicBool::new(false);
                let receiving = || receive(&engine, &subscription, &*subscriber, &been, &stop);
                workers::keep("receiver", &engine.health, &engine.config, &stop, receiving).await
            });
        }
        let (engine, token) = (Arc::clone(&self.engine), stop.clone());
        tasks.spawn(async move {
            let retrying = || retries::run(&engine, &token);
            workers::keep("retries", &engine.health, &engine.config, &token, retrying).await
        });
        let (engine, token) = (Arc::clone(&self.engine), stop.clone());
        tasks.spawn(async move {
            let keeping_up = || async {
                upkeep::run(engine.store.as_ref(), &engine.config, &token).await;
                Ok(Ended::Told)
            };
            workers::keep("upkeep", &engine.health, &engine.config, &token, keeping_up).await
        });

        // Whoever ends first, well or badly, ends the others.
        let mut result = Ok(());
        while let Some(ended) = tasks.join_next().await {
            stop.cancel();
            let ended = ended.unwrap_or_else(|lost| Err(ConsumerError::TaskLost(lost.to_string())));
            result = result.and(ended);
        }
        result
    }
}

impl<D: Database> fmt::Debug for Consumer<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("subscription", &self.subscription)
            .finish_non_exhaustive()
    }
}

/// `been`: whether the subscription has stood before.
async fn receive<D: InboxDatabase>(
    engine: &Engine<D>,
    subscription: &Subscription,
    subscriber: &dyn Subscriber,
    been: &AtomicBool,
    stop: &CancellationToken,
) -> Result<Ended, ConsumerError> {
    let mut deliveries = match subscribe(engine, subscription, subscriber, stop).await {
        Ok(Some(deliveries)) => deliveries,
        Ok(None) => return Ok(Ended::Told),
        // The deliveries ended because the transport was closed on purpose.
        Err(ConsumerError::Transport(TransportError::Closed)) if been.load(Ordering::Relaxed) => {
            return Ok(Ended::Told);
        }
        Err(error) => return Err(error),
    };
    been.store(true, Ordering::Relaxed);
    let _at_work = engine.health.at_work();
    while !stop.is_cancelled() {
        let received = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(Ended::Told),
            received = deliveries.receive(engine.config.max_batch) => received,
        };
        match received {
            Received::Batch(batch) => match engine.settle(noted(batch), stop).await {
                Ok(()) => {}
                Err(Stop::Shutdown) => return Ok(Ended::Told),
                Err(Stop::Failed(error)) => return Err(error),
            },
            Received::Resumed => {
                engine.health.restarted(Cause::Resumed);
                tracing::warn!(
                    consumer = engine.consumer,
                    "the subscription was interrupted and stands again"
                );
            }
            Received::Closed => return Ok(Ended::Vanished),
        }
    }
    Ok(Ended::Told)
}

/// Writes down when these arrived, before anything makes them wait.
fn noted(mut batch: Vec<Delivery>) -> Vec<Delivery> {
    let now = SystemClock.now();
    for delivery in &mut batch {
        if let Incoming::Message(message) = &mut delivery.incoming {
            message.received_at = Some(now);
        }
    }
    batch
}

/// Subscribes, waiting for a broker that is away; `None` at shutdown.
async fn subscribe<D: InboxDatabase>(
    engine: &Engine<D>,
    subscription: &Subscription,
    subscriber: &dyn Subscriber,
    stop: &CancellationToken,
) -> Result<Option<Box<dyn Deliveries>>, ConsumerError> {
    let mut backoff = Backoff::up_to(engine.config.outage_backoff);
    loop {
        let subscribing = async {
            subscriber.declare(subscription).await?;
            subscriber.subscribe(subscription).await
        };
        let result = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(None),
            result = subscribing => result,
        };
        match result {
            Ok(deliveries) => return Ok(Some(deliveries)),
            Err(error) if error.class() == ErrorClass::Retry => {
                engine.health.trouble("cannot subscribe yet");
                tracing::warn!(consumer = engine.consumer, %error, "cannot subscribe yet");
                if !backoff.wait(stop).await {
                    return Ok(None);
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// A consumer cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ConsumerError {
    /// The subscription is impossible, or the transport was closed before it
    /// stood.
    #[error("cannot subscribe: {0}")]
    Transport(#[from] TransportError),
    /// The inbox's own tables cannot be used.
    #[error("the inbox cannot be used: {0}")]
    Store(#[source] DbError),
    /// Each instance gets a copy of a broadcast; there is nothing to remember.
    #[error("a broadcast subscription has no inbox; receive it directly")]
    Broadcast,
    /// A task of the consumer did not end properly.
    #[error("a task of the consumer was lost: {0}")]
    TaskLost(String),
}

impl ConsumerError {
    /// What the caller can do.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Transport(error) => error.class(),
            Self::Store(error) => error.class(),
            Self::Broadcast | Self::TaskLost(_) => ErrorClass::Bug,
        }
    }
}
