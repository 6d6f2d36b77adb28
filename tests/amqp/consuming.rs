//! Who gets which message, and when it comes again.

use std::collections::HashSet;

use anyhow::{Result, ensure};
use futures_util::future::{try_join, try_join_all};
use gozon_core::{
    Delivery, ErrorClass, Outcome, Publisher, Received, Subscriber, Subscription, TransportError,
};
use gozon_tests::eventually;
use lapin::ExchangeKind;
use lapin::options::{ExchangeDeclareOptions, QueueDeclareOptions};
use lapin::types::FieldTable;

use crate::bench::{
    BOUND, Bench, acked, batch, envelope, envelopes, heard, ids, message, one, resumed, subscribed,
};

#[tokio::test]
async fn instances_of_a_durable_subscription_share_the_messages() -> Result<()> {
    let bench = Bench::new().await?;
    let (one, other) = (bench.transport().await?, bench.transport().await?);
    let orders = Subscription::durable("payments.orders", &["order_created"]).with_prefetch(5);
    let mut first = subscribed(&one, &orders).await?;
    let mut second = subscribed(&other, &orders).await?;
    let sent = envelopes("order_created", 10);

    one.publish(&sent).await;
    // Unacknowledged, so that neither may have more than five.
    let mut unsettled = Vec::new();
    while unsettled.len() < 5 {
        unsettled.extend(batch(&mut first, 10).await?);
    }
    let by_second = acked(&mut second, 5).await?;

    assert_eq!(unsettled.len(), 5);
    let mut all: HashSet<_> = ids(&by_second).into_iter().collect();
    for delivery in unsettled {
        all.insert(message(&delivery)?.id);
        delivery.ack().await?;
    }
    assert_eq!(all, ids(&sent).into_iter().collect());
    bench.end(&[&one, &other], &[&orders]).await
}

#[tokio::test]
async fn a_broadcast_reaches_every_live_instance() -> Result<()> {
    let bench = Bench::new().await?;
    let (one, other) = (bench.transport().await?, bench.transport().await?);
    let push = Subscription::broadcast("orders.push", &["order_status_changed"]);
    let mut first = subscribed(&one, &push).await?;
    let mut second = subscribed(&other, &push).await?;
    let sent = envelopes("order_status_changed", 3);

    let outcomes = one.publish(&sent).await;

    assert_eq!(outcomes, vec![Outcome::Confirmed; 3]);
    assert_eq!(ids(&acked(&mut first, 3).await?), ids(&sent));
    assert_eq!(ids(&acked(&mut second, 3).await?), ids(&sent));
    bench.end(&[&one, &other], &[]).await
}

#[tokio::test]
async fn a_durable_queue_keeps_messages_for_whoever_comes_later() -> Result<()> {
    let bench = Bench::new().await?;
    let transport = bench.transport().await?;
    let orders = Subscription::durable("payments.orders", &["order_created"]);
    transport.declare(&orders).await?;
    let sent = envelopes("order_created", 3);

    transport.publish(&sent).await;
    transport.close().await;
    let later = bench.transport().await?;
    let mut deliveries = subscribed(&later, &orders).await?;

    assert_eq!(ids(&acked(&mut deliveries, 3).await?), ids(&sent));
    bench.end(&[&later], &[&orders]).await
}

#[tokio::test]
async fn a_requeued_message_comes_again_and_says_so() -> Result<()> {
    let bench = Bench::new().await?;
    let transport = bench.transport().await?;
    let orders = Subscription::durable("payments.orders", &["order_created"]);
    let mut deliveries = subscribed(&transport, &orders).await?;
    let sent = envelope("order_created");
    transport.publish(std::slice::from_ref(&sent)).await;

    // More often than the default delivery limit of RabbitMQ 4.0 allows.
    for round in 0..30 {
        let delivery = one(&mut deliveries).await?;
        assert_eq!(message(&delivery)?.id, sent.id);
        assert_eq!(delivery.redelivered, round > 0);
        delivery.into_parts().2.requeue().await?;
    }

    assert_eq!(ids(&acked(&mut deliveries, 1).await?), [sent.id]);
    bench.end(&[&transport], &[&orders]).await
}

