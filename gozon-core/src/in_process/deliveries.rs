use std::sync::Arc;

use async_trait::async_trait;

use super::bus::Bus;
use super::queue::{Position, Taken};
use super::routing::{Consumer, Next};
use crate::{Deliveries, Delivery, Envelope, Incoming, Received, Settle, SettleError};

/// One consumer's stream. Dropping it gives back what is unsettled.
pub(super) struct InProcessDeliveries {
    bus: Arc<Bus>,
    consumer: Consumer,
}

impl InProcessDeliveries {
    pub(super) fn new(bus: Arc<Bus>, consumer: Consumer) -> Self {
        Self { bus, consumer }
    }

    fn delivery(&self, taken: Taken) -> Delivery {
        let handle = Handle {
            bus: Arc::clone(&self.bus),
            consumer: self.consumer.clone(),
            position: taken.position,
            settled: false,
        };
        Delivery::new(
            Incoming::Message(Envelope::clone(&taken.envelope)),
            taken.redelivered,
            Box::new(handle),
        )
    }
}

#[async_trait]
impl Deliveries for InProcessDeliveries {
    async fn receive(&mut self, max: usize) -> Received {
        loop {
            // Nothing is awaited between taking and returning: that is what
            // makes a dropped future lose nothing.
            let next = self
                .bus
                .with(|state, wakes| state.next(&self.consumer, max.max(1), wakes));
            match next {
                Next::Batch(taken) => {
                    let batch = taken.into_iter().map(|taken| self.delivery(taken));
                    return Received::Batch(batch.collect());
                }
                Next::Lagged => return Received::Resumed,
                Next::Closed => return Received::Closed,
                Next::Nothing => self.consumer.wake.notified().await,
            }
        }
    }
}

impl Drop for InProcessDeliveries {
    fn drop(&mut self) {
        self.bus
            .with(|state, wakes| state.leave(&self.consumer, wakes));
    }
}

/// Settles one delivery. Dropping it unsettled gives the message back.
struct Handle {
    bus: Arc<Bus>,
    consumer: Consumer,
    position: Position,
    settled: bool,
}

#[async_trait]
impl Settle for Handle {
    async fn ack(mut self: Box<Self>) -> Result<(), SettleError> {
        self.settled = true;
        let known = self
            .bus
            .with(|state, wakes| state.ack(&self.consumer, self.position, wakes));
        heard(known)
    }

    async fn requeue(mut self: Box<Self>) -> Result<(), SettleError> {
        self.settled = true;
        let known = self
            .bus
            .with(|state, wakes| state.requeue(&self.consumer, self.position, wakes));
        heard(known)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if !self.settled {
            self.bus
                .with(|state, wakes| state.give_back(&self.consumer, self.position, wakes));
        }
    }
}

fn heard(known: bool) -> Result<(), SettleError> {
    if known {
        Ok(())
    } else {
        Err(SettleError {
            reason: "its stream was dropped, or the transport was closed".to_owned(),
        })
    }
}
