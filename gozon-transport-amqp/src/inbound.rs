//! The queue between one consumer and whoever receives from it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use gozon_core::{Deliveries, Delivery, Incoming, Received, Settle, SettleError};
use lapin::Channel;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::DropGuard;

use crate::metrics;

/// Deliveries that wait to be received. Bounded by the prefetch: the broker
/// sends no more than that many unsettled deliveries.
#[derive(Default)]
pub(crate) struct Inbound {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(Place, Delivery)>,
    /// Counts the interruptions.
    session: u64,
    resumed: bool,
    closed: bool,
}

/// Where a delivery stands: in a session of its own, tags mean another thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) session: u64,
    pub(crate) partition: u16,
    /// Grows with every delivery of the session.
    pub(crate) tag: u64,
}

impl Inbound {
    /// Adds a delivery at the end.
    pub(crate) fn push(&self, place: Place, delivery: Delivery) {
        self.state().waiting.push_back((place, delivery));
        self.changed.notify_one();
    }

    /// Puts a delivery before whatever of its partition waits and came after
    /// it; `false` when the broker has taken it back meanwhile.
    fn put_back(&self, place: Place, delivery: Delivery) -> bool {
        let mut state = self.state();
        if state.closed || state.session != place.session {
            return false;
        }
        let later =
            |(other, _): &(Place, _)| other.partition == place.partition && other.tag > place.tag;
        let at = state.waiting.iter().position(later);
        let at = at.unwrap_or(state.waiting.len());
        state.waiting.insert(at, (place, delivery));
        drop(state);
        self.changed.notify_one();
        true
    }

    /// The session that goes on.
    pub(crate) fn session(&self) -> u64 {
        self.state().session
    }

    /// The session ended. What waits can no longer be settled; the broker will
    /// send it again.
    pub(crate) fn interrupt(&self) {
        let mut state = self.state();
        state.waiting.clear();
        state.session += 1;
    }

    pub(crate) fn resume(&self) {
        self.state().resumed = true;
        self.changed.notify_one();
    }

    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.waiting.clear();
        state.closed = true;
        drop(state);
        self.changed.notify_one();
    }

    fn take(&self, max: usize) -> Option<Received> {
        let mut state = self.state();
        // Before the deliveries: those that wait came after it.
        if std::mem::take(&mut state.resumed) {
            return Some(Received::Resumed);
        }
        if state.closed {
            return Some(Received::Closed);
        }
        let ready = state.waiting.len().min(max.max(1));
        let batch = |(_, delivery)| delivery;
        (ready > 0).then(|| Received::Batch(state.waiting.drain(..ready).map(batch).collect()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes the queue when whoever fills it has gone, even by a panic: otherwise a
/// receiver would wait for ever in a service that looks healthy.
pub(crate) struct CloseOnDrop(pub(crate) Arc<Inbound>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The receiving end. Dropping it ends the consumer.
pub(crate) struct AmqpDeliveries {
    pub(crate) inbound: Arc<Inbound>,
    pub(crate) _consumer: DropGuard,
}

#[async_trait]
impl Deliveries for AmqpDeliveries {
    async fn receive(&mut self, max: usize) -> Received {
        loop {
            // `notify_one` keeps its permit if no one waits, so nothing that
            // arrives between the look and the wait is missed.
            if let Some(received) = self.inbound.take(max) {
                return received;
            }
            self.inbound.changed.notified().await;
        }
    }
}

/// Settles one delivery, on the channel that it came on: its tag means nothing,
/// or another message, anywhere else.
pub(crate) struct AmqpSettle {
    pub(crate) channel: Arc<Channel>,
    pub(crate) tag: u64,
    pub(crate) limit: Duration,
}

impl AmqpSettle {
    async fn within_limit(
        &self,
        settling: impl Future<Output = lapin::Result<()>>,
    ) -> Result<(), SettleError> {
        let reason = match timeout(self.limit, settling).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("not written within {:?}", self.limit),
        };
        ::metrics::counter!(metrics::SETTLE_FAILURES).increment(1);
        Err(SettleError { reason })
    }
}

// lapin's `Acker` answers `Ok(false)` on a dead channel and starts a task per
// acknowledgement; the channel itself answers with an error, and at once.
#[async_trait]
impl Settle for AmqpSettle {
    async fn ack(self: Box<Self>) -> Result<(), SettleError> {
        let options = BasicAckOptions::default();
        self.within_limit(self.channel.basic_ack(self.tag, options))
            .await
    }

    async fn requeue(self: Box<Self>) -> Result<(), SettleError> {
        let options = BasicNackOptions {
            multiple: false,
            requeue: true,
        };
        self.within_limit(self.channel.basic_nack(self.tag, options))
            .await
    }
}

/// Settles one delivery of an ordered subscription.
///
/// The broker would put a requeued message behind those that it has sent us
/// already. So it does not hear of it: the message stays unsettled there, and
/// waits here once more, in its place.
pub(crate) struct OrderedSettle {
    pub(crate) settle: AmqpSettle,
    /// Weak, because what waits in there has one of these itself.
    pub(crate) inbound: Weak<Inbound>,
    pub(crate) place: Place,
    pub(crate) incoming: Incoming,
}

#[async_trait]
impl Settle for OrderedSettle {
    async fn ack(self: Box<Self>) -> Result<(), SettleError> {
        Box::new(self.settle).ack().await
    }

    async fn requeue(self: Box<Self>) -> Result<(), SettleError> {
        let (place, inbound) = (self.place, self.inbound.upgrade());
        let again = Delivery::new(self.incoming.clone(), true, self);
        if inbound.is_some_and(|inbound| inbound.put_back(place, again)) {
            return Ok(());
        }
        ::metrics::counter!(metrics::SETTLE_FAILURES).increment(1);
        Err(SettleError {
            reason: "its consumer is gone".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_receiver_hears_of_a_consumer_that_panicked() {
        let inbound = Arc::new(Inbound::default());
        let closing = CloseOnDrop(Arc::clone(&inbound));
        let mut deliveries = AmqpDeliveries {
            inbound,
            _consumer: tokio_util::sync::CancellationToken::new().drop_guard(),
        };

        let pump = tokio::spawn(async move {
            let _closing = closing;
            assert!(tokio::task::try_id().is_none(), "a panic");
        });

        assert!(pump.await.is_err());
        assert!(matches!(deliveries.receive(1).await, Received::Closed));
    }
}
