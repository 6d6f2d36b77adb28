//! What the rules are written with.

use std::future::{poll_fn, ready};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use time::OffsetDateTime;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::Candidate;
use crate::{
    Deliveries, Delivery, Envelope, Incoming, MessageId, Outcome, Received, Subscription,
    TransportError,
};

/// The names of the durable subscriptions that the rules declare, for a harness
/// that wants to remove them afterwards.
pub const DURABLE: [&str; 2] = ["conformance.first", "conformance.second"];
/// The name of the ordered subscription that the rules declare, with 4
/// partitions.
pub const ORDERED: &str = "conformance.ordered";
/// The name of the broadcast subscription that the rules use.
pub const BROADCAST: &str = "conformance.live";

/// Two event types that have subscriptions, and one that never has.
pub(super) const PAID: &str = "conformance_paid";
pub(super) const REFUNDED: &str = "conformance_refunded";
pub(super) const UNHEARD: &str = "conformance_unheard";

/// Whether a rule held.
pub type Verdict = Result<(), Violation>;

/// How a rule was broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Violation(String);

impl Violation {
    /// Says how.
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl From<TransportError> for Violation {
    fn from(error: TransportError) -> Self {
        Self(format!("the transport failed: {error}"))
    }
}

macro_rules! ensure {
    ($condition:expr, $($why:tt)+) => {
        if !$condition {
            return Err($crate::conformance::transport::Violation::new(format!($($why)+)));
        }
    };
}
pub(super) use ensure;

pub(super) fn first() -> Subscription {
    Subscription::durable(DURABLE[0], &[PAID])
}

pub(super) fn second() -> Subscription {
    Subscription::durable(DURABLE[1], &[REFUNDED])
}

pub(super) fn live() -> Subscription {
    Subscription::broadcast(BROADCAST, &[PAID])
}

pub(super) fn message(kind: &str) -> Envelope {
    Envelope {
        id: MessageId::generate(),
        source: "/gozon/conformance".to_owned(),
        kind: kind.to_owned(),
        subject: None,
        time: OffsetDateTime::UNIX_EPOCH,
        content_type: "application/json".to_owned(),
        schema: None,
        key: None,
        correlation_id: None,
        causation_id: None,
        traceparent: None,
        tracestate: None,
        published_at: None,
        received_at: None,
        data: Bytes::from_static(b"{}"),
    }
}

pub(super) fn messages(kind: &str, count: usize) -> Vec<Envelope> {
    (0..count).map(|_| message(kind)).collect()
}

pub(super) fn ids(batch: &[Envelope]) -> Vec<MessageId> {
    batch.iter().map(|envelope| envelope.id).collect()
}

pub(super) fn all_confirmed(outcomes: &[Outcome]) -> Verdict {
    match outcomes.iter().find(|o| **o != Outcome::Confirmed) {
        None => Ok(()),
        Some(other) => Err(Violation::new(format!("not confirmed but {other:?}"))),
    }
}

pub(super) fn envelope(delivery: &Delivery) -> Result<&Envelope, Violation> {
    match &delivery.incoming {
        Incoming::Message(envelope) => Ok(envelope),
        Incoming::Malformed(malformed) => Err(Violation::new(format!(
            "an envelope arrived malformed: {}",
            malformed.reason
        ))),
    }
}

pub(super) async fn ack_all(deliveries: Vec<Delivery>) -> Verdict {
    for delivery in deliveries {
        delivery
            .ack()
            .await
            .map_err(|error| Violation::new(error.to_string()))?;
    }
    Ok(())
}

impl Candidate {
    /// Publishes in a task of its own: where a confirmation means an
    /// acknowledgement, the rule must receive meanwhile.
    pub(super) fn publishing(&self, batch: Vec<Envelope>) -> Publishing {
        let publisher = Arc::clone(self.publisher());
        Publishing {
            task: tokio::spawn(async move { publisher.publish(&batch).await }),
            patience: self.patience(),
        }
    }

