//! Messages that the transport's own library cannot read.

use std::time::Duration;

use anyhow::{Result, ensure};
use gozon_core::{Outcome, Publisher, Subscription};
use gozon_tests::eventually;
use gozon_transport_amqp::{AmqpConfig, AmqpTransport};
use tokio::time::Instant;

use super::until_seen;
use crate::bench::{BOUND, Bench, envelope, resumed, subscribed};
use crate::proxy::Proxy;

#[tokio::test]
async fn a_message_that_no_one_can_read_neither_spins_nor_looks_healthy_and_can_be_removed()
-> Result<()> {
    let bench = Bench::new().await?;
    let proxy = Proxy::before(&bench.url).await?;
    let config = AmqpConfig::new(proxy.url()?).with_prefix(&bench.prefix);
    let transport = AmqpTransport::connect(config).await?;
    let orders = Subscription::durable("payments.orders", &["order_created"]);
    let mut deliveries = subscribed(&transport, &orders).await?;

    proxy.spoil("x-careless");
    let headers = [("x-careless", "producer")];
    bench
        .publish_foreign("order_created", &headers, b"{}")
        .await?;
    eventually(BOUND, "the service says no", async || {
        ensure!(!transport.is_connected());
        Ok(())
    })
    .await?;
    let started = Instant::now();
    let before = proxy.connections();
    eventually(BOUND, "some more attempts", async || {
        ensure!(proxy.connections() >= before + 4);
        Ok(())
    })
    .await?;
    // At full speed that would have taken half a second.
    ensure!(started.elapsed() > Duration::from_secs(2));

    // Someone takes it out; what waited behind it comes.
    proxy.spoil_no_more();
    resumed(&mut deliveries).await?;
    let behind = envelope("order_created");
    eventually(BOUND, "publishing works", async || {
        let outcomes = transport.publish(std::slice::from_ref(&behind)).await;
        ensure!(outcomes == [Outcome::Confirmed], "{outcomes:?}");
        Ok(())
    })
    .await?;
    eventually(BOUND, "the service says yes", async || {
        ensure!(transport.is_connected());
        Ok(())
    })
    .await?;
    bench.end(&[&transport], &[&orders]).await
}

#[tokio::test]
async fn an_unreadable_message_in_the_queue_is_survived_until_someone_takes_it_out() -> Result<()> {
    let bench = Bench::new().await?;
    let transport = bench.transport().await?;
    let orders = Subscription::durable("payments.orders", &["order_created"]);
    let mut deliveries = subscribed(&transport, &orders).await?;
    // A producer whose library checks nothing. The broker does not, either.
    let proxy = Proxy::before(&bench.url).await?;
    let mut careless = Bench::on(&proxy.url()?).await?;
    careless.prefix.clone_from(&bench.prefix);
    proxy.send_spoilt("x-careless");

    let headers = [("x-careless", "producer")];
    careless
        .publish_foreign("order_created", &headers, b"{}")
        .await?;
    eventually(BOUND, "the service says no", async || {
        ensure!(!transport.is_connected());
        Ok(())
    })
    .await?;
    eventually(BOUND, "someone takes it out", async || {
        let purged = bench
            .channel
            .queue_purge(
                bench.queue(&orders).into(),
                lapin::options::QueuePurgeOptions::default(),
            )
            .await?;
        ensure!(purged == 1, "it is on its way to the consumer again");
        Ok(())
    })
    .await?;

    resumed(&mut deliveries).await?;
    let behind = envelope("order_created");
    let outcomes = transport.publish(std::slice::from_ref(&behind)).await;
    ensure!(outcomes == [Outcome::Confirmed], "{outcomes:?}");
    until_seen(&mut deliveries, behind.id).await?;
    bench.end(&[&transport], &[&orders]).await
}
