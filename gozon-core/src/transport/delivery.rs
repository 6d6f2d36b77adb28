use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Envelope, MessageId};

/// One message at one consumer, to be settled.
///
/// Dropped unsettled, it comes again: at the latest when the stream is dropped.
/// Whoever needs order requeues it instead, because meanwhile later ones come.
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

    /// Not now: the broker gives it to someone again. With order, it returns to
    /// its place ([`crate::Subscription::with_order`]).
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
///
/// Settles once, from whatever task, and many at the same time: a transport may
/// then tell its broker of them together. Dropped without a call it settles nothing:
/// the delivery comes again at the latest when its stream is dropped. Answers
/// within the adapter's own time limit.
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
