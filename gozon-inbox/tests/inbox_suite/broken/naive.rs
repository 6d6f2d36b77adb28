//! The consumer that everyone writes first.

use std::sync::Arc;

use async_trait::async_trait;
use gozon_core::{Delivery, Envelope, Incoming, Received, Settlement};
use gozon_inbox::conformance::{Engine, Job};
use gozon_inbox::store::Marks;
use gozon_inbox::{ConsumerError, HandleError};
use gozon_sqlx::{Sqlite, UnitOfWork};
use sqlx::SqliteConnection;

use super::Fault;

pub(super) struct Naive {
    pub(super) fault: Fault,
    pub(super) marks: Arc<dyn Marks<SqliteConnection>>,
}

#[async_trait]
impl Engine<Sqlite> for Naive {
    async fn run(&self, job: Job<Sqlite>) -> Result<(), ConsumerError> {
        let mut deliveries = job.subscriber.subscribe(&job.subscription).await?;
        loop {
            let received = tokio::select! {
                () = job.shutdown.cancelled() => return Ok(()),
                received = deliveries.receive(100) => received,
            };
            let Received::Batch(batch) = received else {
                return Ok(());
            };
            for delivery in batch {
                self.settle(&job, delivery).await;
            }
        }
    }
}

impl Naive {
    async fn settle(&self, job: &Job<Sqlite>, delivery: Delivery) {
        let (incoming, _, settlement) = delivery.into_parts();
        let Incoming::Message(message) = incoming else {
            return;
        };
        loop {
            match self.attempt(job, &message).await {
                Ok(()) => return ack(settlement).await,
                Err(_) if self.fault == Fault::RequeuesInAnOutage => {
                    settlement.requeue().await.unwrap();
                    return;
                }
                // In front of its neighbours, until it succeeds.
                Err(_) => tokio::task::yield_now().await,
            }
        }
    }

    async fn attempt(&self, job: &Job<Sqlite>, message: &Envelope) -> Result<(), HandleError> {
        let mut unit = UnitOfWork::begin(&job.db, Arc::clone(&job.outbox)).await?;
        let (consumer, ids) = (&job.subscription.name, [message.id]);
        let new = self.marks.insert_done(unit.tx(), consumer, &ids).await?;
        if new.is_empty() {
            return Ok(unit.rollback().await?);
        }
        let (tx, out) = unit.parts();
        let one = std::slice::from_ref(message);
        job.handler.handle(tx, one, out).await?;
        let committed = unit.commit().await;
        committed.map_err(|error| HandleError::by_class(error.class(), error))
    }
}

async fn ack(settlement: Settlement) {
    settlement.ack().await.unwrap();
}
