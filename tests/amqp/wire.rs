//! The message between languages: CloudEvents on AMQP 0-9-1.

use anyhow::{Context, Result};
use bytes::Bytes;
use gozon_core::{Envelope, Outcome, Publisher, Subscriber, Subscription};
use lapin::options::BasicGetOptions;
use lapin::types::AMQPValue;

use crate::bench::{Bench, acked, envelope, malformed, message, one, subscribed};

/// Computed by an independent implementation.
const SLOT_OF_42: &str = "gozon-slot-44";

fn complete() -> Envelope {
    Envelope {
        subject: Some("заказ 42".to_owned()),
        schema: Some("urn:event:order_created:1".to_owned()),
        key: Some("42".to_owned()),
        correlation_id: Some("0190-c".to_owned()),
        causation_id: Some("0190-d".to_owned()),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
        tracestate: Some("vendor=1".to_owned()),
        published_at: None,
        received_at: None,
        data: Bytes::from_static(b"{\"amount\":100}"),
        ..envelope("order_created")
    }
}

#[tokio::test]
async fn every_attribute_arrives_as_it_was_sent() -> Result<()> {
    let bench = Bench::new().await?;
    let transport = bench.transport().await?;
    let orders = Subscription::durable("payments.orders", &["order_created"]);
    let mut deliveries = subscribed(&transport, &orders).await?;
    let sent = complete();

    let outcomes = transport.publish(std::slice::from_ref(&sent)).await;
    let received = acked(&mut deliveries, 1).await?;

    assert_eq!(outcomes, [Outcome::Confirmed]);
    assert_eq!(received, [sent]);
    bench.end(&[&transport], &[&orders]).await
}

#[tokio::test]
async fn any_language_finds_the_attributes_in_properties_and_headers() -> Result<()> {
    let bench = Bench::new().await?;
    let transport = bench.transport().await?;
    let orders = Subscription::durable("payments.orders", &["order_created"]);
    transport.declare(&orders).await?;
    let sent = complete();

    transport.publish(std::slice::from_ref(&sent)).await;
    let got = bench
        .channel
        .basic_get(
            bench.queue(&orders).into(),
            BasicGetOptions { no_ack: true },
        )
        .await?
        .context("the queue is empty")?;

    let properties = &got.delivery.properties;
    let text = |value: &Option<lapin::types::ShortString>| {
        value.as_ref().map(|text| text.as_str().to_owned())
    };
    assert_eq!(text(properties.message_id()), Some(sent.id.to_string()));
    assert_eq!(
        text(properties.content_type()).as_deref(),
        Some("application/json")
    );
    assert_eq!(text(properties.kind()).as_deref(), Some("order_created"));
    assert_eq!(*properties.delivery_mode(), Some(2));
    assert_eq!(
        *properties.timestamp(),
        Some(u64::try_from(sent.time.unix_timestamp())?)
    );
    let headers = properties.headers().as_ref().context("no headers")?;
    for (name, value) in [
        ("cloudEvents_specversion", "1.0"),
        ("cloudEvents_type", "order_created"),
        ("cloudEvents_source", "/gozon/tests"),
        ("cloudEvents_subject", "заказ 42"),
        ("cloudEvents_partitionkey", "42"),
    ] {
        let expected = AMQPValue::LongString(value.into());
        assert_eq!(headers.inner().get(name), Some(&expected), "{name}");
    }
    assert_eq!(
        headers.inner().get(SLOT_OF_42),
        Some(&AMQPValue::Boolean(true))
    );
    assert_eq!(got.delivery.data, sent.data);
    bench.end(&[&transport], &[&orders]).await
}

#[tokio::test]
async fn a_foreign_producer_with_http_style_headers_is_understood() -> Result<()> {
    let bench = Bench::new().await?;
    let transport = bench.transport().await?;
    let orders = Subscription::durable("payments.orders", &["order_created"]);
    let mut deliveries = subscribed(&transport, &orders).await?;

    let headers = [
        ("ce-specversion", "1.0"),
        ("ce-id", "A234-1234-1234"),
        ("ce-source", "/elsewhere"),
        ("ce-type", "order_created"),
        ("ce-time", "2026-11-20T12:00:00+03:00"),
        ("ce-subject", "42"),
    ];
    bench
        .publish_foreign("order_created", &headers, b"{\"a\":1}")
        .await?;
    let received = acked(&mut deliveries, 1).await?.remove(0);

    assert_eq!(received.source, "/elsewhere");
    assert_eq!(received.subject.as_deref(), Some("42"));
    assert_eq!(received.time.unix_timestamp(), 1_795_165_200);
    assert_eq!(received.data, "{\"a\":1}");
    bench.end(&[&transport], &[&orders]).await
}

#[tokio::test]
async fn what_is_no_event_arrives_as_malformed_with_the_same_id_each_time() -> Result<()> {
    let bench = Bench::new().await?;
    let transport = bench.transport().await?;
    let orders = Subscription::durable("payments.orders", &["order_created"]);
    let mut deliveries = subscribed(&transport, &orders).await?;

    bench
        .publish_foreign("order_created", &[("who", "knows")], b"\xff\x00junk")
        .await?;
    let first = one(&mut deliveries).await?;
    let before = malformed(&first)?;
    first.into_parts().2.requeue().await?;
    let again = one(&mut deliveries).await?;
    let after = malformed(&again)?;

    assert_eq!(before.id, after.id);
    assert!(again.redelivered);
    assert_eq!(after.data, &b"\xff\x00junk"[..]);
    assert!(after.headers.contains("knows"), "{}", after.headers);
    again.ack().await?;
    bench.end(&[&transport], &[&orders]).await
}

#[tokio::test]
async fn another_version_of_the_envelope_is_malformed_and_its_neighbours_are_not() -> Result<()> {
    let bench = Bench::new().await?;
    let transport = bench.transport().await?;
    let orders = Subscription::durable("payments.orders", &["order_created"]);
    let mut deliveries = subscribed(&transport, &orders).await?;
    let neighbour = envelope("order_created");

    let headers = [
        ("cloudEvents:specversion", "7.0"),
        ("cloudEvents:id", "1"),
        ("cloudEvents:source", "/elsewhere"),
        ("cloudEvents:type", "order_created"),
    ];
    bench
        .publish_foreign("order_created", &headers, b"{}")
        .await?;
    transport.publish(std::slice::from_ref(&neighbour)).await;
    let first = one(&mut deliveries).await?;
    let second = one(&mut deliveries).await?;

    assert!(malformed(&first)?.reason.contains("7.0"));
    assert_eq!(message(&second)?, neighbour);
    first.ack().await?;
    second.ack().await?;
    bench.end(&[&transport], &[&orders]).await
}
