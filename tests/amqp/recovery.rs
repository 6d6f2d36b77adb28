//! Everything comes back by itself, in the same process.

mod broker;
mod ending;
mod unheard;
mod unreadable;

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gozon_core::{
    Deliveries, Envelope, MessageId, Outcome, Publisher, Received, Subscriber, Subscription,
    TransportError,
};
use gozon_tests::eventually;
use gozon_transport_amqp::{AmqpConfig, AmqpTransport};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::bench::{BOUND, Bench, acked, envelope, resumed, subscribed};
use crate::proxy::Proxy;

/// Publishes until told to stop, as a relay does: what is not confirmed is
/// published again. Answers with all that was confirmed.
async fn relay(transport: AmqpTransport, stop: CancellationToken) -> HashSet<MessageId> {
    let mut confirmed = HashSet::new();
    let mut batch: Vec<Envelope> = Vec::new();
    while !stop.is_cancelled() {
        batch.resize_with(100, || envelope("order_created"));
        let outcomes = transport.publish(&batch).await;
        let mut outcomes = outcomes.iter();
        batch.retain(|envelope| {
            let done = outcomes.next() == Some(&Outcome::Confirmed);
            if done {
                confirmed.insert(envelope.id);
            }
            !done
        });
    }
    confirmed
}

/// Receives and acknowledges until all of `expected` were seen.
async fn receive_all(
    mut deliveries: Box<dyn Deliveries>,
    seen: &mut HashSet<MessageId>,
    until: impl Fn(&HashSet<MessageId>) -> bool,
) -> Result<()> {
    while !until(seen) {
        match timeout(BOUND, deliveries.receive(100))
            .await
            .with_context(|| format!("nothing more came after {} messages", seen.len()))?
        {
            Received::Batch(batch) => {
                for delivery in batch {
                    seen.insert(crate::bench::message(&delivery)?.id);
                    // It may fail, and then comes again.
                    let _ = delivery.ack().await;
                }
            }
            Received::Resumed => {}
            Received::Closed => anyhow::bail!("the transport was closed"),
        }
    }
    Ok(())
}

/// Acknowledges until this message was seen. Others may come first: an
/// acknowledgement that was cut off on its way makes its message come again.
async fn until_seen(deliveries: &mut Box<dyn Deliveries>, wanted: MessageId) -> Result<()> {
    while acked(deliveries, 1).await?[0].id != wanted {}
    Ok(())
}

#[tokio::test]
async fn a_cut_link_is_rebuilt_and_the_subscriber_is_told() -> Result<()> {
    let bench = Bench::new().await?;
    let proxy = Proxy::before(&bench.url).await?;
    let config = AmqpConfig::new(proxy.url()?).with_prefix(&bench.prefix);
    let transport = AmqpTransport::connect(config).await?;
    let orders = Subscription::durable("payments.orders", &["order_created"]);
    let mut deliveries = subscribed(&transport, &orders).await?;
    let push = Subscription::broadcast("orders.push", &["order_status_changed"]);
    let mut pushes = subscribed(&transport, &push).await?;

    for _ in 0..3 {
        proxy.cut();
        resumed(&mut deliveries).await?;
        resumed(&mut pushes).await?;
        transport.connected(BOUND).await?;
        let batch = [envelope("order_created"), envelope("order_status_changed")];
        eventually(BOUND, "publishing works again", async || {
            let outcomes = transport.publish(&batch).await;
            ensure!(outcomes == vec![Outcome::Confirmed; 2], "{outcomes:?}");
            Ok(())
        })
        .await?;
        until_seen(&mut deliveries, batch[0].id).await?;
        until_seen(&mut pushes, batch[1].id).await?;
    }
    bench.end(&[&transport], &[&orders]).await
}

