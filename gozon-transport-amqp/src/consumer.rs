//! One subscription, kept consuming for as long as someone receives.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use gozon_core::{Delivery, Incoming, Subscription};
use lapin::options::{BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::cloud_events::{Arrived, read};
use crate::fault::Fault;
use crate::inbound::{AmqpSettle, CloseOnDrop, Inbound};
use crate::link::{Link, Live};
use crate::metrics;
use crate::topology::{self, Topology};

/// A consumer that runs.
pub(crate) struct Session {
    live: Arc<Live>,
    channel: Arc<Channel>,
    consumer: Consumer,
}

impl Session {
    /// Declares the queue and starts consuming from it.
    pub(crate) async fn open(
        live: Arc<Live>,
        topology: &Topology,
        subscription: &Subscription,
        limit: Duration,
    ) -> Result<Self, Fault> {
        let opening = async {
            let channel = live.connection().create_channel().await?;
            topology.declare_exchange(&channel).await?;
            let queue = topology.declare_queue(&channel, subscription).await?;
            // Before consuming: lapin's buffer has no bound of its own.
            channel
                .basic_qos(subscription.prefetch, BasicQosOptions::default())
                .await?;
            let consumer = channel
                .basic_consume(
                    queue,
                    "".into(),
                    BasicConsumeOptions::default(),
                    FieldTable::default(),
                )
                .await?;
            Ok((channel, consumer))
        };
        let (channel, consumer) = timeout(limit, opening)
            .await
            .unwrap_or_else(|_| Err(Fault::gone(format!("no consumer within {limit:?}"))))?;
        Ok(Self {
            live,
            channel: Arc::new(channel),
            consumer,
        })
    }
}

/// Moves deliveries from the broker to the inbound queue, and rebuilds the
/// session whenever it ends.
pub(crate) struct Pump {
    pub(crate) link: Link,
    pub(crate) topology: Arc<Topology>,
    pub(crate) subscription: Subscription,
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
            mut consumer,
        } = session;
        let cause = loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break "stopped",
                () = live.gone.cancelled() => break "connection",
                next = consumer.next() => match next {
                    Some(Ok(delivery)) => self.inbound.push(self.delivery(&channel, delivery)),
                    Some(Err(_)) if live.connection().status().connected() => break "channel",
                    Some(Err(_)) => break "connection",
                    // lapin's way to say that the broker cancelled the consumer,
                    // such as when its queue was deleted. No error at all.
                    None => break "cancelled",
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
        drop(consumer);
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

    fn delivery(&self, channel: &Arc<Channel>, delivery: lapin::message::Delivery) -> Delivery {
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
        let settle = AmqpSettle {
            channel: Arc::clone(channel),
            tag: delivery.delivery_tag,
            limit: self.limit,
        };
        Delivery::new(incoming, delivery.redelivered, Box::new(settle))
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
        topology.declare_queue(&channel, subscription).await?;
        topology::close(channel).await;
        Ok(())
    };
    timeout(limit, declaring)
        .await
        .unwrap_or_else(|_| Err(Fault::gone(format!("no answer within {limit:?}"))))
}
