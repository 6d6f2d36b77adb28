use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Weak};

use tokio::sync::Notify;

use super::bus::Wakes;
use super::in_flight::InFlight;
use super::line::Line;
use super::queue::{ConsumerId, Position, Taken};
use super::ticket::Ticket;
use crate::{Outcome, Subscription, SubscriptionKind, TransportError};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct QueueId(u64);

/// Everything that the bus knows: who wants what, what waits where, and who
/// waits for its acknowledgement. Plain data; the caller holds the lock.
///
/// **Invariant:** a message is in flight exactly while at least one durable
/// queue holds it, ready or unsettled.
pub(super) struct Routing {
    pub(super) closed: bool,
    queue_capacity: usize,
    broadcast_capacity: usize,
    next_id: u64,
    declared: HashMap<String, Declared>,
    /// The queues of each declared type. A broadcast type without a live
    /// subscriber has an empty list; a type that nobody declared has none.
    pub(super) routes: HashMap<String, Vec<QueueId>>,
    pub(super) queues: HashMap<QueueId, Owned>,
    pub(super) in_flight: InFlight,
    /// Publishers that wait for room in some queue.
    pub(super) crowd: Vec<Weak<Ticket>>,
}

struct Declared {
    kind: SubscriptionKind,
    types: BTreeSet<String>,
    partitions: Option<u16>,
    /// A durable subscription's queue; a broadcast has one per subscriber.
    queue: Option<QueueId>,
}

pub(super) struct Owned {
    pub(super) kind: SubscriptionKind,
    pub(super) queue: Line,
}

/// A consumer's address, and how it is woken.
#[derive(Clone)]
pub(super) struct Consumer {
    queue: QueueId,
    id: ConsumerId,
    pub(super) wake: Arc<Notify>,
}

/// What a consumer finds when it looks.
pub(super) enum Next {
    Batch(Vec<Taken>),
    Lagged,
    Nothing,
    Closed,
}

impl Routing {
    pub(super) fn new(queue_capacity: usize, broadcast_capacity: usize) -> Self {
        Self {
            closed: false,
            queue_capacity,
            broadcast_capacity,
            next_id: 0,
            declared: HashMap::new(),
            routes: HashMap::new(),
            queues: HashMap::new(),
            in_flight: InFlight::default(),
            crowd: Vec::new(),
        }
    }

    pub(super) fn declare(&mut self, wanted: &Subscription) -> Result<(), TransportError> {
        if self.closed {
            return Err(TransportError::Closed);
        }
        let types: BTreeSet<String> = wanted.types.iter().cloned().collect();
        if let Some(known) = self.declared.get(&wanted.name) {
            if known.kind == wanted.kind
                && known.types == types
                && known.partitions == wanted.partitions
            {
                return Ok(());
            }
            return Err(TransportError::Mismatch {
                what: format!("subscription {}", wanted.name),
                reason: format!(
                    "it is {:?} of {:?} with partitions {:?}",
                    known.kind, known.types, known.partitions
                ),
            });
        }
        let queue = match wanted.kind {
            SubscriptionKind::Durable => {
                let line = Line::new(self.queue_capacity, wanted.partitions);
                Some(self.open_queue(wanted.kind, line, &types))
            }
            SubscriptionKind::Broadcast => {
                for kind in &types {
                    self.routes.entry(kind.clone()).or_default();
                }
                None
            }
        };
        let declared = Declared {
            kind: wanted.kind,
            types,
            partitions: wanted.partitions,
            queue,
        };
        self.declared.insert(wanted.name.clone(), declared);
        Ok(())
    }

    /// A consumer that competes with the others of a declared subscription.
    pub(super) fn join_durable(
        &mut self,
        subscription: &Subscription,
        wakes: &mut Wakes,
    ) -> Result<Consumer, TransportError> {
        self.declared
            .get(&subscription.name)
            .and_then(|declared| declared.queue)
            .and_then(|queue| self.join(queue, subscription.partition_prefetch(), wakes))
            .ok_or(TransportError::Closed)
    }

