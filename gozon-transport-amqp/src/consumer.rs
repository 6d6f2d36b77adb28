//! One subscription, kept consuming for as long as someone receives.

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, SelectAll, StreamExt};
use gozon_core::{Delivery, Incoming, Settle, Subscription};
use lapin::options::{BasicConsumeOptions, BasicQosOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, Consumer};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::cloud_events::{Arrived, read};
use crate::fault::Fault;
use crate::inbound::{CloseOnDrop, Inbound, Place};
use crate::link::{Link, Live};
use crate::metrics;
use crate::ordered::priority;
use crate::settling::{AmqpSettle, OrderedSettle, Settling};
use crate::topology::{self, Topology};

/// What one consumer yields, and after it the end: `None`.
type Arrivals = BoxStream<'static, (u16, Option<lapin::Result<lapin::message::Delivery>>)>;

/// Consumers that run: one, or with order one for each partition, on one
/// channel. They stand and fall together.
pub(crate) struct Session {
    live: Arc<Live>,
    channel: Channel,
    consumers: SelectAll<Arrivals>,
}

impl Session {
    /// Declares the queues and starts consuming from them. `instance` names
    /// whoever receives, among all instances.
    pub(crate) async fn open(
        live: Arc<Live>,
        topology: &Topology,
        subscription: &Subscription,
        instance: Uuid,
        limit: Duration,
    ) -> Result<Self, Fault> {
        let own = topology.own_queue(subscription)?;
        let opening = async {
            let channel = live.connection().create_channel().await?;
            topology.declare_exchange(&channel).await?;
            let queues = topology
                .declare_queues(&channel, subscription, own.clone())
                .await?;
            // Before consuming: lapin's buffer has no bound of its own. It
            // bounds each consumer, not all of the channel.
            channel
                .basic_qos(
                    subscription.partition_prefetch(),
                    BasicQosOptions::default(),
                )
                .await?;
            let mut consumers = SelectAll::new();
            for (partition, queue) in (0..).zip(queues) {
                let mut arguments = FieldTable::default();
                if subscription.partitions.is_some() {
                    let priority = AMQPValue::LongInt(priority(instance, partition));
                    arguments.insert("x-priority".into(), priority);
                }
                let consumer = channel
                    .basic_consume(queue, "".into(), BasicConsumeOptions::default(), arguments)
                    .await?;
                consumers.push(arrivals(partition, consumer));
            }
            Ok((channel, consumers))
        };
        let opened = timeout(limit, opening)
            .await
            .unwrap_or_else(|_| Err(Fault::gone(format!("no consumer within {limit:?}"))));
        if opened.is_err()
            && let Some(queue) = own
        {
            abandon(&live, queue, limit).await;
        }
        let (channel, consumers) = opened?;
        Ok(Self {
            live,
            channel,
            consumers,
        })
    }
}

/// Deletes the queue of a broadcast subscriber that could not be served from it.
/// It is exclusive, so nobody else can, and would live, be filled and be counted
/// for as long as the connection.
async fn abandon(live: &Live, queue: ShortString, limit: Duration) {
    let deleting = async {
        // The one that it was declared on may be closed.
        let channel = live.connection().create_channel().await?;
        channel
            .queue_delete(queue, QueueDeleteOptions::default())
            .await?;
        topology::close(channel).await;
        Ok::<_, lapin::Error>(())
    };
    let deleted = tokio::select! {
        () = live.gone.cancelled() => return,
        deleted = timeout(limit, deleting) => deleted,
    };
    if !matches!(deleted, Ok(Ok(()))) {
        tracing::warn!("a queue that nobody receives from could not be deleted");
    }
}

fn arrivals(partition: u16, consumer: Consumer) -> Arrivals {
    let end = stream::once(ready(None));
    consumer
        .map(Some)
        .chain(end)
        .map(move |arrived| (partition, arrived))
        .boxed()
}

/// Moves deliveries from the broker to the inbound queue, and rebuilds the
/// session whenever it ends.
pub(crate) struct Pump {
    pub(crate) link: Link,
    pub(crate) topology: Arc<Topology>,
    pub(crate) subscription: Subscription,
    pub(crate) instance: Uuid,
    pub(crate) inbound: Arc<Inbound>,
    /// Counts the subscriptions that do not stand.
    pub(crate) interrupted: Arc<AtomicUsize>,
    /// Cancelled when no one receives any more, or the transport closes.
    pub(crate) stop: CancellationToken,
    pub(crate) limit: Duration,
    pub(crate) pause: Duration,
}

