//! What only a broker of one's own can show: its alarms, its limits, its
//! patience.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Result, ensure};
use gozon_core::{Deliveries, Envelope, MessageId, Outcome, Publisher, Subscriber, Subscription};
use gozon_tests::eventually;
use gozon_tests::own_servers::{OwnRabbitMq, own_rabbitmq};
use gozon_transport_amqp::AmqpTransport;
use tokio::time::{Instant, timeout};

use crate::bench::{BOUND, Bench, acked, envelopes, ids, message, one, resumed, subscribed};

fn orders() -> Subscription {
    Subscription::durable("payments.orders", &["order_created"])
}

/// Publishes until all of these are confirmed, as a relay would.
async fn confirmed(transport: &AmqpTransport, batch: &[Envelope]) -> Result<()> {
    let mut open = batch.to_vec();
    let publishing = async {
        while !open.is_empty() {
            let outcomes = transport.publish(&open).await;
            let mut outcomes = outcomes.iter();
            open.retain(|_| outcomes.next() != Some(&Outcome::Confirmed));
        }
    };
    Ok(timeout(BOUND, publishing).await?)
}

/// Acknowledges until all of these were seen; repeats may come between.
async fn all_arrive(deliveries: &mut Box<dyn Deliveries>, wanted: &[Envelope]) -> Result<()> {
    let mut missing: HashSet<MessageId> = ids(wanted).into_iter().collect();
    while !missing.is_empty() {
        missing.remove(&acked(deliveries, 1).await?[0].id);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alarms_for_memory_and_disk_stop_publishers_alone_and_lose_nothing() -> Result<()> {
    let server = own_rabbitmq().await?;
    let bench = Bench::on(server.url()).await?;
    for (raise, calm) in [
        (
            ["set_vm_memory_high_watermark", "0"],
            ["set_vm_memory_high_watermark", "0.6"],
        ),
        (
            ["set_disk_free_limit", "1000000000000000"],
            ["set_disk_free_limit", "50000000"],
        ),
    ] {
        let transport = bench.transport().await?;
        transport.declare(&orders()).await?;
        let before = envelopes("order_created", 50);
        confirmed(&transport, &before).await?;

        server.control(&raise).await?;
        let during = envelopes("order_created", 50);
        eventually(BOUND, "publishing is blocked", async || {
            let started = Instant::now();
            let outcomes = transport.publish(&during).await;
            ensure!(started.elapsed() < Duration::from_secs(5), "it hung");
            ensure!(
                outcomes.iter().all(
                    |outcome| matches!(outcome, Outcome::Nacked { reason } if reason.contains("block"))
                ),
                "{outcomes:?}"
            );
            Ok(())
        })
        .await?;
        // Consumers have a connection of their own, and drain meanwhile.
        let mut deliveries = subscribed(&transport, &orders()).await?;
        all_arrive(&mut deliveries, &before).await?;
        ensure!(transport.is_connected());

        server.control(&calm).await?;
        confirmed(&transport, &during).await?;
        all_arrive(&mut deliveries, &during).await?;
        transport.close().await;
    }
    bench.end(&[], &[&orders()]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_and_a_broker_out_of_patience_lose_nothing() -> Result<()> {
    let server = own_rabbitmq().await?;
    let bench = Bench::on(server.url()).await?;
    a_full_queue_declines_and_is_used_again(&server, &bench).await?;
    a_late_acknowledgement_costs_the_channel_and_the_message_comes_again(&server, &bench).await?;
    bench.end(&[], &[&orders()]).await
}

async fn a_full_queue_declines_and_is_used_again(
    server: &OwnRabbitMq,
    bench: &Bench,
) -> Result<()> {
    let transport = bench.transport().await?;
    transport.declare(&orders()).await?;
    let limit = r#"{"max-length":10,"overflow":"reject-publish"}"#;
    server
        .control(&["set_policy", "full", "^", limit, "--apply-to", "queues"])
        .await?;

    // The queue hears of its new limit, and of its length, a moment late.
    let mut sent = Vec::new();
    let declined = timeout(BOUND, async {
        loop {
            let batch = envelopes("order_created", 20);
            let outcomes = transport.publish(&batch).await;
            sent.extend(batch);
            if outcomes
                .iter()
                .any(|outcome| matches!(outcome, Outcome::Nacked { .. }))
            {
                return outcomes;
            }
        }
    })
    .await?;
    ensure!(
        declined
            .iter()
            .all(|outcome| matches!(outcome, Outcome::Confirmed | Outcome::Nacked { .. })),
        "{declined:?}"
    );

    let mut deliveries = subscribed(&transport, &orders()).await?;
    let declined = sent.split_off(sent.len() - 20);
    all_arrive(&mut deliveries, &sent).await?;
    let (outcome, arrived) = tokio::join!(
        confirmed(&transport, &declined),
        all_arrive(&mut deliveries, &declined)
    );
    outcome.and(arrived)?;
    server.control(&["clear_policy", "full"]).await?;
    transport.close().await;
    Ok(())
}

/// `consumer_timeout`: the broker closes the channel with 406.
async fn a_late_acknowledgement_costs_the_channel_and_the_message_comes_again(
    server: &OwnRabbitMq,
    bench: &Bench,
) -> Result<()> {
    for (name, milliseconds) in [("channel_tick_interval", 500), ("consumer_timeout", 1_000)] {
        let set = format!("application:set_env(rabbit, {name}, {milliseconds}).");
        server.control(&["eval", &set]).await?;
    }
    // Another one: a channel remembers the patience that it was opened with.
    let transport = bench.transport().await?;
    let mut deliveries = subscribed(&transport, &orders()).await?;
    let sent = envelopes("order_created", 1);
    confirmed(&transport, &sent).await?;

    let late = one(&mut deliveries).await?;
    resumed(&mut deliveries).await?;
    let again = one(&mut deliveries).await?;

    ensure!(late.ack().await.is_err(), "it was too late");
    ensure!(message(&again)?.id == sent[0].id && again.redelivered);
    again.ack().await?;
    ensure!(transport.is_connected());
    let set = "application:set_env(rabbit, consumer_timeout, 1800000).";
    server.control(&["eval", set]).await?;
    transport.close().await;
    Ok(())
}
