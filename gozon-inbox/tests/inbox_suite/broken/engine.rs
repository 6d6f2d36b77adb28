//! Consumers with a fault: ours, with something wrong between it and the rest.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use gozon_core::{
    Append, Deliveries, Delivery, Envelope, NewMessage, Received, Settle, SettleError, Subscriber,
    Subscription, TransportError,
};
use gozon_inbox::conformance::{Engine, Job};
use gozon_inbox::{Adapters, BatchHandler, ConsumerError, HandleError};
use gozon_sqlx::Sqlite;
use sqlx::SqliteConnection;
use tokio_util::sync::CancellationToken;

use super::Fault;
use super::naive::Naive;

pub(super) fn broken(
    sound: Arc<dyn Engine<Sqlite>>,
    fault: Fault,
    adapters: &Adapters<Sqlite>,
) -> Arc<dyn Engine<Sqlite>> {
    match fault {
        Fault::PoisonBlocks | Fault::DiesOfAPanic | Fault::RequeuesInAnOutage => {
            let marks = Arc::clone(&adapters.marks);
            Arc::new(Naive { fault, marks })
        }
        _ => Arc::new(Around { fault, sound }),
    }
}

struct Around {
    fault: Fault,
    sound: Arc<dyn Engine<Sqlite>>,
}

#[async_trait]
impl Engine<Sqlite> for Around {
    async fn run(&self, mut job: Job<Sqlite>) -> Result<(), ConsumerError> {
        let fault = self.fault;
        let shutdown = job.shutdown.clone();
        job.handler = Arc::new(Handling {
            fault,
            shutdown: shutdown.clone(),
            outbox: Arc::clone(&job.outbox),
            sound: job.handler,
        });
        job.subscriber = Arc::new(Subscribing {
            fault,
            been: AtomicBool::new(false),
            sound: job.subscriber,
        });
        if fault == Fault::OrdersEverything {
            job.subscription = job.subscription.with_order(4);
        }
        tokio::select! {
            // First, as below.
            biased;
            () = shutdown.cancelled(), if fault == Fault::DropsWhatItHolds => Ok(()),
            ended = self.sound.run(job) => ended,
        }
    }
}

struct Handling {
    fault: Fault,
    shutdown: CancellationToken,
    outbox: Arc<dyn Append<SqliteConnection>>,
    sound: Arc<dyn BatchHandler<SqliteConnection>>,
}

#[async_trait]
impl BatchHandler<SqliteConnection> for Handling {
    async fn handle(
        &self,
        tx: &mut SqliteConnection,
        messages: &[Envelope],
        out: &mut Vec<NewMessage>,
    ) -> Result<(), HandleError> {
        let mut messages = messages.to_vec();
        if self.fault == Fault::LosesTheTrace {
            for message in &mut messages {
                message.traceparent = None;
            }
        }
        let handled = tokio::select! {
            // First, so that it drops its batch also where that could go on.
            biased;
            () = self.shutdown.cancelled(), if self.fault == Fault::DropsWhatItHolds => {
                std::future::pending().await
            }
            handled = self.sound.handle(tx, &messages, out) => handled,
        };
        match (self.fault, handled) {
            (Fault::SendsAtOnce, handled) => {
                self.outbox.append(tx, out).await?;
                handled
            }
            (Fault::CountsConflicts, Err(HandleError::Transient(reason))) => {
                Err(HandleError::Retry(reason))
            }
            (Fault::RepeatsForEver, Err(HandleError::Transient(_))) => std::future::pending().await,
            (_, handled) => handled,
        }
    }
}

struct Subscribing {
    fault: Fault,
    been: AtomicBool,
    sound: Arc<dyn Subscriber>,
}

#[async_trait]
impl Subscriber for Subscribing {
    async fn declare(&self, subscription: &Subscription) -> Result<(), TransportError> {
        self.sound.declare(subscription).await
    }

    async fn subscribe(
        &self,
        subscription: &Subscription,
    ) -> Result<Box<dyn Deliveries>, TransportError> {
        if self.been.swap(true, Ordering::SeqCst) && self.fault == Fault::EndsWithItsStream {
            return std::future::pending().await;
        }
        let sound = self.sound.subscribe(subscription).await?;
        Ok(match self.fault {
            Fault::AcksAtOnce => Box::new(Acking(sound)),
            _ => sound,
        })
    }
}

struct Acking(Box<dyn Deliveries>);

#[async_trait]
impl Deliveries for Acking {
    async fn receive(&mut self, max: usize) -> Received {
        let Received::Batch(batch) = self.0.receive(max).await else {
            return Received::Closed;
        };
        let mut acked = Vec::with_capacity(batch.len());
        for delivery in batch {
            let (incoming, redelivered, settlement) = delivery.into_parts();
            settlement.ack().await.unwrap();
            acked.push(Delivery::new(incoming, redelivered, Box::new(Nothing)));
        }
        Received::Batch(acked)
    }
}

struct Nothing;

#[async_trait]
impl Settle for Nothing {
    async fn ack(self: Box<Self>) -> Result<(), SettleError> {
        Ok(())
    }

    async fn requeue(self: Box<Self>) -> Result<(), SettleError> {
        Ok(())
    }
}
