//! Everything comes back by itself, in the same process.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gozon_core::{
    Deliveries, Envelope, MessageId, Outcome, Publisher, Received, Subscriber, Subscription,
    TransportError,
};
use gozon_tests::eventually;
use gozon_tests::http::Client;
use gozon_tests::own_servers::own_rabbitmq;
use gozon_transport_amqp::{AmqpConfig, AmqpTransport};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::bench::{BOUND, Bench, acked, envelope, envelopes, resumed, subscribed};
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

/// Set in the process that the next test starts: itself once more.
const CHILD: &str = "GOZON_TEST_AMQP_CHILD";

#[test]
fn a_process_that_closes_its_transport_ends_without_a_panic() -> Result<()> {
    if std::env::var_os(CHILD).is_some() {
        return publish_and_close();
    }

    let child = std::process::Command::new(std::env::current_exe()?)
        .args(["--exact", "--nocapture"])
        .arg("recovery::a_process_that_closes_its_transport_ends_without_a_panic")
        .env(CHILD, "1")
        .output()?;

    let said = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    assert!(String::from_utf8_lossy(&child.stdout).contains("1 passed"));
    Ok(())
}

fn publish_and_close() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let bench = Bench::new().await?;
        let of_bench = lapin_threads();
        let transport = bench.transport().await?;
        let orders = Subscription::durable("payments.orders", &["order_created"]);
        let _deliveries = subscribed(&transport, &orders).await?;
        transport.publish(&envelopes("order_created", 100)).await;

        transport.close().await;

        // lapin's threads panic when they outlive the runtime with a
        // connection open; the transport's are gone.
        assert_eq!(lapin_threads(), of_bench);
        bench.end(&[], &[&orders]).await
    })?;
    drop(runtime);
    Ok(())
}

/// Only Linux tells the names of a process's threads.
fn lapin_threads() -> usize {
    std::fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
        .filter(|name| name.starts_with("lapin"))
        .count()
}

/// Connections of Gozon at this broker, by their names in the management API.
async fn connections(management: &Client) -> Result<Vec<String>> {
    let list = management
        .get("/api/connections")
        .await?
        .having(200)?
        .json()?;
    let named = list.as_array().context("a list")?.iter();
    Ok(named
        .filter(|connection| {
            let name = &connection["client_properties"]["connection_name"];
            name.as_str().is_some_and(|name| name.starts_with("gozon"))
        })
        .filter_map(|connection| connection["name"].as_str().map(str::to_owned))
        .collect())
}

fn management(url: &str) -> Result<Client> {
    let (_, rest) = url.split_once("://").context("a URL")?;
    let (user, address) = rest.split_once('@').context("a user")?;
    Ok(Client::at(address).with_header("authorization", &format!("Basic {}", base64(user))))
}

fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    text.as_bytes()
        .chunks(3)
        .flat_map(|chunk| {
            let bits = chunk
                .iter()
                .fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte))
                << (8 * (3 - chunk.len()));
            (0..4).map(move |at| match at <= chunk.len() {
                true => char::from(DIGITS[(bits >> (18 - 6 * at) & 63) as usize]),
                false => '=',
            })
        })
        .collect()
}

/// One server of its own for both, because starting it takes long.
#[tokio::test(flavor = "multi_thread")]
async fn closed_connections_and_restarts_of_the_broker_lose_nothing_confirmed() -> Result<()> {
    let server = own_rabbitmq().await?;
    let bench = Bench::on(server.url()).await?;
    let transport = bench.transport().await?;
    let orders = Subscription::durable("payments.orders", &["order_created"]);
    let mut deliveries = subscribed(&transport, &orders).await?;

    // An operator closes the connections on the management page.
    let management = management(server.management_url())?;
    let names = eventually(BOUND, "the management API lists both", async || {
        let names = connections(&management).await?;
        ensure!(names.len() == 2, "{names:?}");
        Ok(names)
    })
    .await?;
    for name in names {
        let path = format!(
            "/api/connections/{}",
            name.replace(' ', "%20").replace('>', "%3E")
        );
        management
            .send(hyper::Method::DELETE, &path, "")
            .await?
            .having(204)?;
    }
    resumed(&mut deliveries).await?;
    transport.connected(BOUND).await?;
    drop(deliveries);

    // The broker is restarted, then killed, while messages flow.
    let stop = CancellationToken::new();
    let relays: Vec<_> = (0..2)
        .map(|_| tokio::spawn(relay(transport.clone(), stop.clone())))
        .collect();
    let received = Arc::new(tokio::sync::Mutex::new(HashSet::new()));
    let at_least = |count: usize| {
        let (transport, orders, received) = (&transport, &orders, Arc::clone(&received));
        async move {
            eventually(Duration::from_secs(60), "messages flow", async || {
                let deliveries = transport.subscribe(orders).await?;
                let mut seen = received.lock().await;
                receive_all(deliveries, &mut seen, |seen| seen.len() >= count).await
            })
            .await?;
            anyhow::Ok(received.lock().await.len())
        }
    };
    let seen = at_least(500).await?;
    server.stop().await?;
    server.start().await?;
    let seen = at_least(seen + 500).await?;
    server.kill().await?;
    server.start().await?;
    at_least(seen + 500).await?;
    stop.cancel();
    let mut confirmed = HashSet::new();
    for relay in relays {
        confirmed.extend(relay.await?);
    }
    let deliveries = subscribed(&transport, &orders).await?;
    let mut seen = received.lock().await;
    receive_all(deliveries, &mut seen, |seen| confirmed.is_subset(seen)).await?;

    assert!(confirmed.is_subset(&seen), "confirmed messages were lost");
    transport.close().await;
    Ok(())
}
