use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use gozon_core::{
    Deliveries, Envelope, Outcome, Publisher, Subscriber, Subscription, SubscriptionKind,
    TransportError,
};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::AmqpConfig;
use crate::consumer::{Pump, Session, declare};
use crate::fault::Fault;
use crate::inbound::{AmqpDeliveries, Inbound};
use crate::link::{Link, Role};
use crate::publisher::AmqpPublisher;
use crate::topology::Topology;

/// RabbitMQ as a [`Publisher`] and a [`Subscriber`]. Clones share everything.
///
/// **Connections.** Two, one for each direction, rebuilt without end by tasks
/// of the transport's own; with them channels, declarations and consumers.
/// **Acknowledgement.** A confirm of the broker is the only success of a
/// publish; an ack that is lost with its channel means that the delivery comes
/// again. **Order.** A queue keeps the
/// order of its messages, its consumers do not among themselves.
/// **Concurrency.** Everything may be called from many tasks at once; batches
/// fly on channels of their own. **Errors.** An outage is an outcome of
/// `publish` and an error of class `Retry` elsewhere; what a repeat does not
/// cure is `Mismatch` or `Config`.
/// **End.** Call [`AmqpTransport::close`] before the runtime ends; dropping the
/// last clone closes, too, but no one waits for it.
#[derive(Clone)]
pub struct AmqpTransport(Arc<Inner>);

struct Inner {
    config: AmqpConfig,
    topology: Arc<Topology>,
    publish: Link,
    consume: Link,
    publisher: AmqpPublisher,
    /// Subscriptions that stood and do not stand now.
    interrupted: Arc<AtomicUsize>,
    /// Names of subscriptions that were asked for and never stood yet.
    awaited: Mutex<HashSet<String>>,
    /// Ends consumers and refuses new work.
    stop_work: CancellationToken,
    /// Ends the connections, after the work.
    stop_links: CancellationToken,
    work: TaskTracker,
    links: TaskTracker,
}

