//! One subscriber's deliveries, and how each is settled.

use async_trait::async_trait;
use gozon_core::{
    Deliveries, Delivery, Incoming, Received, Settle, SettleError, Subscription, SubscriptionKind,
};

use crate::shelf::{Queue, Shelf, Waiting};

pub(crate) struct Stream {
    shelf: Shelf,
    id: u64,
    queue: String,
    kind: SubscriptionKind,
    prefetch: usize,
}

impl Stream {
    pub(crate) fn new(shelf: Shelf, id: u64, queue: String, wanted: &Subscription) -> Self {
        Self {
            shelf,
            id,
            queue,
            kind: wanted.kind,
            prefetch: wanted.prefetch.into(),
        }
    }

    /// What is there now, if anything is. Takes and returns in one breath, so
    /// a `receive` that is dropped has taken nothing.
    fn take(&self, max: usize) -> Option<Received> {
        let mut state = self.shelf.lock();
        if state.closed {
            return Some(Received::Closed);
        }
        let queue = state.queues.get_mut(&self.queue)?;
        if std::mem::take(&mut queue.lost) {
            return Some(Received::Resumed);
        }
        let mine = queue
            .unsettled
            .keys()
            .filter(|(stream, _)| *stream == self.id);
        let room = self.prefetch.saturating_sub(mine.count());
        let count = max.min(room).min(queue.waiting.len());
        let taken: Vec<Waiting> = queue.waiting.drain(..count).collect();
        let batch = taken.into_iter().map(|waiting| {
            let tag = (self.id, state.next());
            let settle = Box::new(Tag {
                shelf: self.shelf.clone(),
                queue: self.queue.clone(),
                tag,
            });
            let incoming = Incoming::Message(waiting.message.clone());
            let delivery = Delivery::new(incoming, waiting.redelivered, settle);
            if let Some(queue) = state.queues.get_mut(&self.queue) {
                queue.unsettled.insert(tag, waiting);
            }
            delivery
        });
        let batch: Vec<Delivery> = batch.collect();
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
                    give_back(queue, self.id);
                }
            }
        }
        drop(state);
        self.shelf.changed().notify_waiters();
    }
}

/// To the front, in the order in which it was delivered.
fn give_back(queue: &mut Queue, stream: u64) {
    let mut tags: Vec<_> = queue.unsettled.keys().copied().collect();
    tags.retain(|tag| tag.0 == stream);
    tags.sort_unstable();
    for tag in tags.into_iter().rev() {
        if let Some(waiting) = queue.unsettled.remove(&tag) {
            queue.waiting.push_front(Waiting {
                redelivered: true,
                ..waiting
            });
        }
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
                    queue.waiting.push_back(Waiting {
                        redelivered: true,
                        ..waiting
                    });
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
