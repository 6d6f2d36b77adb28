//! The limit: a loop over lapin that does nothing but publish and wait.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use gozon_core::NewMessage;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel};

use crate::bench::{Bench, KIND, message};

/// As many channels as the transport uses, and batches as the relay makes them:
/// the same window of unconfirmed messages.
const CHANNELS: usize = 16;
const BATCH: usize = 64;

/// Publishes `count` messages, persistent, mandatory and confirmed, to the
/// bench's quorum queue; with the headers that the transport writes.
pub(crate) async fn publish(bench: &Bench, count: usize) -> Result<Duration> {
    let messages: Vec<NewMessage> = (0..count).map(message).collect();
    let mut channels = Vec::new();
    for _ in 0..CHANNELS {
        let channel = bench.connection.create_channel().await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        channels.push(channel);
    }
    let exchange = bench.exchange();
    let begun = Instant::now();
    let share = count.div_ceil(CHANNELS);
    let loops = channels
        .iter()
        .zip(messages.chunks(share))
        .map(|(channel, share)| one_by_one_batch(channel, &exchange, share));
    try_join_all(loops).await?;
    let took = begun.elapsed();
    for channel in channels {
        channel.close(200, "OK".into()).await?;
    }
    Ok(took)
}

async fn one_by_one_batch(channel: &Channel, exchange: &str, share: &[NewMessage]) -> Result<()> {
    for batch in share.chunks(BATCH) {
        let mut confirms = Vec::with_capacity(batch.len());
        for message in batch {
            let confirm = channel
                .basic_publish(
                    exchange.into(),
                    KIND.into(),
                    BasicPublishOptions {
                        mandatory: true,
                        ..BasicPublishOptions::default()
                    },
                    &message.envelope.data,
                    properties(message),
                )
                .await?;
            confirms.push(confirm);
        }
        for confirm in confirms {
            ensure!(confirm.await?.is_ack(), "not confirmed");
        }
    }
    Ok(())
}

fn properties(message: &NewMessage) -> BasicProperties {
    let envelope = &message.envelope;
    let id = envelope.id.to_string();
    let mut headers = FieldTable::default();
    for (name, value) in [
        ("specversion", "1.0"),
        ("id", id.as_str()),
        ("source", envelope.source.as_str()),
        ("type", KIND),
        ("time", "2026-01-01T00:00:00.000000Z"),
        ("partitionkey", envelope.key.as_deref().unwrap_or_default()),
    ] {
        let name = format!("cloudEvents_{name}");
        headers.insert(name.into(), AMQPValue::LongString(value.into()));
    }
    BasicProperties::default()
        .with_message_id(id.into())
        .with_content_type("application/json".into())
        .with_type(KIND.into())
        .with_delivery_mode(2)
        .with_headers(headers)
}