impl AmqpTransport {
    /// Checks the settings and starts connecting; returns at once, whether or
    /// not there is a broker. Must be called inside a Tokio runtime.
    ///
    /// # Errors
    /// [`TransportError::Config`] when a setting makes no sense.
    pub fn start(config: AmqpConfig) -> Result<Self, TransportError> {
        config.validate()?;
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(TransportError::Config {
                field: "runtime",
                reason: "start the transport inside a Tokio runtime".to_owned(),
            });
        }
        let topology = Arc::new(Topology::new(&config)?);
        let stop_work = CancellationToken::new();
        let stop_links = CancellationToken::new();
        let (work, links) = (TaskTracker::new(), TaskTracker::new());
        let link = |role| {
            let topology = Arc::clone(&topology);
            Link::start(role, &config, topology, stop_links.clone(), &links)
        };
        let publish = link(Role::Publish)?;
        let consume = link(Role::Consume)?;
        let publisher = AmqpPublisher::new(
            &config,
            publish.clone(),
            Arc::clone(&topology),
            work.clone(),
            stop_work.clone(),
        );
        Ok(Self(Arc::new(Inner {
            config,
            topology,
            publish,
            consume,
            publisher,
            interrupted: Arc::default(),
            awaited: Mutex::default(),
            stop_work,
            stop_links,
            work,
            links,
        })))
    }

    /// [`AmqpTransport::start`], then waits for both connections, at most the
    /// configured connect timeout.
    ///
    /// # Errors
    /// As for `start` and [`AmqpTransport::connected`]; nothing stays behind.
    pub async fn connect(config: AmqpConfig) -> Result<Self, TransportError> {
        let limit = config.connect_timeout;
        let transport = Self::start(config)?;
        match transport.connected(limit).await {
            Ok(()) => Ok(transport),
            Err(error) => {
                transport.close().await;
                Err(error)
            }
        }
    }

    /// Whether both connections stand, and all that was subscribed: the
    /// readiness of a service. A subscription counts from the call of
    /// [`Subscriber::subscribe`] on, also while that fails because of the broker
    /// and is to be called again. A queue that was declared anew in another way
    /// leaves the connections up and the service deaf.
    pub fn is_connected(&self) -> bool {
        let stands = |link: &Link| {
            link.live()
                .is_some_and(|live| live.connection().status().connected())
        };
        stands(&self.0.publish)
            && stands(&self.0.consume)
            && self.0.interrupted.load(Ordering::Relaxed) == 0
            && self.awaited().is_empty()
    }

    /// Waits until both connections stand, at most `limit`.
    ///
    /// # Errors
    /// Why they do not: [`TransportError::Unavailable`] with the last failure,
    /// [`TransportError::Mismatch`] when the exchange is of another kind,
    /// [`TransportError::Closed`].
    pub async fn connected(&self, limit: Duration) -> Result<(), TransportError> {
        let deadline = Instant::now() + limit;
        self.0.publish.up(deadline).await?;
        self.0.consume.up(deadline).await?;
        Ok(())
    }

    /// Ends consumers, waits for batches on their way, closes both connections;
    /// within the configured close timeout. Harmless twice.
    pub async fn close(&self) {
        let inner = &self.0;
        let limit = inner.config.close_timeout;
        let deadline = Instant::now() + limit;
        inner.stop_work.cancel();
        inner.work.close();
        let _ = timeout(limit / 3, inner.work.wait()).await;
        inner.publisher.clear();
        inner.stop_links.cancel();
        inner.links.close();
        if timeout_at(deadline, inner.links.wait()).await.is_err() {
            tracing::warn!("the broker's connections did not close in time");
        }
    }

    fn awaited(&self) -> MutexGuard<'_, HashSet<String>> {
        let awaited = self.0.awaited.lock();
        awaited.unwrap_or_else(PoisonError::into_inner)
    }

    async fn open(
        &self,
        subscription: &Subscription,
        instance: Uuid,
    ) -> Result<Session, TransportError> {
        let limit = self.0.config.operation_timeout;
        let live = self.0.consume.up(Instant::now() + limit).await?;
        Session::open(live, &self.0.topology, subscription, instance, limit)
            .await
            .map_err(|fault| self.refused(subscription, fault))
    }

    /// What the broker refuses is not declared again; what it could not hear is.
    fn refused(&self, subscription: &Subscription, fault: Fault) -> TransportError {
        let error = fault.declaring(&format!("the queue of {}", subscription.name));
        if matches!(error, TransportError::Mismatch { .. }) {
            self.0.topology.forget(subscription);
            // Nor is it asked for again, and what else is served goes on.
            self.awaited().remove(&subscription.name);
        }
        error
    }

    fn ensure_open(&self) -> Result<(), TransportError> {
        if self.0.stop_work.is_cancelled() {
            return Err(TransportError::Closed);
        }
        Ok(())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop_work.cancel();
        self.stop_links.cancel();
    }
}

#[async_trait]
impl Publisher for AmqpTransport {
    async fn publish(&self, batch: &[Envelope]) -> Vec<Outcome> {
        self.0.publisher.publish(batch).await
    }
}

/// A durable subscription that could not be declared because the broker was
/// away is remembered, and declared as soon as it is back.
#[async_trait]
impl Subscriber for AmqpTransport {
    async fn declare(&self, subscription: &Subscription) -> Result<(), TransportError> {
        self.ensure_open()?;
        self.0.topology.remember(subscription)?;
        if subscription.kind == SubscriptionKind::Broadcast {
            return Ok(());
        }
        let limit = self.0.config.operation_timeout;
        let live = self.0.consume.up(Instant::now() + limit).await?;
        declare(&live, &self.0.topology, subscription, limit)
            .await
            .map_err(|fault| self.refused(subscription, fault))
    }

    async fn subscribe(
        &self,
        subscription: &Subscription,
    ) -> Result<Box<dyn Deliveries>, TransportError> {
        self.ensure_open()?;
        self.0.topology.remember(subscription)?;
        let instance = Uuid::new_v4();
        self.awaited().insert(subscription.name.clone());
        let session = self.open(subscription, instance).await?;
        self.awaited().remove(&subscription.name);
        let stop = self.0.stop_work.child_token();
        let inbound = Arc::new(Inbound::default());
        let pump = Pump {
            link: self.0.consume.clone(),
            topology: Arc::clone(&self.0.topology),
            subscription: subscription.clone(),
            instance,
            inbound: Arc::clone(&inbound),
            interrupted: Arc::clone(&self.0.interrupted),
            stop: stop.clone(),
            limit: self.0.config.operation_timeout,
            pause: self.0.config.reconnect_min,
        };
        self.0.work.spawn(pump.run(session));
        Ok(Box::new(AmqpDeliveries {
            inbound,
            _consumer: stop.drop_guard(),
        }))
    }
}
