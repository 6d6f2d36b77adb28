//! What the tests of this story share.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use gozon_core::{
    Clock, Deliveries, Delivery, Envelope, Incoming, Malformed, MessageId, Received, Subscriber,
    Subscription, SystemClock,
};
use gozon_tests::servers::{amqp_prefix, amqp_url};
use gozon_transport_amqp::{AmqpConfig, AmqpTransport};
use lapin::options::{
    BasicPublishOptions, ConfirmSelectOptions, ExchangeDeleteOptions, QueueDeclareOptions,
    QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use tokio::time::timeout;

/// Longer than anything here should take.
pub(crate) const BOUND: Duration = Duration::from_secs(30);

/// Names of this test's own on one broker, and a connection beside the
/// transport's: a foreign producer, or an operator who deletes queues.
pub(crate) struct Bench {
    pub(crate) url: String,
    pub(crate) prefix: String,
    foreign: Connection,
    pub(crate) channel: Channel,
}

impl Bench {
    /// On the broker that the whole run shares.
    pub(crate) async fn new() -> Result<Self> {
        Self::on(&amqp_url().await?).await
    }

    pub(crate) async fn on(url: &str) -> Result<Self> {
        let foreign = Connection::connect(url, ConnectionProperties::default()).await?;
        let channel = foreign.create_channel().await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        Ok(Self {
            url: url.to_owned(),
            prefix: amqp_prefix(),
            foreign,
            channel,
        })
    }

    pub(crate) fn config(&self) -> AmqpConfig {
        AmqpConfig::new(&self.url).with_prefix(&self.prefix)
    }

    pub(crate) async fn transport(&self) -> Result<AmqpTransport> {
        Ok(AmqpTransport::connect(self.config()).await?)
    }

    pub(crate) fn queue(&self, subscription: &Subscription) -> String {
        format!("{}{}", self.prefix, subscription.name)
    }

    /// With all that stands behind a subscription.
    pub(crate) async fn delete_queue(&self, subscription: &Subscription) -> Result<()> {
        for queue in self.queues(subscription) {
            self.channel
                .queue_delete(queue.into(), QueueDeleteOptions::default())
                .await?;
        }
        let Some(partitions) = subscription.partitions else {
            return Ok(());
        };
        for suffix in ["ordered".to_owned(), format!("ordered.rest.{partitions}")] {
            let exchange = format!("{}.{suffix}", self.queue(subscription));
            self.channel
                .exchange_delete(exchange.into(), ExchangeDeleteOptions::default())
                .await?;
        }
        Ok(())
    }

    /// The queue of each partition; without order, the only one.
    pub(crate) fn queues(&self, subscription: &Subscription) -> Vec<String> {
        let first = self.queue(subscription);
        let others = 1..subscription.partitions.unwrap_or(1);
        let others = others.map(|partition| format!("{first}.{partition}"));
        std::iter::once(first.clone()).chain(others).collect()
    }

    /// Declares a queue as Gozon never would, on a channel of its own: a refusal
    /// costs the channel.
    pub(crate) async fn declare_classic(&self, queue: &str) -> Result<()> {
        let channel = self.foreign.create_channel().await?;
        channel
            .queue_declare(
                queue.into(),
                QueueDeclareOptions::durable(),
                FieldTable::default(),
            )
            .await?;
        Ok(())
    }

    /// Publishes as someone who does not use Gozon would.
    pub(crate) async fn publish_foreign(
        &self,
        routing_key: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<()> {
        let mut table = FieldTable::default();
        for (name, value) in headers {
            table.insert((*name).into(), AMQPValue::LongString((*value).into()));
        }
        let exchange = format!("{}gozon.events", self.prefix);
        let confirmed = self
            .channel
            .basic_publish(
                exchange.into(),
                routing_key.into(),
                BasicPublishOptions::default(),
                body,
                BasicProperties::default().with_headers(table),
            )
            .await?
            .await?;
        ensure!(confirmed.is_ack());
        Ok(())
    }

    /// Closes everything and removes what outlives connections.
    pub(crate) async fn end(
        self,
        transports: &[&AmqpTransport],
        subscriptions: &[&Subscription],
    ) -> Result<()> {
        for transport in transports {
            transport.close().await;
        }
        for subscription in subscriptions {
            self.delete_queue(subscription).await?;
        }
        self.channel
            .exchange_delete(
                format!("{}gozon.events", self.prefix).into(),
                ExchangeDeleteOptions::default(),
            )
            .await?;
        self.foreign.close(200, "OK".into()).await?;
        Ok(())
    }
}

pub(crate) fn envelope(kind: &str) -> Envelope {
    Envelope {
        id: MessageId::generate(),
        source: "/gozon/tests".to_owned(),
        kind: kind.to_owned(),
        subject: None,
        time: SystemClock.now(),
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

pub(crate) fn envelopes(kind: &str, count: usize) -> Vec<Envelope> {
    (0..count).map(|_| envelope(kind)).collect()
}

pub(crate) fn ids(envelopes: &[Envelope]) -> Vec<MessageId> {
    envelopes.iter().map(|envelope| envelope.id).collect()
}

pub(crate) async fn subscribed(
    transport: &AmqpTransport,
    subscription: &Subscription,
) -> Result<Box<dyn Deliveries>> {
    Ok(transport.subscribe(subscription).await?)
}

/// The next thing that a subscriber hears.
pub(crate) async fn heard(deliveries: &mut Box<dyn Deliveries>, max: usize) -> Result<Received> {
    timeout(BOUND, deliveries.receive(max))
        .await
        .context("nothing was received")
}

pub(crate) async fn batch(
    deliveries: &mut Box<dyn Deliveries>,
    max: usize,
) -> Result<Vec<Delivery>> {
    match heard(deliveries, max).await? {
        Received::Batch(batch) => Ok(batch),
        other => bail!("expected deliveries, heard {other:?}"),
    }
}

pub(crate) async fn one(deliveries: &mut Box<dyn Deliveries>) -> Result<Delivery> {
    let mut batch = batch(deliveries, 1).await?;
    batch.pop().context("an empty batch")
}

/// Receives and acknowledges this many messages.
pub(crate) async fn acked(
    deliveries: &mut Box<dyn Deliveries>,
    count: usize,
) -> Result<Vec<Envelope>> {
    let mut found = Vec::new();
    while found.len() < count {
        for delivery in batch(deliveries, count - found.len()).await? {
            found.push(message(&delivery)?);
            delivery.ack().await?;
        }
    }
    Ok(found)
}

pub(crate) async fn resumed(deliveries: &mut Box<dyn Deliveries>) -> Result<()> {
    match heard(deliveries, 1).await? {
        Received::Resumed => Ok(()),
        other => bail!("expected to be resumed, heard {other:?}"),
    }
}

pub(crate) fn message(delivery: &Delivery) -> Result<Envelope> {
    match &delivery.incoming {
        Incoming::Message(envelope) => Ok(envelope.clone()),
        Incoming::Malformed(malformed) => bail!("malformed: {malformed:?}"),
    }
}

pub(crate) fn malformed(delivery: &Delivery) -> Result<Malformed> {
    match &delivery.incoming {
        Incoming::Malformed(malformed) => Ok(malformed.clone()),
        Incoming::Message(envelope) => bail!("it was read: {envelope:?}"),
    }
}
