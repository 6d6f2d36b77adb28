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
    last: u64,
}

pub(crate) struct Queue {
    types: Vec<String>,
    kind: SubscriptionKind,
    pub(crate) waiting: VecDeque<Waiting>,
    /// By stream and by delivery.
    pub(crate) unsettled: HashMap<(u64, u64), Waiting>,
    /// A broadcast queue lost something: its stream must say so.
    pub(crate) lost: bool,
}

#[derive(Clone)]
pub(crate) struct Waiting {
    pub(crate) message: Envelope,
    pub(crate) redelivered: bool,
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
    pub(crate) fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn add(&mut self, name: &str, subscription: &Subscription) -> Result<(), TransportError> {
        let queue = Queue {
            types: subscription.types.clone(),
            kind: subscription.kind,
            waiting: VecDeque::new(),
            unsettled: HashMap::new(),
            lost: false,
        };
        let found = self.queues.entry(name.to_owned()).or_insert(queue);
        if found.types == subscription.types && found.kind == subscription.kind {
            return Ok(());
        }
        Err(TransportError::Mismatch {
            what: name.to_owned(),
            reason: "it was declared with other types".to_owned(),
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
        let wanted = |queue: &&mut Queue| queue.types.contains(&message.kind);
        let mut queues: Vec<_> = self.queues.values_mut().filter(wanted).collect();
        if queues.is_empty() && !self.broadcast.contains(&message.kind) {
            let reason = "nobody has subscribed to it".to_owned();
            return Outcome::Returned { reason };
        }
        let durable = |queue: &&mut Queue| queue.kind == SubscriptionKind::Durable;
        if queues
            .iter_mut()
            .filter(|queue| durable(queue))
            .any(|queue| queue.waiting.len() >= MOST)
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