    /// A consumer with a queue of its own.
    pub(super) fn join_broadcast(
        &mut self,
        subscription: &Subscription,
        wakes: &mut Wakes,
    ) -> Result<Consumer, TransportError> {
        let types = subscription.types.iter().cloned().collect();
        let line = Line::new(self.broadcast_capacity, None);
        let queue = self.open_queue(subscription.kind, line, &types);
        self.join(queue, subscription.prefetch, wakes)
            .ok_or(TransportError::Closed)
    }

    pub(super) fn next(&mut self, consumer: &Consumer, max: usize, wakes: &mut Wakes) -> Next {
        if self.closed {
            return Next::Closed;
        }
        let Some(Owned { queue, .. }) = self.queues.get_mut(&consumer.queue) else {
            return Next::Closed;
        };
        if queue.take_lagged() {
            return Next::Lagged;
        }
        let was_full = !queue.has_room();
        let taken = queue.take(consumer.id, max);
        if taken.is_empty() {
            return Next::Nothing;
        }
        if was_full && queue.has_room() {
            self.tell_crowd(wakes);
        }
        Next::Batch(taken)
    }

    /// `false` when the consumer no longer holds the message.
    pub(super) fn ack(
        &mut self,
        consumer: &Consumer,
        position: Position,
        wakes: &mut Wakes,
    ) -> bool {
        let Some(Owned { kind, queue }) = self.queues.get_mut(&consumer.queue) else {
            return false;
        };
        let Some(envelope) = queue.ack(consumer.id, position, wakes) else {
            return false;
        };
        if *kind == SubscriptionKind::Durable {
            self.in_flight.acknowledged(envelope.id, wakes);
        }
        true
    }

    /// `false` when the consumer no longer holds the message.
    pub(super) fn requeue(
        &mut self,
        consumer: &Consumer,
        position: Position,
        wakes: &mut Wakes,
    ) -> bool {
        self.queues
            .get_mut(&consumer.queue)
            .is_some_and(|owned| owned.queue.requeue(consumer.id, position, wakes))
    }

    pub(super) fn give_back(&mut self, consumer: &Consumer, position: Position, wakes: &mut Wakes) {
        if let Some(owned) = self.queues.get_mut(&consumer.queue) {
            owned.queue.give_back(consumer.id, position, wakes);
        }
    }

    pub(super) fn leave(&mut self, consumer: &Consumer, wakes: &mut Wakes) {
        let Some(Owned { kind, queue }) = self.queues.get_mut(&consumer.queue) else {
            return;
        };
        match kind {
            SubscriptionKind::Durable => queue.leave(consumer.id, wakes),
            SubscriptionKind::Broadcast => {
                self.queues.remove(&consumer.queue);
                for route in self.routes.values_mut() {
                    route.retain(|queue| *queue != consumer.queue);
                }
            }
        }
    }

    pub(super) fn close(&mut self, wakes: &mut Wakes) {
        self.closed = true;
        self.in_flight.abandon(&closed(), wakes);
        for (_, owned) in self.queues.drain() {
            owned.queue.wake_all(wakes);
        }
        self.tell_crowd(wakes);
    }

    fn open_queue(
        &mut self,
        kind: SubscriptionKind,
        queue: Line,
        types: &BTreeSet<String>,
    ) -> QueueId {
        let id = QueueId(self.draw_id());
        self.queues.insert(id, Owned { kind, queue });
        for kind in types {
            self.routes.entry(kind.clone()).or_default().push(id);
        }
        id
    }

    fn join(&mut self, queue: QueueId, prefetch: u16, wakes: &mut Wakes) -> Option<Consumer> {
        let id = ConsumerId(self.draw_id());
        let wake = Arc::new(Notify::new());
        let owned = self.queues.get_mut(&queue)?;
        owned.queue.join(id, prefetch, Arc::clone(&wake), wakes);
        Some(Consumer { queue, id, wake })
    }

    fn draw_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn tell_crowd(&mut self, wakes: &mut Wakes) {
        for ticket in self.crowd.drain(..).filter_map(|ticket| ticket.upgrade()) {
            ticket.tell_of_room(wakes);
        }
    }
}

pub(super) fn closed() -> Outcome {
    Outcome::Unknown {
        reason: "the transport is closed".to_owned(),
    }
}