    /// Publishes one message after the other, in order: each once the one
    /// before it is confirmed. Where a confirmation means an acknowledgement,
    /// once the call for the one before it has begun.
    pub(super) fn publishing_in_turn(&self, batch: Vec<Envelope>) -> Publishing {
        let publisher = Arc::clone(self.publisher());
        let await_each = self.keeps_for_absent();
        let task = tokio::spawn(async move {
            let mut outcomes = Vec::with_capacity(batch.len());
            let mut begun = Vec::new();
            for sent in &batch {
                let mut call = publisher.publish(std::slice::from_ref(sent));
                if await_each {
                    outcomes.extend(call.await);
                    continue;
                }
                // Polled once: it begins now, and may end at once.
                let mut answer = None;
                poll_fn(|context| {
                    if let Poll::Ready(ready) = call.as_mut().poll(context) {
                        answer = Some(ready);
                    }
                    Poll::Ready(())
                })
                .await;
                begun.push((call, answer));
            }
            for (call, answer) in begun {
                outcomes.extend(match answer {
                    Some(answer) => answer,
                    None => call.await,
                });
            }
            outcomes
        });
        Publishing {
            task,
            patience: self.patience(),
        }
    }

    /// Waits until a message of another subscription has come through: time
    /// enough for what went before it.
    pub(super) async fn round_trip(&self) -> Verdict {
        let mut stream = self.stream(&second()).await?;
        let sent = message(REFUNDED);
        let publishing = self.publishing(vec![sent.clone()]);
        stream.ids_until(sent.id).await?;
        publishing.confirmed().await
    }

    /// A consumer that acknowledges everything and tells what it saw.
    pub(super) async fn acking(&self, subscription: &Subscription) -> Result<Acking, Violation> {
        self.crowd(subscription, 1).await
    }

    /// Several of them, telling in the order in which they saw it.
    pub(super) async fn crowd(
        &self,
        subscription: &Subscription,
        count: usize,
    ) -> Result<Acking, Violation> {
        let mut streams = Vec::with_capacity(count);
        for _ in 0..count {
            streams.push(self.stream(subscription).await?);
        }
        Ok(Acking::of(streams))
    }

    pub(super) async fn stream(&self, subscription: &Subscription) -> Result<Stream, Violation> {
        let subscribed = self.subscriber().subscribe(subscription);
        let deliveries = timeout(self.patience(), subscribed)
            .await
            .map_err(|_| Violation::new("subscribing did not end"))??;
        Ok(Stream {
            deliveries,
            patience: self.patience(),
        })
    }
}

/// A publish call in flight. Dropping it drops the call.
pub(super) struct Publishing {
    task: JoinHandle<Vec<Outcome>>,
    patience: Duration,
}

impl Publishing {
    pub(super) async fn outcomes(mut self) -> Result<Vec<Outcome>, Violation> {
        timeout(self.patience, &mut self.task)
            .await
            .map_err(|_| Violation::new("a publish was not answered"))?
            .map_err(|error| Violation::new(format!("a publish panicked: {error}")))
    }

    pub(super) async fn confirmed(self) -> Verdict {
        all_confirmed(&self.outcomes().await?)
    }

    pub(super) fn is_answered(&self) -> bool {
        self.task.is_finished()
    }
}

impl Drop for Publishing {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A stream of deliveries whose every wait is bounded.
pub(super) struct Stream {
    pub(super) deliveries: Box<dyn Deliveries>,
    patience: Duration,
}

impl Stream {
    /// The next batch, past interruptions.
    pub(super) async fn batch(&mut self, max: usize) -> Result<Vec<Delivery>, Violation> {
        let patience = self.patience;
        let batch = timeout(patience, self.arrival(max))
            .await
            .map_err(|_| Violation::new(format!("nothing arrived within {patience:?}")))?
            .ok_or_else(|| Violation::new("the stream ended while the transport was open"))?;
        ensure!(!batch.is_empty(), "a batch held no delivery");
        Ok(batch)
    }