#[tokio::test]
async fn dropping_the_stream_gives_back_what_is_unsettled() -> Result<()> {
    let bench = Bench::new().await?;
    let transport = bench.transport().await?;
    let orders = Subscription::durable("payments.orders", &["order_created"]);
    let mut first = subscribed(&transport, &orders).await?;
    let sent = envelopes("order_created", 4);
    transport.publish(&sent).await;

    let held = one(&mut first).await?;
    drop(first);
    let mut second = subscribed(&transport, &orders).await?;
    let mut again = ids(&acked(&mut second, 4).await?);

    again.sort_unstable();
    let mut expected = ids(&sent);
    expected.sort_unstable();
    assert_eq!(again, expected);
    // Its stream is gone, and with it the right to settle it.
    held.ack().await.unwrap_err();
    bench.end(&[&transport], &[&orders]).await
}

#[tokio::test]
async fn a_dropped_receive_loses_nothing() -> Result<()> {
    let bench = Bench::new().await?;
    let transport = bench.transport().await?;
    let orders = Subscription::durable("payments.orders", &["order_created"]);
    let mut deliveries = subscribed(&transport, &orders).await?;
    let sent = envelopes("order_created", 50);

    // A receive that is pending when the yield is over is dropped; one that had
    // something at once is not, and what it had counts.
    let (outcomes, early) = tokio::join!(transport.publish(&sent), async {
        let mut early = Vec::new();
        for _ in 0..200 {
            tokio::select! {
                biased;
                () = tokio::task::yield_now() => {}
                received = deliveries.receive(1) => match received {
                    Received::Batch(batch) => early.extend(batch),
                    other => panic!("heard {other:?}"),
                },
            }
        }
        early
    });
    let mut found = Vec::new();
    for delivery in early {
        found.push(message(&delivery)?);
        delivery.ack().await?;
    }
    found.extend(acked(&mut deliveries, 50 - found.len()).await?);

    assert_eq!(outcomes, vec![Outcome::Confirmed; 50]);
    assert_eq!(ids(&found), ids(&sent));
    bench.end(&[&transport], &[&orders]).await
}

#[tokio::test]
async fn a_queue_deleted_under_its_consumer_is_declared_again() -> Result<()> {
    let bench = Bench::new().await?;
    let transport = bench.transport().await?;
    let orders = Subscription::durable("payments.orders", &["order_created"]);
    let mut deliveries = subscribed(&transport, &orders).await?;
    let sent = envelope("order_created");

    bench.delete_queue(&orders).await?;
    resumed(&mut deliveries).await?;
    let outcomes = transport.publish(std::slice::from_ref(&sent)).await;

    assert_eq!(outcomes, [Outcome::Confirmed]);
    assert_eq!(ids(&acked(&mut deliveries, 1).await?), [sent.id]);
    bench.end(&[&transport], &[&orders]).await
}

#[tokio::test]
async fn a_queue_of_another_kind_is_a_mismatch_and_harms_no_one() -> Result<()> {
    let bench = Bench::new().await?;
    let transport = bench.transport().await?;
    let orders = Subscription::durable("payments.orders", &["order_created"]);
    bench
        .channel
        .queue_declare(
            bench.queue(&orders).into(),
            QueueDeclareOptions::durable(),
            FieldTable::default(),
        )
        .await?;

    let declared = transport.declare(&orders).await.unwrap_err();
    let subscribed = transport.subscribe(&orders).await.err();

    assert!(
        matches!(declared, TransportError::Mismatch { .. }),
        "{declared}"
    );
    assert_eq!(declared.class(), ErrorClass::Reject);
    assert!(matches!(subscribed, Some(TransportError::Mismatch { .. })));
    assert!(transport.is_connected());
    bench.end(&[&transport], &[&orders]).await
}

