use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Envelope, ErrorClass, MessageId};

/// What became of one published message. Five answers that a relay treats in
/// five ways; an adapter never folds one into another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The broker has it and answers for it. The only success.
    Confirmed,
    /// The broker declined it for now. Repeat after a backoff; an outage.
    Nacked {
        /// What the broker said.
        reason: String,
    },
    /// The broker has no queue for it. Keep it, raise an alarm, repeat slowly.
    Returned {
        /// What the broker said.
        reason: String,
    },
    /// Nobody knows: timeout, channel or connection gone. It may have arrived,
    /// so callers repeat and consumers tolerate repeats.
    Unknown {
        /// What was lost.
        reason: String,
    },
    /// The broker refused this very message for its own sake (too large, say)
    /// and would refuse it again. Only for a message that fails when it is
    /// published alone.
    Refused {
        /// What the broker said.
        reason: String,
    },
}

/// Hands messages to a broker.
///
/// **Outcomes.** One per envelope, in order; the length always matches.
/// **Order.** Messages of one batch may overtake each other; a caller that
/// needs order has at most one message of a key in flight.
/// **Concurrency.** Safe to call from many tasks at once; batches do not wait
/// for each other. **Time.** Answers within the adapter's own publish timeout.
/// **Cancellation.** Dropping the future makes every outcome unknown.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Publisher: Send + Sync {
    /// Publishes all messages of `batch` and waits for what became of each.
    async fn publish(&self, batch: &[Envelope]) -> Vec<Outcome>;
}

/// Who gets the messages of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SubscriptionKind {
    /// A queue of its own that outlives everyone. Instances that subscribe
    /// under one name compete: each message goes to one of them.
    Durable,
    /// Each live instance gets a copy. Nothing is kept for the absent.
    Broadcast,
}

/// Which messages someone wants, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// `<service>.<subscription>`, such as `payments.orders`; names the queue.
    pub name: String,
    /// The event types wanted, each exactly.
    pub types: Vec<String>,
    /// Durable or broadcast.
    pub kind: SubscriptionKind,
    /// How many deliveries may be unacknowledged at once, 1–1000.
    pub prefetch: u16,
}

impl Subscription {
    /// A durable subscription with a prefetch of 128.
    pub fn durable(name: impl Into<String>, types: &[&str]) -> Self {
        Self::new(name.into(), types, SubscriptionKind::Durable)
    }

    /// A broadcast subscription with a prefetch of 128.
    pub fn broadcast(name: impl Into<String>, types: &[&str]) -> Self {
        Self::new(name.into(), types, SubscriptionKind::Broadcast)
    }

    fn new(name: String, types: &[&str], kind: SubscriptionKind) -> Self {
        Self {
            name,
            types: types.iter().map(|kind| (*kind).to_owned()).collect(),
            kind,
            prefetch: 128,
        }
    }

    /// Sets how many deliveries may be unacknowledged at once.
    #[must_use]
    pub fn with_prefetch(mut self, prefetch: u16) -> Self {
        self.prefetch = prefetch;
        self
    }

    /// Checks that name, types and prefetch make sense. Transports call it
    /// before they declare anything.
    ///
    /// # Errors
    /// [`TransportError::Config`] names the first field that does not.
    pub fn validate(&self) -> Result<(), TransportError> {
        let wrong = |field, reason: &str| {
            Err(TransportError::Config {
                field,
                reason: reason.to_owned(),
            })
        };
        if self.name.is_empty() {
            return wrong("name", "must not be empty");
        }
        if self.types.is_empty() || self.types.iter().any(String::is_empty) {
            return wrong("types", "name at least one event type, none of them empty");
        }
        if !(1..=1000).contains(&self.prefetch) {
            return wrong("prefetch", "must be from 1 to 1000");
        }
        Ok(())
    }
}

/// Receives messages.
///
/// **Declaring.** `declare` creates what must exist before anything is
/// published (queue and bindings); declare every durable subscription at
/// wiring, before a relay starts. Declaring the same twice is harmless,
/// declaring it differently is an error. **Broadcast** subscriptions exist only
/// while someone is subscribed; declaring one tells the transport that its
/// types have an audience in principle.
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
/// back what is unsettled to the other subscribers.
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

/// One message at one consumer, to be settled.
///
/// Dropped unsettled, it comes again: at the latest when the stream is dropped.
pub struct Delivery {
    /// What arrived.
    pub incoming: Incoming,
    /// The broker says that it may have been delivered before.
    pub redelivered: bool,
    settlement: Settlement,
}

impl Delivery {
    /// Called by transports.
    pub fn new(incoming: Incoming, redelivered: bool, settle: Box<dyn Settle>) -> Self {
        Self {
            incoming,
            redelivered,
            settlement: Settlement(settle),
        }
    }

    /// Separates the content from the duty to settle it.
    pub fn into_parts(self) -> (Incoming, bool, Settlement) {
        (self.incoming, self.redelivered, self.settlement)
    }

