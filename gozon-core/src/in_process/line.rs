use std::sync::Arc;

use tokio::sync::Notify;

use super::bus::Wakes;
use super::ordered::Ordered;
use super::queue::{ConsumerId, Position, Queue, Taken};
use crate::Envelope;

/// Where messages wait: for competing consumers, or in order.
pub(super) enum Line {
    Shared(Queue),
    Ordered(Ordered),
}

impl Line {
    pub(super) fn new(capacity: usize, partitions: Option<u16>) -> Self {
        match partitions {
            None => Self::Shared(Queue::new(capacity)),
            Some(partitions) => Self::Ordered(Ordered::new(capacity, partitions)),
        }
    }

    pub(super) fn has_room(&self) -> bool {
        match self {
            Self::Shared(queue) => queue.has_room(),
            Self::Ordered(queue) => queue.has_room(),
        }
    }

    pub(super) fn push(&mut self, envelope: Arc<Envelope>, wakes: &mut Wakes) {
        match self {
            Self::Shared(queue) => queue.push(envelope, wakes),
            Self::Ordered(queue) => queue.push(envelope, wakes),
        }
    }

    /// Without room, a shared queue forgets the oldest. Only broadcast does
    /// that, and it is never ordered.
    pub(super) fn push_or_lag(&mut self, envelope: Arc<Envelope>, wakes: &mut Wakes) {
        match self {
            Self::Shared(queue) => queue.push_or_lag(envelope, wakes),
            Self::Ordered(queue) => queue.push(envelope, wakes),
        }
    }

    pub(super) fn take_lagged(&mut self) -> bool {
        match self {
            Self::Shared(queue) => queue.take_lagged(),
            Self::Ordered(_) => false,
        }
    }

    pub(super) fn join(
        &mut self,
        id: ConsumerId,
        prefetch: u16,
        wake: Arc<Notify>,
        wakes: &mut Wakes,
    ) {
        match self {
            Self::Shared(queue) => queue.join(id, prefetch, wake, wakes),
            Self::Ordered(queue) => queue.join(id, prefetch, wake, wakes),
        }
    }

    pub(super) fn leave(&mut self, id: ConsumerId, wakes: &mut Wakes) {
        match self {
            Self::Shared(queue) => queue.leave(id, wakes),
            Self::Ordered(queue) => queue.leave(id, wakes),
        }
    }

    pub(super) fn take(&mut self, id: ConsumerId, max: usize) -> Vec<Taken> {
        match self {
            Self::Shared(queue) => queue.take(id, max),
            Self::Ordered(queue) => queue.take(id, max),
        }
    }

    pub(super) fn ack(
        &mut self,
        id: ConsumerId,
        position: Position,
        wakes: &mut Wakes,
    ) -> Option<Arc<Envelope>> {
        match self {
            Self::Shared(queue) => queue.ack(id, position, wakes),
            Self::Ordered(queue) => queue.ack(id, position, wakes),
        }
    }

    /// To the end, or where order is kept, to its place.
    pub(super) fn requeue(
        &mut self,
        id: ConsumerId,
        position: Position,
        wakes: &mut Wakes,
    ) -> bool {
        match self {
            Self::Shared(queue) => queue.requeue(id, position, wakes),
            Self::Ordered(queue) => queue.give_back(id, position, wakes),
        }
    }

    pub(super) fn give_back(&mut self, id: ConsumerId, position: Position, wakes: &mut Wakes) {
        match self {
            Self::Shared(queue) => queue.give_back(id, position, wakes),
            Self::Ordered(queue) => {
                queue.give_back(id, position, wakes);
            }
        }
    }

    pub(super) fn wake_all(&self, wakes: &mut Wakes) {
        match self {
            Self::Shared(queue) => queue.wake_all(wakes),
            Self::Ordered(queue) => queue.wake_all(wakes),
        }
    }
}