#[tokio::test]
async fn an_exchange_of_another_kind_is_a_mismatch_at_the_start() -> Result<()> {
    let bench = Bench::new().await?;
    bench
        .channel
        .exchange_declare(
            format!("{}gozon.events", bench.prefix).into(),
            ExchangeKind::Fanout,
            ExchangeDeclareOptions {
                durable: true,
                ..ExchangeDeclareOptions::default()
            },
            FieldTable::default(),
        )
        .await?;
    let config = gozon_transport_amqp::AmqpConfig {
        connect_timeout: std::time::Duration::from_secs(2),
        ..bench.config()
    };

    let error = gozon_transport_amqp::AmqpTransport::connect(config)
        .await
        .err();

    assert!(
        matches!(error, Some(TransportError::Mismatch { .. })),
        "{error:?}"
    );
    bench.end(&[], &[]).await
}

#[tokio::test]
async fn closing_ends_every_subscription() -> Result<()> {
    let bench = Bench::new().await?;
    let transport = bench.transport().await?;
    let orders = Subscription::durable("payments.orders", &["order_created"]);
    let mut deliveries = subscribed(&transport, &orders).await?;

    transport.close().await;

    assert!(matches!(heard(&mut deliveries, 1).await?, Received::Closed));
    assert!(matches!(heard(&mut deliveries, 1).await?, Received::Closed));
    assert!(matches!(
        transport.subscribe(&orders).await.err(),
        Some(TransportError::Closed)
    ));
    bench.end(&[], &[&orders]).await
}

#[tokio::test]
async fn a_broadcast_queue_goes_with_its_instance() -> Result<()> {
    let bench = Bench::new().await?;
    let (publisher, instance) = (bench.transport().await?, bench.transport().await?);
    let push = Subscription::broadcast("orders.push", &["order_status_changed"]);
    let deliveries = subscribed(&instance, &push).await?;
    assert_eq!(
        publisher.publish(&[envelope("order_status_changed")]).await,
        [Outcome::Confirmed]
    );

    drop(deliveries);

    // This publisher was not told that the type is broadcast, so it sees the
    // return that shows that the queue is gone.
    eventually(BOUND, "the queue is gone", async || {
        let outcomes = publisher.publish(&[envelope("order_status_changed")]).await;
        ensure!(
            matches!(outcomes[..], [Outcome::Returned { .. }]),
            "{outcomes:?}"
        );
        Ok(())
    })
    .await?;
    bench.end(&[&publisher, &instance], &[]).await
}

/// Acknowledgements that are given at the same time are written together, as few
/// frames; none of them may speak for a delivery that was not acknowledged.
#[tokio::test]
async fn what_is_acknowledged_together_speaks_for_nothing_else() -> Result<()> {
    let bench = Bench::new().await?;
    let transport = bench.transport().await?;
    let orders = Subscription::durable("payments.orders", &["order_created"]).with_prefetch(200);
    let mut stream = subscribed(&transport, &orders).await?;
    let sent = envelopes("order_created", 200);
    transport.publish(&sent).await;
    let mut held = Vec::new();
    while held.len() < sent.len() {
        held.extend(batch(&mut stream, 200).await?);
    }

    // Rounds that overlap, with gaps: every seventh stays as it is, from the first on.
    let (kept, acknowledged): (Vec<_>, Vec<_>) = held
        .into_iter()
        .enumerate()
        .partition(|(place, _)| place % 7 == 6);
    let left: Vec<_> = kept.iter().map(|(_, delivery)| delivery).collect();
    let left = left.into_iter().map(message).collect::<Result<Vec<_>>>()?;
    let left: HashSet<_> = left.iter().map(|message| message.id).collect();
    let (some, others): (Vec<_>, Vec<_>) = acknowledged
        .into_iter()
        .partition(|(place, _)| place % 3 == 0);
    let ack = async |(_, delivery): (usize, Delivery)| delivery.ack().await;
    try_join(
        try_join_all(some.into_iter().map(ack)),
        try_join_all(others.into_iter().map(ack)),
    )
    .await?;
    drop((stream, kept));

    let mut stream = subscribed(&transport, &orders).await?;
    let again = acked(&mut stream, left.len()).await?;
    ensure!(ids(&again).into_iter().collect::<HashSet<_>>() == left);
    let last = envelopes("order_created", 1);
    transport.publish(&last).await;
    ensure!(ids(&acked(&mut stream, 1).await?) == ids(&last));
    bench.end(&[&transport], &[&orders]).await
}