    /// The next batch, without a bound; `None` when the stream ended.
    pub(super) async fn arrival(&mut self, max: usize) -> Option<Vec<Delivery>> {
        loop {
            match self.deliveries.receive(max).await {
                Received::Batch(batch) => return Some(batch),
                Received::Resumed => {}
                Received::Closed => return None,
            }
        }
    }

    /// Receives exactly `count` deliveries and settles none.
    pub(super) async fn hold(&mut self, count: usize) -> Result<Vec<Delivery>, Violation> {
        let mut held = Vec::with_capacity(count);
        while held.len() < count {
            held.extend(self.batch(count - held.len()).await?);
        }
        Ok(held)
    }

    /// Whether something is there already.
    pub(super) async fn has_some(&mut self) -> bool {
        tokio::select! {
            biased;
            arrived = self.arrival(1) => arrived.is_some(),
            () = ready(()) => false,
        }
    }

    /// Receives one delivery.
    pub(super) async fn one(&mut self) -> Result<Delivery, Violation> {
        let mut held = self.hold(1).await?;
        held.pop()
            .ok_or_else(|| Violation::new("a batch held no delivery"))
    }

    /// Receives and acknowledges until `last` came; the ids up to it.
    pub(super) async fn ids_until(&mut self, last: MessageId) -> Result<Vec<MessageId>, Violation> {
        let mut seen = Vec::new();
        while !seen.contains(&last) {
            let delivery = self.one().await?;
            seen.push(envelope(&delivery)?.id);
            ack_all(vec![delivery]).await?;
        }
        Ok(seen)
    }
}

/// Consumers that acknowledge everything. Dropping it ends them.
pub(super) struct Acking {
    seen: mpsc::Receiver<Result<Envelope, Violation>>,
    /// Dropped, it aborts them.
    _tasks: JoinSet<()>,
    patience: Duration,
}

impl Acking {
    pub(super) fn of(streams: impl IntoIterator<Item = Stream>) -> Self {
        let (tell, seen) = mpsc::channel(4096);
        let mut tasks = JoinSet::new();
        let mut patience = Duration::ZERO;
        for (nth, mut stream) in streams.into_iter().enumerate() {
            patience = stream.patience;
            let tell = tell.clone();
            tasks.spawn(async move {
                while let Some(batch) = stream.arrival(100).await {
                    for delivery in batch {
                        // Not all equally quick: what is not kept in order
                        // shall not come in order by chance.
                        for _ in 0..10 * (2 - nth.min(2)) {
                            tokio::task::yield_now().await;
                        }
                        // Told before it is acknowledged: what that sets free
                        // is seen later.
                        let told = tell.send(envelope(&delivery).cloned()).await;
                        // A failed acknowledgement shows as a missing confirmation.
                        let _ = delivery.ack().await;
                        if told.is_err() {
                            return;
                        }
                    }
                }
            });
        }
        Self {
            seen,
            _tasks: tasks,
            patience,
        }
    }

    /// What it saw next.
    pub(super) async fn next(&mut self) -> Result<Envelope, Violation> {
        timeout(self.patience, self.seen.recv())
            .await
            .map_err(|_| Violation::new(format!("nothing arrived within {:?}", self.patience)))?
            .ok_or_else(|| Violation::new("the stream ended while the transport was open"))?
    }

    /// Waits until it saw all of `wanted`; what it saw until then, in order.
    pub(super) async fn until_all(
        &mut self,
        wanted: &[Envelope],
    ) -> Result<Vec<Envelope>, Violation> {
        let mut missing = ids(wanted);
        let mut seen = Vec::new();
        while !missing.is_empty() {
            let next = self.next().await.map_err(|violation| {
                Violation::new(format!(
                    "{} messages are missing: {violation}",
                    missing.len()
                ))
            })?;
            missing.retain(|id| *id != next.id);
            seen.push(next);
        }
        Ok(seen)
    }
}
