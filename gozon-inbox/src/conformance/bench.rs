use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use gozon_core::{Append, AppendError, Envelope, MessageId, NewMessage, Subscription};
use gozon_sqlx::Db;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::feed::Feed;
use super::probe::{Mark, Probe};
use super::subject::{Engine, Job, Subject};
use crate::config::InboxConfig;
use crate::consumer::ConsumerError;
use crate::handler::BatchHandler;
use crate::inbox::Inbox;
use crate::store::{InboxStore, Marks};

/// The name under which [`Bench::start`] consumes.
pub(crate) const CONSUMER: &str = "bench.messages";

/// A fresh inbox with a table of effects, and an outbox that remembers.
pub struct Bench<D: Probe> {
    /// Where everything is.
    pub db: Db<D>,
    /// Under test.
    pub inbox: Inbox<D>,
    /// What was sent.
    pub outbox: Arc<Recorder>,
    engine: Arc<dyn Engine<D>>,
}

impl<D: Probe> Bench<D> {
    /// With short times: retries after a minute, which [`Probe::age`] skips.
    pub async fn new(subject: Subject<D>) -> Self {
        let config = InboxConfig {
            max_attempts: 3,
            retry_initial: Duration::from_secs(60),
            retry_max: Duration::from_secs(60),
            retry_poll: Duration::from_millis(5),
            outage_backoff: Duration::from_millis(20),
            request_wait: Duration::from_secs(1),
            ..InboxConfig::default()
        };
        Self::with(subject, config).await
    }

    /// With your own settings.
    pub async fn with(subject: Subject<D>, config: InboxConfig) -> Self {
        let Subject {
            db,
            adapters,
            engine,
        } = subject;
        let inbox = Inbox::with_adapters(db.clone(), config, adapters).unwrap();
        inbox.migrate().await.unwrap();
        D::prepare(&db).await;
        Self {
            db,
            inbox,
            outbox: Arc::default(),
            engine,
        }
    }

    /// Consumes with `handler` until [`Running::stop`].
    pub fn start(&self, handler: Arc<dyn BatchHandler<D::Tx>>) -> Running {
        self.start_as(CONSUMER, handler, Feed::default())
    }

    /// Consumes under a name, from a feed.
    pub fn start_as(
        &self,
        name: &str,
        handler: Arc<dyn BatchHandler<D::Tx>>,
        feed: Feed,
    ) -> Running {
        let subscription = Subscription::durable(name, &["probe"]);
        self.launch(subscription, handler, feed)
    }

    /// Consumes as [`Bench::start`] does, and asks for order.
    pub fn start_ordered(&self, handler: Arc<dyn BatchHandler<D::Tx>>, feed: Feed) -> Running {
        let subscription = Subscription::durable(CONSUMER, &["probe"]);
        self.launch(subscription.with_order(4), handler, feed)
    }

    fn launch(
        &self,
        subscription: Subscription,
        handler: Arc<dyn BatchHandler<D::Tx>>,
        feed: Feed,
    ) -> Running {
        let shutdown = CancellationToken::new();
        let job = Job {
            db: self.db.clone(),
            inbox: self.inbox.clone(),
            subscription,
            handler,
            outbox: Arc::clone(&self.outbox) as _,
            subscriber: Arc::new(feed.clone()),
            shutdown: shutdown.clone(),
        };
        let engine = Arc::clone(&self.engine);
        let task = tokio::spawn(async move { engine.run(job).await });
        Running {
            feed,
            shutdown,
            task,
        }
    }

    /// The store without an engine.
    pub fn store(&self) -> Arc<dyn InboxStore> {
        Arc::clone(&self.inbox.adapters().store)
    }

    /// The marks without an engine.
    pub fn marks(&self) -> Arc<dyn Marks<D::Tx>> {
        Arc::clone(&self.inbox.adapters().marks)
    }

    /// The mark of `CONSUMER`.
    pub async fn mark(&self, message: &Envelope) -> Option<Mark> {
        D::mark(&self.db, CONSUMER, message.id).await
    }

    /// True if exactly these messages have left an effect, each once.
    pub async fn has_effects(&self, messages: &[&Envelope]) -> bool {
        let mut expected: Vec<_> = messages.iter().map(|one| one.id.to_string()).collect();
        expected.sort();
        D::effects(&self.db).await == expected
    }
}

/// A consumer at work.
pub struct Running {
    /// Where its deliveries come from.
    pub feed: Feed,
    /// Asks it to stop.
    pub shutdown: CancellationToken,
    task: JoinHandle<Result<(), ConsumerError>>,
}

impl Running {
    /// Waits until so many deliveries were acknowledged.
    pub async fn acked(&self, deliveries: usize) -> Vec<MessageId> {
        eventually(async || self.feed.acked().len() >= deliveries).await;
        self.feed.acked()
    }

    /// Stops it, and proves that nothing was ever given back.
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.ended().await;
        assert_eq!(self.feed.requeued(), [], "nothing is ever requeued");
    }

    async fn ended(&self) {
        eventually(async || self.task.is_finished()).await;
    }

    /// Waits for its end.
    pub async fn result(mut self) -> Result<(), ConsumerError> {
        self.ended().await;
        (&mut self.task).await.unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A rule that failed must not leave a consumer behind.
        self.task.abort();
    }
}

tokio::task_local! {
    static PATIENCE: Duration;
}

/// Runs `work`, in which [`eventually`] gives up after `patience`. Without
/// this, after ten seconds.
pub async fn with_patience<F: Future>(patience: Duration, work: F) -> F::Output {
    PATIENCE.scope(patience, work).await
}

/// Waits for a condition, for as long as the patience lasts.
pub async fn eventually<F: Future<Output = bool>>(mut condition: impl FnMut() -> F) {
    let patience = PATIENCE.try_with(|patience| *patience);
    let patience = patience.unwrap_or(Duration::from_secs(10));
    let waiting = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    };
    if tokio::time::timeout(patience, waiting).await.is_err() {
        panic!("the condition did not come true within {patience:?}");
    }
}

/// An outbox that remembers what was appended and what was committed.
#[derive(Default)]
pub struct Recorder {
    appended: Mutex<Vec<NewMessage>>,
    committed: Mutex<Vec<NewMessage>>,
}

impl Recorder {
    /// What entered a transaction.
    pub fn appended(&self) -> Vec<NewMessage> {
        self.appended.lock().unwrap().clone()
    }

    /// What was committed.
    pub fn committed(&self) -> Vec<NewMessage> {
        self.committed.lock().unwrap().clone()
    }
}

#[async_trait]
impl<Tx: Send> Append<Tx> for Recorder {
    async fn append(&self, _tx: &mut Tx, messages: &[NewMessage]) -> Result<(), AppendError> {
        self.appended.lock().unwrap().extend_from_slice(messages);
        Ok(())
    }

    fn committed(&self, messages: &[NewMessage]) {
        self.committed.lock().unwrap().extend_from_slice(messages);
    }
}
