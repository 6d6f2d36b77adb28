use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use gozon_core::{Append, Subscriber, Subscription};
use gozon_sqlx::{Database, Db};
use tokio_util::sync::CancellationToken;

use crate::consumer::ConsumerError;
use crate::database::{Adapters, InboxDatabase};
use crate::handler::BatchHandler;
use crate::inbox::Inbox;

/// What a rule is tried on: an empty database, the adapters, and who consumes.
pub struct Subject<D: Database> {
    /// Empty; each rule wants one of its own.
    pub db: Db<D>,
    /// On trial.
    pub adapters: Adapters<D>,
    /// On trial as well; [`Ours`] unless you say otherwise.
    pub engine: Arc<dyn Engine<D>>,
}

impl<D: InboxDatabase> Subject<D> {
    /// The database's own adapters, and our consumer.
    pub fn new(db: Db<D>) -> Self {
        Self {
            adapters: Adapters::of(&db),
            db,
            engine: Arc::new(Ours),
        }
    }
}

impl<D: Database> fmt::Debug for Subject<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").finish_non_exhaustive()
    }
}

/// What a consumer is asked to do.
pub struct Job<D: Database> {
    /// Where the effects are.
    pub db: Db<D>,
    /// Where the marks are.
    pub inbox: Inbox<D>,
    /// What to consume.
    pub subscription: Subscription,
    /// What to do with it.
    pub handler: Arc<dyn BatchHandler<D::Tx>>,
    /// Where outgoing messages go.
    pub outbox: Arc<dyn Append<D::Tx>>,
    /// Where deliveries come from.
    pub subscriber: Arc<dyn Subscriber>,
    /// When to stop.
    pub shutdown: CancellationToken,
}

impl<D: Database> fmt::Debug for Job<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("subscription", &self.subscription)
            .finish_non_exhaustive()
    }
}

/// Consumes as the rules demand. Only a suite that is tried itself has another
/// than [`Ours`].
#[async_trait]
pub trait Engine<D: Database>: Send + Sync {
    /// Works until the job's shutdown.
    async fn run(&self, job: Job<D>) -> Result<(), ConsumerError>;
}

/// The consumer of this crate.
#[derive(Debug, Clone, Copy)]
pub struct Ours;

#[async_trait]
impl<D: InboxDatabase> Engine<D> for Ours {
    async fn run(&self, job: Job<D>) -> Result<(), ConsumerError> {
        let consumer = job
            .inbox
            .consumer(job.subscription, job.handler, job.outbox);
        consumer.run(job.subscriber, job.shutdown).await
    }
}