    /// See [`Settlement::ack`].
    ///
    /// # Errors
    /// As there.
    pub async fn ack(self) -> Result<(), SettleError> {
        self.settlement.ack().await
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("incoming", &self.incoming)
            .field("redelivered", &self.redelivered)
            .finish_non_exhaustive()
    }
}

/// The content of a delivery.
// Almost every delivery is an envelope; a box would cost each an allocation.
#[allow(clippy::large_enum_variant)]
#[derive(Debug, Clone, PartialEq)]
pub enum Incoming {
    /// A message that reads as an envelope.
    Message(Envelope),
    /// Something that does not. Consumers keep it as a dead letter.
    Malformed(Malformed),
}

/// A delivery that is no envelope: another envelope version, a missing
/// attribute, a foreign message.
#[derive(Debug, Clone, PartialEq)]
pub struct Malformed {
    /// The same for the same content, so that a repeat is recognised.
    pub id: MessageId,
    /// What is wrong with it.
    pub reason: String,
    /// Its headers as far as they can be shown, as JSON text.
    pub headers: String,
    /// Its body, whole.
    pub data: Bytes,
}

/// The duty to settle one delivery.
pub struct Settlement(Box<dyn Settle>);

impl Settlement {
    /// Done: the broker may forget it.
    ///
    /// # Errors
    /// [`SettleError`] when the broker can no longer hear it; the message will
    /// come again, and the inbox will recognise it.
    pub async fn ack(self) -> Result<(), SettleError> {
        self.0.ack().await
    }

    /// Not now: the broker gives it to someone again.
    ///
    /// # Errors
    /// As for `ack`; it will come again anyway.
    pub async fn requeue(self) -> Result<(), SettleError> {
        self.0.requeue().await
    }
}

impl fmt::Debug for Settlement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Settlement")
    }
}

/// How a transport settles one delivery. Implemented by transports, used
/// through [`Settlement`].
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Settle: Send {
    /// The broker may forget it.
    async fn ack(self: Box<Self>) -> Result<(), SettleError>;
    /// The broker gives it to someone again.
    async fn requeue(self: Box<Self>) -> Result<(), SettleError>;
}

/// The channel on which the delivery came is gone. Expect the message again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the delivery can no longer be settled: {reason}")]
pub struct SettleError {
    /// What was lost.
    pub reason: String,
}

/// Why a transport could not be used.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The broker cannot be reached, or did not answer in time.
    #[error("the broker is not available: {reason}")]
    Unavailable {
        /// What failed.
        reason: String,
    },
    /// A queue or exchange exists with other properties than asked for.
    #[error("{what} exists with other properties: {reason}")]
    Mismatch {
        /// The queue, exchange or subscription.
        what: String,
        /// What the broker said.
        reason: String,
    },
    /// A setting makes no sense.
    #[error("{field}: {reason}")]
    Config {
        /// The setting.
        field: &'static str,
        /// What to do about it.
        reason: String,
    },
    /// The transport was closed.
    #[error("the transport is closed")]
    Closed,
    /// No answer within this time.
    #[error("the broker did not answer within {0:?}")]
    Timeout(Duration),
}

impl TransportError {
    /// What the caller can do.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Unavailable { .. } | Self::Timeout(_) => ErrorClass::Retry,
            Self::Mismatch { .. } | Self::Config { .. } => ErrorClass::Reject,
            Self::Closed => ErrorClass::Bug,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_names_the_field_that_makes_no_sense() {
        let fine = Subscription::durable("payments.orders", &["order_created"]);
        assert!(fine.validate().is_ok());
        assert!(fine.clone().with_prefetch(1).validate().is_ok());
        assert!(fine.clone().with_prefetch(1000).validate().is_ok());

        for (field, wrong) in [
            ("name", Subscription::durable("", &["order_created"])),
            ("types", Subscription::broadcast("orders.live", &[])),
            (
                "types",
                Subscription::durable("payments.orders", &["order_created", ""]),
            ),
            ("prefetch", fine.clone().with_prefetch(0)),
            ("prefetch", fine.with_prefetch(1001)),
        ] {
            let error = wrong.validate().unwrap_err();
            assert!(error.to_string().starts_with(field), "{error}");
            assert_eq!(error.class(), ErrorClass::Reject);
        }
    }

    #[test]
    fn only_what_may_pass_is_worth_a_retry() {
        let reason = String::new;
        let classes = [
            (
                TransportError::Unavailable { reason: reason() },
                ErrorClass::Retry,
            ),
            (
                TransportError::Timeout(Duration::from_secs(1)),
                ErrorClass::Retry,
            ),
            (
                TransportError::Mismatch {
                    what: "queue".into(),
                    reason: reason(),
                },
                ErrorClass::Reject,
            ),
            (TransportError::Closed, ErrorClass::Bug),
        ];
        for (error, class) in classes {
            assert_eq!(error.class(), class, "{error}");
        }
    }
}
