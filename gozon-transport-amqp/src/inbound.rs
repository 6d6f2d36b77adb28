//! The queue between one consumer and whoever receives from it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use gozon_core::{Deliveries, Delivery, Received};
use tokio::sync::Notify;
use tokio_util::sync::DropGuard;

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
    pub(crate) fn put_back(&self, place: Place, delivery: Delivery) -> bool {
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
