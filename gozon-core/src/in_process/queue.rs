use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tokio::sync::Notify;

use super::bus::Wakes;
use crate::Envelope;

/// Names one consumer of one queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ConsumerId(pub(super) u64);

/// A message's place in its queue. Grows with every message that is put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position(u64);

impl Position {
    /// The next place in a queue of several partitions. It tells its partition,
    /// and all places of the queue still compare in the order of publishing.
    pub(super) fn after(count: u64, partition: usize, partitions: usize) -> Self {
        let wide = |n| u64::try_from(n).unwrap_or(u64::MAX);
        Self(count * wide(partitions) + wide(partition))
    }

    /// The partition that [`Position::after`] was given.
    pub(super) fn partition(self, partitions: usize) -> usize {
        usize::try_from(self.0 % u64::try_from(partitions).unwrap_or(u64::MAX)).unwrap_or(0)
    }
}

/// A bounded queue and the consumers that compete for it.
///
/// Every message in it is either ready or unsettled at exactly one consumer.
/// **Wake-ups:** whenever "something is ready and this consumer may take it"
/// becomes true, that consumer is woken.
pub(super) struct Queue {
    capacity: usize,
    next: u64,
    ready: BTreeMap<Position, Waiting>,
    consumers: HashMap<ConsumerId, Consumer>,
    lagged: bool,
}

pub(super) struct Waiting {
    pub(super) envelope: Arc<Envelope>,
    pub(super) redelivered: bool,
}

impl Waiting {
    pub(super) fn first(envelope: Arc<Envelope>) -> Self {
        Self {
            envelope,
            redelivered: false,
        }
    }

    pub(super) fn again(envelope: Arc<Envelope>) -> Self {
        Self {
            envelope,
            redelivered: true,
        }
    }
}

struct Consumer {
    prefetch: usize,
    unsettled: BTreeMap<Position, Arc<Envelope>>,
    wake: Arc<Notify>,
}

impl Consumer {
    fn room(&self) -> usize {
        self.prefetch.saturating_sub(self.unsettled.len())
    }
}

/// One message that a consumer took.
pub(super) struct Taken {
    pub(super) position: Position,
    pub(super) envelope: Arc<Envelope>,
    pub(super) redelivered: bool,
}

impl Queue {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            next: 0,
            ready: BTreeMap::new(),
            consumers: HashMap::new(),
            lagged: false,
        }
    }

    /// Whether a publisher may put one more in. Only what is ready counts: the
    /// unsettled are bounded by the prefetch of the consumers.
    pub(super) fn has_room(&self) -> bool {
        self.ready.len() < self.capacity
    }

    /// Puts a message at the end.
    pub(super) fn push(&mut self, envelope: Arc<Envelope>, wakes: &mut Wakes) {
        self.push_waiting(envelope, false, wakes);
    }

    /// Puts a message at the end and, where there is no room, forgets the oldest.
    pub(super) fn push_or_lag(&mut self, envelope: Arc<Envelope>, wakes: &mut Wakes) {
        if !self.has_room() {
            self.ready.pop_first();
            self.lagged = true;
        }
        self.push_waiting(envelope, false, wakes);
    }

    /// Whether messages were forgotten since this was last asked.
    pub(super) fn take_lagged(&mut self) -> bool {
        std::mem::take(&mut self.lagged)
    }

    pub(super) fn join(
        &mut self,
        id: ConsumerId,
        prefetch: u16,
        wake: Arc<Notify>,
        wakes: &mut Wakes,
    ) {
        let consumer = Consumer {
            prefetch: usize::from(prefetch),
            unsettled: BTreeMap::new(),
            wake,
        };
        self.consumers.insert(id, consumer);
        self.wake_consumers(wakes);
    }

    /// Takes the consumer out and gives what it had not settled to the others.
    pub(super) fn leave(&mut self, id: ConsumerId, wakes: &mut Wakes) {
        let Some(consumer) = self.consumers.remove(&id) else {
            return;
        };
        for (position, envelope) in consumer.unsettled {
            self.restore(position, envelope);
        }
        self.wake_consumers(wakes);
    }

    /// What is ready, oldest first, at most `max` and what the prefetch allows.
    pub(super) fn take(&mut self, id: ConsumerId, max: usize) -> Vec<Taken> {
        let Some(consumer) = self.consumers.get_mut(&id) else {
            return Vec::new();
        };
        let count = max.min(consumer.room()).min(self.ready.len());
        let mut taken = Vec::with_capacity(count);
        while taken.len() < count {
            let Some((position, waiting)) = self.ready.pop_first() else {
                break;
            };
            consumer
                .unsettled
                .insert(position, Arc::clone(&waiting.envelope));
            taken.push(Taken {
                position,
                envelope: waiting.envelope,
                redelivered: waiting.redelivered,
            });
        }
        taken
    }

    /// The message is done; `None` when this consumer no longer holds it.
    pub(super) fn ack(
        &mut self,
        id: ConsumerId,
        position: Position,
        wakes: &mut Wakes,
    ) -> Option<Arc<Envelope>> {
        let envelope = self.settle(id, position)?;
        self.wake_if_it_may_take(id, wakes);
        Some(envelope)
    }

    /// The message goes to the end; `false` when this consumer no longer holds it.
    pub(super) fn requeue(
        &mut self,
        id: ConsumerId,
        position: Position,
        wakes: &mut Wakes,
    ) -> bool {
        let Some(envelope) = self.settle(id, position) else {
            return false;
        };
        self.push_waiting(envelope, true, wakes);
        true
    }

    /// The message returns to its old place; nothing when this consumer no
    /// longer holds it.
    pub(super) fn give_back(&mut self, id: ConsumerId, position: Position, wakes: &mut Wakes) {
        if let Some(envelope) = self.settle(id, position) {
            self.restore(position, envelope);
            self.wake_consumers(wakes);
        }
    }

    /// Wakes everyone, whatever they wait for.
    pub(super) fn wake_all(&self, wakes: &mut Wakes) {
        for consumer in self.consumers.values() {
            wakes.add(&consumer.wake);
        }
    }

    fn settle(&mut self, id: ConsumerId, position: Position) -> Option<Arc<Envelope>> {
        self.consumers.get_mut(&id)?.unsettled.remove(&position)
    }

    fn push_waiting(&mut self, envelope: Arc<Envelope>, redelivered: bool, wakes: &mut Wakes) {
        let position = Position(self.next);
        self.next += 1;
        let waiting = Waiting {
            envelope,
            redelivered,
        };
        self.ready.insert(position, waiting);
        self.wake_consumers(wakes);
    }

    fn restore(&mut self, position: Position, envelope: Arc<Envelope>) {
        self.ready.insert(position, Waiting::again(envelope));
    }

    /// A lagging consumer is woken even when it may take nothing: it must hear
    /// that it lags.
    fn wake_consumers(&self, wakes: &mut Wakes) {
        if self.ready.is_empty() {
            return;
        }
        for consumer in self.consumers.values() {
            if consumer.room() > 0 || self.lagged {
                wakes.add(&consumer.wake);
            }
        }
    }

    fn wake_if_it_may_take(&self, id: ConsumerId, wakes: &mut Wakes) {
        if let Some(consumer) = self.consumers.get(&id)
            && consumer.room() == 1
            && !self.ready.is_empty()
        {
            wakes.add(&consumer.wake);
        }
    }
}
