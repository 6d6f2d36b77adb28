//! The broker and its publisher: queues in memory, as durable as the process.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use gozon_core::{
    Deliveries, Envelope, Outcome, Publisher, Subscriber, Subscription, SubscriptionKind,
    TransportError,
};
use tokio::sync::Notify;

use crate::stream::Stream;

/// More than this waits in no queue: every queue has a bound.
const MOST: usize = 10_000;

/// A transport in memory. Clones share everything.
#[derive(Clone, Default)]
pub(crate) struct Shelf(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    /// Something arrived, came back, or ended.
    changed: Notify,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) closed: bool,
    pub(crate) queues: HashMap<String, Queue>,
    /// Types that have an audience in principle, live or not.
    broadcast: Vec<String>,
    /// Streams and deliveries are told apart by a number that is used once.
    pub(crate) last: u64,
}

pub(crate) struct Queue {
    subscription: Subscription,
    /// By `place`, ascending.
    pub(crate) waiting: VecDeque<Waiting>,
    /// By stream and by delivery.
    pub(crate) unsettled: HashMap<(u64, u64), Waiting>,
    /// A broadcast queue lost something: its stream must say so.
    pub(crate) lost: bool,
}

#[derive(Clone)]
pub(crate) struct Waiting {
    /// In the order of publishing; what comes back returns to it.
    place: u64,
    /// Only where the subscription asks for order.
    pub(crate) partition: Option<u16>,
    pub(crate) message: Envelope,
    pub(crate) redelivered: bool,
}

impl Queue {
    fn is_durable(&self) -> bool {
        self.subscription.kind == SubscriptionKind::Durable
    }

    /// Whether `stream`, which may hold `share` of a partition, may have one more
    /// of this one. With order, what one stream holds keeps the partition from
    /// all others.
    pub(crate) fn may_give(&self, stream: u64, partition: Option<u16>, share: usize) -> bool {
        let of_it = self
            .unsettled
            .iter()
            .filter(|(_, held)| held.partition == partition);
        let (own, others): (Vec<_>, Vec<_>) = of_it.partition(|((holder, _), _)| *holder == stream);
        own.len() < share && (partition.is_none() || others.is_empty())
    }

    /// Takes back what was not acknowledged.
    pub(crate) fn give_back(&mut self, waiting: Waiting) {
        let index = self
            .waiting
            .partition_point(|other| other.place < waiting.place);
        let again = Waiting {
            redelivered: true,
            ..waiting
        };
        self.waiting.insert(index, again);
    }
}

impl Shelf {
    /// Ends every stream. Harmless twice.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.0.changed.notify_waiters();
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn changed(&self) -> &Notify {
        &self.0.changed
    }
}

impl State {
    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn add(&mut self, name: &str, subscription: &Subscription) -> Result<(), TransportError> {
        let queue = Queue {
            subscription: subscription.clone(),
            waiting: VecDeque::new(),
            unsettled: HashMap::new(),
            lost: false,
        };
        let found = self.queues.entry(name.to_owned()).or_insert(queue);
        let found = &found.subscription;
        if found.types == subscription.types && found.partitions == subscription.partitions {
            return Ok(());
        }
        Err(TransportError::Mismatch {
            what: name.to_owned(),
            reason: "it was declared with other types or another order".to_owned(),
        })
    }

    fn declare(&mut self, subscription: &Subscription) -> Result<(), TransportError> {
        subscription.validate()?;
        if self.closed {
            return Err(TransportError::Closed);
        }
        match subscription.kind {
            SubscriptionKind::Durable => self.add(&subscription.name, subscription),
            SubscriptionKind::Broadcast => {
                self.broadcast.extend_from_slice(&subscription.types);
                Ok(())
            }
        }
    }

    fn publish(&mut self, message: &Envelope) -> Outcome {
        if self.closed {
            let reason = "the shelf is closed".to_owned();
            return Outcome::Unknown { reason };
        }
        let place = self.next();
        let wanted = |queue: &&mut Queue| queue.subscription.types.contains(&message.kind);
        let mut queues: Vec<_> = self.queues.values_mut().filter(wanted).collect();
        if queues.is_empty() && !self.broadcast.contains(&message.kind) {
            let reason = "nobody has subscribed to it".to_owned();
            return Outcome::Returned { reason };
        }
        if queues
            .iter()
            .any(|queue| queue.is_durable() && queue.waiting.len() >= MOST)
        {
            // All queues take it or none does: a repeat would double it in some.
            let reason = format!("{MOST} messages are waiting");
            return Outcome::Nacked { reason };
        }
        for queue in &mut queues {
            if queue.waiting.len() >= MOST {
                queue.waiting.pop_front();
                queue.lost = true;
            }
            queue.waiting.push_back(Waiting {
                place,
                partition: queue.subscription.partition_of(message),
                message: message.clone(),
                redelivered: false,
            });
        }
        Outcome::Confirmed
    }
}

#[async_trait]
impl Publisher for Shelf {
    async fn publish(&self, batch: &[Envelope]) -> Vec<Outcome> {
        let outcomes = {
            let mut state = self.lock();
            batch.iter().map(|message| state.publish(message)).collect()
        };
        self.0.changed.notify_waiters();
        outcomes
    }
}

#[async_trait]
impl Subscriber for Shelf {
    async fn declare(&self, subscription: &Subscription) -> Result<(), TransportError> {
        self.lock().declare(subscription)
    }

    async fn subscribe(
        &self,
        subscription: &Subscription,
    ) -> Result<Box<dyn Deliveries>, TransportError> {
        let mut state = self.lock();
        state.declare(subscription)?;
        let id = state.next();
        let queue = match subscription.kind {
            SubscriptionKind::Durable => subscription.name.clone(),
            // A queue of its own for each live instance, gone with it.
            SubscriptionKind::Broadcast => {
                let own = format!("{} {id}", subscription.name);
                state.add(&own, subscription)?;
                own
            }
        };
        Ok(Box::new(Stream::new(self.clone(), id, queue, subscription)))
    }
}
