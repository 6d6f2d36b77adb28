use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use gozon_core::conformance::transport::{Candidate, DURABLE, Harness, HarnessError, ORDERED};
use gozon_tests::servers::{amqp_prefix, amqp_url};
use gozon_transport_amqp::{AmqpConfig, AmqpTransport};
use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};
use lapin::{Connection, ConnectionProperties};

/// Every candidate has a prefix of its own, so that none meets the queues of
/// another.
pub(crate) struct AmqpHarness {
    url: String,
    prefixes: Mutex<Vec<String>>,
}

impl AmqpHarness {
    pub(crate) async fn at_test_server() -> anyhow::Result<Self> {
        Ok(Self {
            url: amqp_url().await?,
            prefixes: Mutex::default(),
        })
    }

    /// Durable queues outlive their test; the shared server must not collect them.
    pub(crate) async fn remove_queues(&self) -> anyhow::Result<()> {
        let prefixes =
            std::mem::take(&mut *self.prefixes.lock().unwrap_or_else(PoisonError::into_inner));
        let connection = Connection::connect(&self.url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        for prefix in prefixes {
            let partitions = (1..4).map(|partition| format!("{ORDERED}.{partition}"));
            let plain = DURABLE.into_iter().chain([ORDERED]).map(str::to_owned);
            for name in plain.chain(partitions) {
                let queue = format!("{prefix}{name}");
                channel
                    .queue_delete(queue.into(), QueueDeleteOptions::default())
                    .await?;
            }
            let ordered = ["ordered", "ordered.rest.4"].map(|of| format!("{ORDERED}.{of}"));
            for name in ordered.into_iter().chain(["gozon.events".to_owned()]) {
                let exchange = format!("{prefix}{name}");
                channel
                    .exchange_delete(exchange.into(), ExchangeDeleteOptions::default())
                    .await?;
            }
        }
        connection.close(200, "done".into()).await?;
        Ok(())
    }
}

#[async_trait]
impl Harness for AmqpHarness {
    async fn candidate(&self) -> Result<Candidate, HarnessError> {
        let prefix = amqp_prefix();
        self.prefixes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(prefix.clone());
        let config = AmqpConfig::new(self.url.clone()).with_prefix(prefix);
        let transport = AmqpTransport::connect(config).await?;
        let closing = transport.clone();
        let candidate = Candidate::of(transport, move || {
            let closing = closing.clone();
            Box::pin(async move { closing.close().await })
        });
        // Longer than the transport's publish timeout of 15 s.
        Ok(candidate
            .keeping_for_absent()
            .with_patience(Duration::from_secs(20)))
    }
}
