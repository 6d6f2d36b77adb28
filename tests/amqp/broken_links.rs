//! What a consumer's link does to what it holds.

use std::time::Duration;

use anyhow::{Result, ensure};
use gozon_core::{Outcome, Publisher, Subscription};
use gozon_tests::eventually;
use gozon_transport_amqp::{AmqpConfig, AmqpTransport};
use tokio::time::Instant;

use crate::bench::{
    BOUND, Bench, acked, batch, envelope, envelopes, ids, message, one, resumed, subscribed,
};
use crate::proxy::Proxy;

fn orders() -> Subscription {
    Subscription::durable("payments.orders", &["order_created"])
}

async fn through(proxy: &Proxy, bench: &Bench) -> Result<AmqpTransport> {
    let config = AmqpConfig {
        heartbeat: Duration::from_secs(1),
        ..AmqpConfig::new(proxy.url()?).with_prefix(&bench.prefix)
    };
    Ok(AmqpTransport::connect(config).await?)
}

/// lapin's own way of settling says `Ok(false)` there, and is not used.
#[tokio::test]
async fn settling_on_a_dead_channel_is_an_error_and_the_messages_come_again() -> Result<()> {
    let bench = Bench::new().await?;
    let proxy = Proxy::before(&bench.url).await?;
    for orders in [
        orders(),
        Subscription::durable("payments.ordered", &["order_created"]).with_order(2),
    ] {
        let transport = through(&proxy, &bench).await?;
        let mut deliveries = subscribed(&transport, &orders).await?;
        let publisher = bench.transport().await?;
        ensure!(
            publisher.publish(&envelopes("order_created", 2)).await == vec![Outcome::Confirmed; 2]
        );
        let (first, second) = (one(&mut deliveries).await?, one(&mut deliveries).await?);
        let held = [message(&first)?.id, message(&second)?.id];

        proxy.cut();
        resumed(&mut deliveries).await?;

        ensure!(first.ack().await.is_err());
        ensure!(second.into_parts().2.requeue().await.is_err());
        for _ in 0..2 {
            let again = one(&mut deliveries).await?;
            ensure!(again.redelivered && held.contains(&message(&again)?.id));
            again.ack().await?;
        }
        drop(deliveries);
        transport.close().await;
        publisher.close().await;
        bench.delete_queue(&orders).await?;
    }
    bench.end(&[], &[]).await
}

#[tokio::test]
async fn a_consumer_notices_a_silent_link_within_a_few_heartbeats() -> Result<()> {
    let bench = Bench::new().await?;
    let proxy = Proxy::before(&bench.url).await?;
    let transport = through(&proxy, &bench).await?;
    let mut deliveries = subscribed(&transport, &orders()).await?;
    let publisher = bench.transport().await?;
    publisher.publish(&envelopes("order_created", 1)).await;
    let held = one(&mut deliveries).await?;

    proxy.silence();
    let started = Instant::now();
    eventually(BOUND, "the silence is noticed", async || {
        ensure!(!transport.is_connected());
        Ok(())
    })
    .await?;
    // Two heartbeats of a second, and time for a busy machine.
    ensure!(
        started.elapsed() < Duration::from_secs(8),
        "{:?}",
        started.elapsed()
    );
    proxy.cut();
    proxy.speak_again();

    resumed(&mut deliveries).await?;
    ensure!(held.ack().await.is_err());
    let again = one(&mut deliveries).await?;
    ensure!(again.redelivered);
    again.ack().await?;
    bench.end(&[&transport, &publisher], &[&orders()]).await
}

/// The broker hears nothing from us any more, neither acknowledgements nor
/// heartbeats, while we hear all it says.
#[tokio::test]
async fn acknowledgements_that_get_lost_cost_repeats_alone() -> Result<()> {
    let bench = Bench::new().await?;
    let proxy = Proxy::before(&bench.url).await?;
    let transport = through(&proxy, &bench).await?;
    let mut deliveries = subscribed(&transport, &orders()).await?;
    let publisher = bench.transport().await?;
    let sent = envelopes("order_created", 20);
    publisher.publish(&sent).await;
    let mut held = Vec::new();
    while held.len() < sent.len() {
        held.extend(batch(&mut deliveries, 20).await?);
    }

    proxy.mute();
    for delivery in held {
        // Written, as far as anyone on this side can know.
        delivery.ack().await?;
    }
    eventually(BOUND, "the broker gives us up", async || {
        ensure!(!transport.is_connected());
        Ok(())
    })
    .await?;
    // What was held back on the way is lost, also where the broker had not
    // given up yet.
    proxy.cut();
    proxy.unmute();
    resumed(&mut deliveries).await?;

    let mut again = ids(&acked(&mut deliveries, sent.len()).await?);
    let mut wanted = ids(&sent);
    again.sort_unstable();
    wanted.sort_unstable();
    ensure!(again == wanted, "other messages came again");
    let last = [envelope("order_created")];
    publisher.publish(&last).await;
    ensure!(ids(&acked(&mut deliveries, 1).await?) == ids(&last));
    bench.end(&[&transport, &publisher], &[&orders()]).await
}
