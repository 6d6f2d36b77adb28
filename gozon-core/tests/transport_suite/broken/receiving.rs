use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use gozon_core::{
    Deliveries, Delivery, Incoming, Received, Subscriber, Subscription, SubscriptionKind,
    TransportError,
};

use super::settling::{Nothing, Registry, broken};
use super::{Fault, State, Transport};

#[async_trait]
impl Subscriber for Transport {
    async fn declare(&self, subscription: &Subscription) -> Result<(), TransportError> {
        self.0.declarations.fetch_add(1, Ordering::SeqCst);
        let declared = self
            .0
            .inner
            .declare(&bent(self.0.fault, subscription))
            .await;
        match declared {
            Err(TransportError::Config { .. }) if self.0.fault == Fault::TakesAnySetting => Ok(()),
            declared => declared,
        }
    }

    async fn subscribe(
        &self,
        subscription: &Subscription,
    ) -> Result<Box<dyn Deliveries>, TransportError> {
        let mut wanted = bent(self.0.fault, subscription);
        let nth = self.0.streams.fetch_add(1, Ordering::SeqCst);
        if self.0.fault == Fault::CopiesToEveryConsumer {
            wanted.name = format!("{}.{nth}", wanted.name);
        }
        let inner = self.0.inner.subscribe(&wanted).await?;
        let acked = std::mem::take(&mut *self.0.acked.lock().unwrap());
        Ok(Box::new(Stream {
            inner,
            state: Arc::clone(&self.0),
            registry: Registry::default(),
            again: acked.into_iter().map(repeat).collect(),
        }))
    }
}

fn bent(fault: Fault, subscription: &Subscription) -> Subscription {
    let mut wanted = subscription.clone();
    match (fault, wanted.kind) {
        (Fault::IgnoresTypes, SubscriptionKind::Durable) => {
            wanted.types = ["conformance_paid", "conformance_refunded"]
                .map(str::to_owned)
                .to_vec();
        }
        (Fault::SharesAcrossSubscriptions, SubscriptionKind::Durable) => {
            wanted.name = "everyone".to_owned();
        }
        (Fault::SharesBroadcast, _) => wanted.kind = SubscriptionKind::Durable,
        (Fault::IgnoresPrefetch, _) => wanted.prefetch = 1000,
        (Fault::IgnoresOrder, _) => wanted.partitions = None,
        (Fault::HasOnePartition, _) => wanted.partitions = wanted.partitions.map(|_| 1),
        (Fault::HasItsOwnPartitions, SubscriptionKind::Durable) => wanted.partitions = Some(4),
        _ => {}
    }
    wanted
}

struct Stream {
    inner: Box<dyn Deliveries>,
    state: Arc<State>,
    registry: Registry,
    again: Vec<Delivery>,
}

#[async_trait]
impl Deliveries for Stream {
    async fn receive(&mut self, max: usize) -> Received {
        if !self.again.is_empty() {
            return Received::Batch(vec![self.again.remove(0)]);
        }
        let fault = self.state.fault;
        let max = if fault == Fault::IgnoresMax {
            1000
        } else {
            max
        };
        let batch = match self.inner.receive(max).await {
            Received::Batch(batch) => batch,
            Received::Closed if fault == Fault::NeverEnds => pending().await,
            other => return other,
        };
        match fault {
            Fault::LosesOnCancel => {
                let mut taken = Forgetful(Some(batch));
                tokio::task::yield_now().await;
                Received::Batch(taken.0.take().unwrap())
            }
            Fault::DeclaresAnew => {
                // Subscribing declares once more; that one is the transport's own.
                if self.state.declarations.load(Ordering::SeqCst) > 1 {
                    self.again.extend(batch.iter().map(copy));
                }
                Received::Batch(batch)
            }
            Fault::ReversesBatches => Received::Batch(batch.into_iter().rev().collect()),
            _ => {
                let late = std::mem::take(&mut *self.state.requeued.lock().unwrap());
                for settlement in late {
                    settlement.requeue().await.unwrap();
                }
                let mut changed = Vec::new();
                for delivery in batch {
                    changed.push(broken(&self.state, &self.registry, delivery).await);
                }
                Received::Batch(changed)
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.state.streams.fetch_sub(1, Ordering::SeqCst);
        self.registry.lock().unwrap().clear();
    }
}

/// Dropped with its future, it takes the deliveries along: neither settled nor
/// given back.
struct Forgetful(Option<Vec<Delivery>>);

impl Drop for Forgetful {
    fn drop(&mut self) {
        std::mem::forget(self.0.take());
    }
}

fn repeat(envelope: gozon_core::Envelope) -> Delivery {
    Delivery::new(Incoming::Message(envelope), true, Box::new(Nothing))
}

fn copy(delivery: &Delivery) -> Delivery {
    Delivery::new(delivery.incoming.clone(), false, Box::new(Nothing))
}
