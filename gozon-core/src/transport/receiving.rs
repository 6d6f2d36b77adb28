use async_trait::async_trait;

use super::{Delivery, Subscription, TransportError};

/// Receives messages.
///
/// **Declaring.** `declare` creates what must exist before anything is
/// published (queue and bindings); declare every durable subscription at
/// wiring, before a relay starts. Declaring the same twice is harmless,
/// declaring it differently is an error. **Order.** Consumers of one
/// subscription compete, so their deliveries have no order among them; who needs
/// order per key asks for it with [`Subscription::with_order`].
/// **Broadcast** subscriptions exist only while someone is subscribed;
/// declaring one tells the transport that its types have an audience in
/// principle. **Concurrency.** Safe to call from many tasks at once; each
/// stream belongs to one task. **Acknowledgement.** Every delivery is settled by
/// itself ([`Delivery::ack`], [`super::Settlement::requeue`]), in any order and
/// from any task. What is not settled comes again, flagged `redelivered`, at the
/// latest when its stream is dropped. **Close.** Closing a transport ends every
/// stream with [`Received::Closed`], and declaring and subscribing then fail.
/// **Cancellation.** A dropped call may or may not have happened; repeating it
/// is harmless.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Subscriber: Send + Sync {
    /// Creates the queue and its bindings, or checks that they are as wanted.
    ///
    /// # Errors
    /// [`TransportError::Mismatch`] when it exists otherwise;
    /// [`TransportError::Unavailable`] while the broker cannot be reached.
    async fn declare(&self, subscription: &Subscription) -> Result<(), TransportError>;

    /// Starts receiving. The stream heals itself: it ends only when the
    /// transport is closed.
    ///
    /// # Errors
    /// As for `declare`.
    async fn subscribe(
        &self,
        subscription: &Subscription,
    ) -> Result<Box<dyn Deliveries>, TransportError>;
}

/// The messages of one subscriber, until it is dropped. Dropping it gives
/// back what is unsettled to the other subscribers. At most
/// [`Subscription::prefetch`] deliveries are unsettled at a time; settling one
/// makes room for the next. Of an ordered subscription
/// ([`Subscription::with_order`]) a batch may mix partitions; each partition's
/// deliveries are in order, within a batch and from one to the next.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Deliveries: Send {
    /// Waits for at least one delivery and returns what is there, at most `max`,
    /// never lingering for more. Cancel-safe: a dropped future loses nothing.
    async fn receive(&mut self, max: usize) -> Received;
}

/// What a subscriber hears.
#[derive(Debug)]
pub enum Received {
    /// At least one delivery.
    Batch(Vec<Delivery>),
    /// The subscription was interrupted and stands again. A broadcast
    /// subscriber may have missed messages and re-reads what it shows; unsettled
    /// durable deliveries will come again.
    Resumed,
    /// The transport was closed. Nothing more will come.
    Closed,
}