impl Pump {
    pub(crate) async fn run(self, first: Session) {
        let stop = self.stop.clone();
        let _closing = CloseOnDrop(Arc::clone(&self.inbound));
        let mut session = Some(first);
        while let Some(current) = session.take() {
            ::metrics::gauge!(metrics::CONSUMERS).increment(1);
            let cause = self.drain(current).await;
            ::metrics::gauge!(metrics::CONSUMERS).decrement(1);
            if stop.is_cancelled() {
                break;
            }
            ::metrics::counter!(metrics::CONSUMERS_INTERRUPTED, "cause" => cause).increment(1);
            tracing::warn!(
                subscription = self.subscription.name,
                cause,
                "a subscription was interrupted"
            );
            let interruption = Interruption::begin(&self.interrupted);
            session = stop.run_until_cancelled(self.reopen()).await;
            drop(interruption);
            if session.is_some() {
                tracing::info!(
                    subscription = self.subscription.name,
                    "a subscription stands again"
                );
                self.inbound.resume();
            }
        }
    }

    /// Hands on deliveries until the session ends; says why it did.
    async fn drain(&self, session: Session) -> &'static str {
        let Session {
            live,
            channel,
            mut consumers,
        } = session;
        let session = self.inbound.session();
        let settling = Arc::new(Settling::new(channel.clone(), self.limit));
        let cause = loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break "stopped",
                () = live.gone.cancelled() => break "connection",
                next = consumers.next() => match next {
                    Some((partition, Some(Ok(delivery)))) => {
                        let place = Place { session, partition, tag: delivery.delivery_tag };
                        self.inbound.push(place, self.delivery(&settling, place, delivery));
                    }
                    Some((_, Some(Err(_)))) if live.connection().status().connected() => break "channel",
                    Some((_, Some(Err(_)))) => break "connection",
                    // lapin's way to say that the broker cancelled the consumer,
                    // such as when its queue was deleted. No error at all.
                    Some((_, None)) | None => break "cancelled",
                },
            }
        };
        self.inbound.interrupt();
        // Gives back to the broker what is unsettled. Before the consumer goes:
        // its own farewell on a dead channel would cost the whole connection.
        let closing = channel.close(200, "OK".into());
        if timeout(self.limit, closing).await.is_err() {
            live.suspect();
        }
        drop(consumers);
        cause
    }

    async fn reopen(&self) -> Session {
        loop {
            let live = match self.link.up(Instant::now() + self.limit).await {
                Ok(live) => live,
                Err(_) => {
                    sleep(self.pause).await;
                    continue;
                }
            };
            let opening = Session::open(
                Arc::clone(&live),
                &self.topology,
                &self.subscription,
                self.instance,
                self.limit,
            );
            match opening.await {
                Ok(session) => return session,
                Err(fault) => {
                    tracing::warn!(
                        subscription = self.subscription.name,
                        reason = fault.reason(),
                        "cannot consume"
                    );
                }
            }
            drop(live);
            sleep(self.pause).await;
        }
    }

    fn delivery(
        &self,
        settling: &Arc<Settling>,
        place: Place,
        delivery: lapin::message::Delivery,
    ) -> Delivery {
        let incoming = read(Arrived {
            routing_key: delivery.routing_key.into(),
            properties: delivery.properties,
            data: Bytes::from(delivery.data),
        });
        let content = match &incoming {
            Incoming::Message(_) => "message",
            Incoming::Malformed(_) => "malformed",
        };
        ::metrics::counter!(metrics::DELIVERED, "content" => content).increment(1);
        settling.delivered(delivery.delivery_tag);
        let settle = AmqpSettle {
            settling: Arc::clone(settling),
            tag: delivery.delivery_tag,
        };
        let settle: Box<dyn Settle> = match self.subscription.partitions {
            None => Box::new(settle),
            Some(_) => Box::new(OrderedSettle {
                settle,
                inbound: Arc::downgrade(&self.inbound),
                place,
                incoming: incoming.clone(),
            }),
        };
        Delivery::new(incoming, delivery.redelivered, settle)
    }
}

/// Counted among the interrupted until it is dropped.
struct Interruption<'a>(&'a AtomicUsize);

impl<'a> Interruption<'a> {
    fn begin(interrupted: &'a AtomicUsize) -> Self {
        interrupted.fetch_add(1, Ordering::Relaxed);
        Self(interrupted)
    }
}

impl Drop for Interruption<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Declares a durable subscription on a channel of its own.
pub(crate) async fn declare(
    live: &Live,
    topology: &Topology,
    subscription: &Subscription,
    limit: Duration,
) -> Result<(), Fault> {
    let declaring = async {
        let channel = live.connection().create_channel().await?;
        topology.declare_exchange(&channel).await?;
        topology
            .declare_queues(&channel, subscription, None)
            .await?;
        topology::close(channel).await;
        Ok(())
    };
    timeout(limit, declaring)
        .await
        .unwrap_or_else(|_| Err(Fault::gone(format!("no answer within {limit:?}"))))
}
