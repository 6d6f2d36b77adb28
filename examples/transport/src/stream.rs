//! One subscriber's deliveries, and how each is settled.

use async_trait::async_trait;
use gozon_core::{
    Deliveries, Delivery, Incoming, Received, Settle, SettleError, Subscription, SubscriptionKind,
};

use crate::shelf::{Shelf, State, Waiting};

pub(crate) struct Stream {
    shelf: Shelf,
    id: u64,
    queue: String,
    kind: SubscriptionKind,
    /// How much of a partition it may hold unsettled; without order, of all.
    share: usize,
}

impl Stream {
    pub(crate) fn new(shelf: Shelf, id: u64, queue: String, wanted: &Subscription) -> Self {
        Self {
            shelf,
            id,
            queue,
            kind: wanted.kind,
            share: wanted.partition_prefetch().into(),
        }
    }

    /// What is there now, if anything is. Takes and returns in one breath, so
    /// a `receive` that is dropped has taken nothing.
    fn take(&self, max: usize) -> Option<Received> {
        let mut state = self.shelf.lock();
        if state.closed {
            return Some(Received::Closed);
        }
        let State { queues, last, .. } = &mut *state;
        let queue = queues.get_mut(&self.queue)?;
        if std::mem::take(&mut queue.lost) {
            return Some(Received::Resumed);
        }
        let (mut batch, mut index) = (Vec::new(), 0);
        while let Some(next) = queue.waiting.get(index).filter(|_| batch.len() < max) {
            if !queue.may_give(self.id, next.partition, self.share) {
                index += 1;
                continue;
            }
            let waiting = queue.waiting.remove(index)?;
            *last += 1;
            let tag = Tag {
                shelf: self.shelf.clone(),
                queue: self.queue.clone(),
                tag: (self.id, *last),
            };
            let incoming = Incoming::Message(waiting.message.clone());
            batch.push(Delivery::new(incoming, waiting.redelivered, Box::new(tag)));
            queue.unsettled.insert((self.id, *last), waiting);
        }
        (!batch.is_empty()).then_some(Received::Batch(batch))
    }
}

#[async_trait]
impl Deliveries for Stream {
    async fn receive(&mut self, max: usize) -> Received {
        loop {
            // Before the look: what changes after it wakes this wait.
            let changed = self.shelf.changed().notified();
            if let Some(received) = self.take(max) {
                return received;
            }
            changed.await;
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut state = self.shelf.lock();
        match self.kind {
            SubscriptionKind::Broadcast => {
                state.queues.remove(&self.queue);
            }
            SubscriptionKind::Durable => {
                if let Some(queue) = state.queues.get_mut(&self.queue) {
                    let mine = |(stream, _): &(u64, u64), _: &mut Waiting| *stream == self.id;
                    let unsettled: Vec<_> = queue.unsettled.extract_if(mine).collect();
                    for (_, waiting) in unsettled {
                        queue.give_back(waiting);
                    }
                }
            }
        }
        drop(state);
        self.shelf.changed().notify_waiters();
    }
}

/// The duty to settle one delivery.
struct Tag {
    shelf: Shelf,
    queue: String,
    tag: (u64, u64),
}

impl Tag {
    fn settle(&self, requeue: bool) -> Result<(), SettleError> {
        let settled = self
            .shelf
            .lock()
            .queues
            .get_mut(&self.queue)
            .and_then(|queue| {
                let waiting = queue.unsettled.remove(&self.tag)?;
                if requeue {
                    queue.give_back(waiting);
                }
                Some(())
            });
        self.shelf.changed().notify_waiters();
        settled.ok_or_else(|| SettleError {
            reason: "its stream was dropped".to_owned(),
        })
    }
}

#[async_trait]
impl Settle for Tag {
    async fn ack(self: Box<Self>) -> Result<(), SettleError> {
        self.settle(false)
    }

    async fn requeue(self: Box<Self>) -> Result<(), SettleError> {
        self.settle(true)
    }
}