#[tokio::test]
async fn nothing_confirmed_is_lost_while_links_are_cut_under_load() -> Result<()> {
    let bench = Bench::new().await?;
    let proxy = Proxy::before(&bench.url).await?;
    let config = AmqpConfig::new(proxy.url()?).with_prefix(&bench.prefix);
    let transport = AmqpTransport::connect(config).await?;
    let orders = Subscription::durable("payments.orders", &["order_created"]);
    transport.declare(&orders).await?;
    let stop = CancellationToken::new();

    let relays: Vec<_> = (0..3)
        .map(|_| tokio::spawn(relay(transport.clone(), stop.clone())))
        .collect();
    let mut seen = HashSet::new();
    for round in 1..=5 {
        let deliveries = subscribed(&transport, &orders).await?;
        receive_all(deliveries, &mut seen, |seen| seen.len() >= round * 500).await?;
        proxy.cut();
        eventually(BOUND, "the link stands again", async || {
            transport.connected(BOUND).await?;
            // Still open for whoever comes between two cuts.
            Ok(transport.declare(&orders).await?)
        })
        .await?;
    }
    stop.cancel();
    let mut confirmed = HashSet::new();
    for relay in relays {
        confirmed.extend(relay.await?);
    }
    let deliveries = subscribed(&transport, &orders).await?;
    receive_all(deliveries, &mut seen, |seen| confirmed.is_subset(seen)).await?;

    assert!(confirmed.is_subset(&seen));
    bench.end(&[&transport], &[&orders]).await
}

#[tokio::test]
async fn a_transport_starts_before_its_broker_and_finds_it_later() -> Result<()> {
    let bench = Bench::new().await?;
    let proxy = Proxy::before(&bench.url).await?;
    proxy.silence();
    let config = AmqpConfig {
        connect_timeout: Duration::from_millis(300),
        operation_timeout: Duration::from_millis(300),
        ..AmqpConfig::new(proxy.url()?).with_prefix(&bench.prefix)
    };
    let transport = AmqpTransport::start(config)?;
    let orders = Subscription::durable("payments.orders", &["order_created"]);

    let early = transport.declare(&orders).await.unwrap_err();
    assert!(
        matches!(early, TransportError::Unavailable { .. }),
        "{early}"
    );
    assert!(!transport.is_connected());
    proxy.speak_again();

    transport.connected(BOUND).await?;
    // Remembered although it failed: bound without being asked again.
    eventually(BOUND, "the queue exists", async || {
        let outcomes = transport.publish(&[envelope("order_created")]).await;
        ensure!(outcomes == [Outcome::Confirmed], "{outcomes:?}");
        Ok(())
    })
    .await?;
    bench.end(&[&transport], &[&orders]).await
}

#[tokio::test]
async fn closing_a_transport_that_never_connected_returns_at_once() -> Result<()> {
    // A port on which no one listens, and an address that answers nothing.
    for url in [
        "amqp://a:b@127.0.0.1:1/%2f",
        "amqp://a:b@192.0.2.1:5672/%2f",
    ] {
        let transport = AmqpTransport::start(AmqpConfig::new(url))?;
        let started = Instant::now();
        transport.close().await;
        transport.close().await;
        assert!(started.elapsed() < Duration::from_secs(5));
        assert!(matches!(
            transport.connected(BOUND).await,
            Err(TransportError::Closed)
        ));
    }
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_is_told_as_the_reason() -> Result<()> {
    let bench = Bench::new().await?;
    let (scheme, rest) = bench.url.split_once("://").context("a URL")?;
    let (_, address) = rest.split_once('@').context("a user")?;
    let config = AmqpConfig {
        connect_timeout: Duration::from_secs(3),
        ..AmqpConfig::new(format!("{scheme}://gozon:wrong@{address}"))
    };

    let error = AmqpTransport::connect(config)
        .await
        .err()
        .context("it connected")?;

    let text = error.to_string();
    assert!(text.contains("ACCESS"), "{text}");
    assert!(!text.contains("wrong"), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_subscription_that_cannot_be_rebuilt_is_not_healthy() -> Result<()> {
    let bench = Bench::new().await?;
    let transport = bench.transport().await?;
    let orders = Subscription::durable("payments.orders", &["order_created"]);
    let _deliveries = subscribed(&transport, &orders).await?;
    ensure!(transport.is_connected());

    // Someone deletes the queue and is faster to declare it, in another way.
    let queue = bench.queue(&orders);
    eventually(BOUND, "another kind of queue is there", async || {
        bench.delete_queue(&orders).await?;
        bench.declare_classic(&queue).await
    })
    .await?;

    eventually(BOUND, "the service says no", async || {
        ensure!(!transport.is_connected());
        Ok(())
    })
    .await?;
    bench.delete_queue(&orders).await?;
    eventually(BOUND, "the service says yes", async || {
        ensure!(transport.is_connected());
        Ok(())
    })
    .await?;
    bench.end(&[&transport], &[&orders]).await
}
