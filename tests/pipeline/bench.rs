//! One empty outbox and inbox, and one queue.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use gozon_core::{
    Append, Clock, Envelope, MessageId, NewMessage, Subscriber, Subscription, SystemClock,
};
use gozon_inbox::{Inbox, InboxConfig};
use gozon_outbox::{Outbox, OutboxConfig};
use gozon_sqlx::Db;
use gozon_sqlx::postgres::{PoolSettings, Postgres, connect};
use gozon_tests::measure::Databases;
use gozon_tests::servers::{amqp_prefix, amqp_url, postgres_database};
use gozon_transport_amqp::{AmqpConfig, AmqpTransport};
use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions, QueuePurgeOptions};
use lapin::{Connection, ConnectionProperties};

/// The event type of every message.
pub(crate) const KIND: &str = "measured";
/// Keys, so that order costs what it costs in life.
const KEYS: usize = 5_000;
/// Messages that one transaction appends while the outbox is filled.
const APPENDED_AT_ONCE: usize = 500;

pub(crate) struct Bench {
    pub(crate) url: String,
    pub(crate) prefix: String,
    pub(crate) db: Db<Postgres>,
    pub(crate) outbox: Outbox<Postgres>,
    pub(crate) inbox: Inbox<Postgres>,
    pub(crate) transport: Arc<AmqpTransport>,
    pub(crate) subscription: Subscription,
    pub(crate) connection: Connection,
}

impl Bench {
    /// Takes an empty database and a prefix of its own on the broker.
    pub(crate) async fn new() -> Result<Self> {
        let url = postgres_database().await?;
        let amqp = amqp_url().await?;
        let settings = PoolSettings {
            max_connections: 20,
            ..PoolSettings::default()
        };
        let db = connect(&url, &settings).await?;
        let outbox = Outbox::new(db.clone(), OutboxConfig::default())?;
        outbox.migrate().await?;
        let inbox = Inbox::new(db.clone(), InboxConfig::default())?;
        inbox.migrate().await?;
        sqlx::query("CREATE TABLE effects (message_id uuid PRIMARY KEY)")
            .execute(db.writer())
            .await?;
        let prefix = amqp_prefix();
        let config = AmqpConfig::new(&amqp).with_prefix(&prefix);
        let transport = Arc::new(AmqpTransport::connect(config).await?);
        let subscription = Subscription::durable("measuring", &[KIND]).with_prefetch(1_000);
        transport.declare(&subscription).await?;
        Ok(Self {
            url,
            prefix,
            db,
            outbox,
            inbox,
            transport,
            subscription,
            connection: Connection::connect(&amqp, ConnectionProperties::default()).await?,
        })
    }

    pub(crate) fn exchange(&self) -> String {
        format!("{}gozon.events", self.prefix)
    }

    fn queue(&self) -> String {
        format!("{}{}", self.prefix, self.subscription.name)
    }

    /// Puts this many committed messages into the outbox.
    pub(crate) async fn fill(&self, count: usize) -> Result<()> {
        let messages: Vec<NewMessage> = (0..count).map(message).collect();
        for chunk in messages.chunks(APPENDED_AT_ONCE) {
            let mut tx = self.db.begin().await?;
            self.outbox.append(&mut tx, chunk).await?;
            tx.commit().await?;
        }
        sqlx::query("ANALYZE").execute(self.db.writer()).await?;
        Ok(())
    }

    pub(crate) async fn statements(&self) -> Result<Databases> {
        let mut databases = Databases::connect([("the database", Some(self.url.as_str()))]).await?;
        databases.reset().await?;
        Ok(databases)
    }

    /// Empties the queue.
    pub(crate) async fn purge(&self) -> Result<()> {
        let channel = self.connection.create_channel().await?;
        channel
            .queue_purge(self.queue().into(), QueuePurgeOptions::default())
            .await?;
        channel.close(200, "OK".into()).await?;
        Ok(())
    }

    pub(crate) async fn end(self) -> Result<()> {
        self.transport.close().await;
        let channel = self.connection.create_channel().await?;
        channel
            .queue_delete(self.queue().into(), QueueDeleteOptions::default())
            .await?;
        channel
            .exchange_delete(self.exchange().into(), ExchangeDeleteOptions::default())
            .await?;
        self.connection.close(200, "OK".into()).await?;
        self.db.close().await;
        Ok(())
    }
}

/// As a small event of a shop: a key, 200 bytes of JSON.
pub(crate) fn message(number: usize) -> NewMessage {
    let data = format!("{{\"number\":{number},\"filler\":\"{}\"}}", "x".repeat(170));
    NewMessage {
        envelope: Envelope {
            id: MessageId::generate(),
            source: "/gozon/measuring".to_owned(),
            kind: KIND.to_owned(),
            subject: None,
            time: SystemClock.now(),
            content_type: "application/json".to_owned(),
            schema: None,
            key: Some(format!("key-{}", number % KEYS)),
            correlation_id: None,
            causation_id: None,
            traceparent: None,
            tracestate: None,
            published_at: None,
            received_at: None,
            data: Bytes::from(data),
        },
        delay: None,
    }
}

/// Asks until the answer is yes, every few milliseconds.
pub(crate) async fn until<F: Future<Output = Result<bool>>>(
    mut ask: impl FnMut() -> F,
) -> Result<()> {
    let asking = async {
        while !ask().await? {
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(Duration::from_secs(300), asking)
        .await
        .context("it took longer than five minutes")?
}
