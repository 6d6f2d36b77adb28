//! The transport of a single process: no broker, no file, no second copy.
//!
//! It holds nothing that must survive. A publish is confirmed only when every
//! matching durable subscription has acknowledged the message, so until then
//! the outbox keeps the row, and a crash loses nothing (ADR 2).
//!
//! All state lives behind one lock ([`bus`]), held for microseconds and never
//! across an await; what happens under it is plain data structure code
//! ([`routing`], [`placing`], [`queue`]), and whoever must wake up is woken after it is
//! released.

mod bus;
mod config;
mod deliveries;
mod in_flight;
mod line;
mod ordered;
mod placing;
mod queue;
mod routing;
mod ticket;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::{Instant, timeout_at};

use crate::{
    Deliveries, Envelope, Outcome, Publisher, Subscriber, Subscription, SubscriptionKind,
    TransportError,
};

use bus::Bus;
pub use config::InProcessConfig;
use deliveries::InProcessDeliveries;
use ticket::Ticket;

/// The in-process transport. Clones share one bus.
///
/// **Confirmed** means that every durable subscription to the type has
/// acknowledged the message; a type that has only broadcast subscriptions is
/// confirmed at once. **Returned**: no one declared a subscription to the type.
/// **Unknown**: not acknowledged within the publish timeout, or closed.
/// Nothing is nacked or refused.
///
/// **Repeats.** A message whose id is still in flight joins the delivery in
/// flight; it is not delivered twice. **Order.** Messages of one call reach one
/// consumer in the order of the slice. **Bounds.** Queues are bounded; a full
/// one makes publishers wait, within their timeout. A broadcast subscriber that
/// lags loses the oldest messages and hears [`crate::Received::Resumed`].
/// **Settling.** A requeued delivery goes to the end of the queue, so that it
/// does not stand in the way of its neighbours; one that was dropped unsettled
/// returns to its old place. Either comes again flagged `redelivered`. **With
/// order** ([`Subscription::with_order`]) both return to their place, and the
/// partitions are dealt out evenly over the consumers of the subscription.
#[derive(Clone)]
pub struct InProcess {
    bus: Arc<Bus>,
    config: InProcessConfig,
}

impl InProcess {
    /// A bus of its own, with the default settings.
    pub fn new() -> Self {
        Self::started(InProcessConfig::default())
    }

    /// A bus of its own.
    ///
    /// # Errors
    /// [`TransportError::Config`] names a setting that makes no sense.
    pub fn with_config(config: InProcessConfig) -> Result<Self, TransportError> {
        config.validate()?;
        Ok(Self::started(config))
    }

    /// Ends every stream with [`crate::Received::Closed`] and answers every
    /// publish with [`Outcome::Unknown`], now and from now on. Harmless twice.
    pub fn close(&self) {
        self.bus.with(|state, wakes| state.close(wakes));
    }

    fn started(config: InProcessConfig) -> Self {
        let bus = Arc::new(Bus::new(config.queue_capacity, config.broadcast_capacity));
        Self { bus, config }
    }
}

impl Default for InProcess {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcess")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Publisher for InProcess {
    async fn publish(&self, batch: &[Envelope]) -> Vec<Outcome> {
        let deadline = Instant::now() + self.config.publish_timeout;
        let ticket = Arc::new(Ticket::new(batch.len()));
        let mut unplaced: Vec<usize> = (0..batch.len()).collect();
        loop {
            if !unplaced.is_empty() {
                self.bus
                    .with(|state, wakes| state.place(batch, &mut unplaced, &ticket, wakes));
            }
            if ticket.is_answered() {
                break;
            }
            if timeout_at(deadline, ticket.woken()).await.is_err() {
                break;
            }
        }
        let waited = self.config.publish_timeout;
        ticket.outcomes(|index| {
            if unplaced.contains(&index) {
                format!("a queue was full for {waited:?}")
            } else {
                format!("not acknowledged by every subscription within {waited:?}")
            }
        })
    }
}

#[async_trait]
impl Subscriber for InProcess {
    async fn declare(&self, subscription: &Subscription) -> Result<(), TransportError> {
        subscription.validate()?;
        self.bus.with(|state, _| state.declare(subscription))
    }

    async fn subscribe(
        &self,
        subscription: &Subscription,
    ) -> Result<Box<dyn Deliveries>, TransportError> {
        subscription.validate()?;
        let consumer = self.bus.with(|state, wakes| {
            state.declare(subscription)?;
            match subscription.kind {
                SubscriptionKind::Durable => state.join_durable(subscription, wakes),
                SubscriptionKind::Broadcast => state.join_broadcast(subscription, wakes),
            }
        })?;
        Ok(Box::new(InProcessDeliveries::new(
            Arc::clone(&self.bus),
            consumer,
        )))
    }
}
