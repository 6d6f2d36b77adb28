//! One outcome per message, and never a better one than is known.

use std::time::Duration;

use anyhow::{Result, ensure};
use bytes::Bytes;
use gozon_core::{Envelope, Outcome, Publisher, Subscriber, Subscription};
use gozon_tests::eventually;
use gozon_transport_amqp::{AmqpConfig, AmqpTransport};
use tokio::time::Instant;

use crate::bench::{BOUND, Bench, acked, envelope, envelopes, ids, subscribed};
use crate::proxy::Proxy;

/// Above the limit of RabbitMQ 4 for one message, 16 MiB.
fn too_large(kind: &str) -> Envelope {
    Envelope {
        data: Bytes::from(vec![b'x'; 17 * 1024 * 1024]),
        ..envelope(kind)
    }
}

#[tokio::test]
async fn a_message_that_no_queue_wants_is_returned_until_one_does() -> Result<()> {
    let bench = Bench::new().await?;
    let transport = bench.transport().await?;
    let orders = Subscription::durable("payments.orders", &["order_created"]);
    let message = [envelope("order_created")];

    let before = transport.publish(&message).await;
    transport.declare(&orders).await?;
    let after = transport.publish(&message).await;

    assert!(
        matches!(before[..], [Outcome::Returned { .. }]),
        "{before:?}"
    );
    assert_eq!(after, [Outcome::Confirmed]);
    bench.end(&[&transport], &[&orders]).await
}

#[tokio::test]
async fn in_a_mixed_batch_each_message_gets_its_own_outcome() -> Result<()> {
    let bench = Bench::new().await?;
    let transport = bench.transport().await?;
    let orders = Subscription::durable("payments.orders", &["wanted"]);
    transport.declare(&orders).await?;
    let batch: Vec<_> = (0..600)
        .map(|at| envelope(if at % 3 == 0 { "unwanted" } else { "wanted" }))
        .collect();

    let outcomes = transport.publish(&batch).await;

    assert_eq!(outcomes.len(), batch.len());
    for (envelope, outcome) in batch.iter().zip(&outcomes) {
        match envelope.kind.as_str() {
            "wanted" => assert_eq!(*outcome, Outcome::Confirmed),
            _ => assert!(matches!(outcome, Outcome::Returned { .. }), "{outcome:?}"),
        }
    }
    bench.end(&[&transport], &[&orders]).await
}

#[tokio::test]
async fn five_thousand_messages_on_their_way_at_once_are_all_confirmed() -> Result<()> {
    let bench = Bench::new().await?;
    let transport = bench.transport().await?;
    let orders = Subscription::durable("payments.orders", &["order_created"]).with_prefetch(1000);
    let mut deliveries = subscribed(&transport, &orders).await?;
    let batches: Vec<_> = (0..10).map(|_| envelopes("order_created", 500)).collect();

    let publishing = batches.iter().map(|batch| transport.publish(batch));
    let outcomes = futures_util::future::join_all(publishing).await.concat();
    let mut received = ids(&acked(&mut deliveries, 5_000).await?);

    assert_eq!(outcomes, vec![Outcome::Confirmed; 5_000]);
    let mut sent = ids(&batches.concat());
    sent.sort_unstable();
    received.sort_unstable();
    assert_eq!(received, sent);
    bench.end(&[&transport], &[&orders]).await
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_and_its_neighbours_are_confirmed() -> Result<()> {
    let bench = Bench::new().await?;
    let transport = bench.transport().await?;
    let orders = Subscription::durable("payments.orders", &["order_created"]);
    transport.declare(&orders).await?;
    let mut batch = envelopes("order_created", 50);
    batch[20] = too_large("order_created");

    let outcomes = transport.publish(&batch).await;

    let (refused, others) = (&outcomes[20], [&outcomes[..20], &outcomes[21..]].concat());
    assert!(matches!(refused, Outcome::Refused { .. }), "{refused:?}");
    assert_eq!(others, vec![Outcome::Confirmed; 49]);
    bench.end(&[&transport], &[&orders]).await
}

#[tokio::test]
async fn culprits_that_fly_beside_others_are_found_and_only_they_are_refused() -> Result<()> {
    let bench = Bench::new().await?;
    let config = AmqpConfig {
        alone_bytes: usize::MAX,
        publish_timeout: Duration::from_secs(60),
        ..bench.config()
    };
    let transport = AmqpTransport::connect(config).await?;
    let orders = Subscription::durable("payments.orders", &["order_created"]);
    transport.declare(&orders).await?;
    let mut batch = envelopes("order_created", 200);
    batch[0] = too_large("order_created");
    batch[150] = too_large("order_created");

    let outcomes = transport.publish(&batch).await;

    for (index, outcome) in outcomes.iter().enumerate() {
        match index {
            0 | 150 => assert!(matches!(outcome, Outcome::Refused { .. }), "{outcome:?}"),
            _ => assert_eq!(*outcome, Outcome::Confirmed, "message {index}"),
        }
    }
    bench.end(&[&transport], &[&orders]).await
}

#[tokio::test]
async fn what_amqp_cannot_carry_is_refused_without_harm_to_its_neighbours() -> Result<()> {
    let bench = Bench::new().await?;
    let transport = bench.transport().await?;
    let orders = Subscription::durable("payments.orders", &["order_created"]);
    transport.declare(&orders).await?;
    let batch = [
        envelope("order_created"),
        envelope(&"x".repeat(256)),
        Envelope {
            tracestate: Some("x".repeat(200_000)),
            ..envelope("order_created")
        },
    ];

    let outcomes = transport.publish(&batch).await;

    assert_eq!(outcomes[0], Outcome::Confirmed);
    assert!(matches!(outcomes[1], Outcome::Refused { .. }));
    assert!(matches!(outcomes[2], Outcome::Refused { .. }));
    bench.end(&[&transport], &[&orders]).await
}

#[tokio::test]
async fn a_broadcast_to_no_one_is_done_but_a_durable_type_is_kept() -> Result<()> {
    let bench = Bench::new().await?;
    let transport = bench.transport().await?;
    let told = Subscription::broadcast("orders.push", &["order_status_changed"]);
    transport.declare(&told).await?;

    let outcomes = transport
        .publish(&[envelope("order_status_changed"), envelope("order_created")])
        .await;

    assert_eq!(outcomes[0], Outcome::Confirmed);
    assert!(matches!(outcomes[1], Outcome::Returned { .. }));
    bench.end(&[&transport], &[]).await
}

#[tokio::test]
async fn a_deleted_exchange_comes_back() -> Result<()> {
    let bench = Bench::new().await?;
    let transport = bench.transport().await?;
    bench
        .channel
        .exchange_delete(
            format!("{}gozon.events", bench.prefix).into(),
            lapin::options::ExchangeDeleteOptions::default(),
        )
        .await?;

    let first = transport.publish(&envelopes("order_created", 3)).await;
    let second = transport.publish(&envelopes("order_created", 3)).await;

    for outcome in &first {
        assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
    }
    for outcome in &second {
        assert!(matches!(outcome, Outcome::Returned { .. }), "{outcome:?}");
    }
    bench.end(&[&transport], &[]).await
}

#[tokio::test]
async fn a_binding_that_someone_removed_makes_messages_return_until_it_is_declared_again()
-> Result<()> {
    let bench = Bench::new().await?;
    let transport = bench.transport().await?;
    let orders = Subscription::durable("payments.orders", &["order_created"]);
    transport.declare(&orders).await?;
    let message = [envelope("order_created")];
    assert_eq!(transport.publish(&message).await, [Outcome::Confirmed]);

    bench
        .channel
        .queue_unbind(
            bench.queue(&orders).into(),
            format!("{}gozon.events", bench.prefix).into(),
            "order_created".into(),
            lapin::types::FieldTable::default(),
        )
        .await?;
    let without = transport.publish(&message).await;
    transport.declare(&orders).await?;
    let with = transport.publish(&message).await;

    assert!(
        matches!(without[..], [Outcome::Returned { .. }]),
        "{without:?}"
    );
    assert_eq!(with, [Outcome::Confirmed]);
    bench.end(&[&transport], &[&orders]).await
}

#[tokio::test]
async fn a_broker_that_blocks_is_answered_at_once_and_used_again_later() -> Result<()> {
    let bench = Bench::new().await?;
    let proxy = Proxy::before(&bench.url).await?;
    let config = AmqpConfig::new(proxy.url()?).with_prefix(&bench.prefix);
    let transport = AmqpTransport::connect(config).await?;
    let orders = Subscription::durable("payments.orders", &["order_created"]);
    transport.declare(&orders).await?;

    proxy.block();
    eventually(BOUND, "publishing is blocked", async || {
        let started = Instant::now();
        let outcomes = transport.publish(&envelopes("order_created", 5)).await;
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
    proxy.unblock();
    eventually(BOUND, "publishing works again", async || {
        let outcomes = transport.publish(&envelopes("order_created", 5)).await;
        ensure!(outcomes == vec![Outcome::Confirmed; 5], "{outcomes:?}");
        Ok(())
    })
    .await?;
    bench.end(&[&transport], &[&orders]).await
}

#[tokio::test]
async fn a_blocked_connection_does_not_hold_up_the_end() -> Result<()> {
    let bench = Bench::new().await?;
    let proxy = Proxy::before(&bench.url).await?;
    let config = AmqpConfig::new(proxy.url()?).with_prefix(&bench.prefix);
    let limit = config.close_timeout;
    let transport = AmqpTransport::connect(config).await?;
    proxy.block();
    eventually(BOUND, "publishing is blocked", async || {
        let outcomes = transport.publish(&[envelope("a")]).await;
        ensure!(
            matches!(outcomes[..], [Outcome::Nacked { .. }]),
            "{outcomes:?}"
        );
        Ok(())
    })
    .await?;

    let started = Instant::now();
    transport.close().await;

    assert!(started.elapsed() < limit, "{:?}", started.elapsed());
    bench.end(&[], &[]).await
}

#[tokio::test]
async fn a_silent_broker_makes_outcomes_unknown_in_time() -> Result<()> {
    let bench = Bench::new().await?;
    let proxy = Proxy::before(&bench.url).await?;
    let config = AmqpConfig {
        publish_timeout: Duration::from_millis(500),
        publish_wait: Duration::from_millis(500),
        heartbeat: Duration::from_secs(1),
        ..AmqpConfig::new(proxy.url()?).with_prefix(&bench.prefix)
    };
    let transport = AmqpTransport::connect(config).await?;
    let orders = Subscription::durable("payments.orders", &["order_created"]);
    transport.declare(&orders).await?;

    proxy.silence();
    let started = Instant::now();
    let outcomes = transport.publish(&envelopes("order_created", 20)).await;
    let took = started.elapsed();

    assert!(took < Duration::from_secs(3), "{took:?}");
    for outcome in &outcomes {
        assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
    }
    eventually(BOUND, "the dead link is noticed", async || {
        ensure!(!transport.is_connected(), "still thought to be connected");
        Ok(())
    })
    .await?;
    proxy.cut();
    proxy.speak_again();
    eventually(BOUND, "publishing works again", async || {
        let outcomes = transport.publish(&envelopes("order_created", 5)).await;
        ensure!(outcomes == vec![Outcome::Confirmed; 5], "{outcomes:?}");
        Ok(())
    })
    .await?;
    bench.end(&[&transport], &[&orders]).await
}

#[tokio::test]
async fn a_closed_transport_publishes_nothing() -> Result<()> {
    let bench = Bench::new().await?;
    let transport = bench.transport().await?;
    transport.close().await;

    let outcomes = transport.publish(&[envelope("a")]).await;

    assert!(matches!(outcomes[..], [Outcome::Unknown { .. }]));
    assert!(!transport.is_connected());
    bench.end(&[&transport], &[]).await
}
