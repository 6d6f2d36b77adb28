use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gozon_tests::eventually;
use gozon_tests::shop::{Mode, Plan, Service, Shop};
use serde_json::{Value, json};
use uuid::Uuid;

const BOUND: Duration = Duration::from_secs(30);

pub(crate) async fn one_trace_leads_through_the_whole_shop(mode: Mode) -> Result<()> {
    let mut shop = Plan::new(mode)
        .env("GOZON_LOG_FORMAT", "json")
        .start()
        .await?;
    let anna = shop.customer(1_000).await?;
    let trace = Uuid::new_v4().simple().to_string();
    let traced = anna
        .client
        .with_header("traceparent", &format!("00-{trace}-00f067aa0ba902b7-01"));

    let order = json!({"amount": 100, "description": "a secret gift"});
    let accepted = traced.post("/orders", &order).await?.having(201)?;
    let order: Uuid = accepted.json()?["id"].as_str().context("no id")?.parse()?;
    anna.expect(order, "FINISHED").await?;

    ensure!(accepted.header("x-request-id") == Some(trace.as_str()));
    let order = order.to_string();
    let in_span = |field, value| move |line: &Line| line.span[field] == value;
    for (service, what, wanted) in [
        (
            Service::Gateway,
            "the gateway's request",
            Box::new(in_span("service", "gateway")) as Box<dyn Fn(&Line) -> bool>,
        ),
        (
            Service::Orders,
            "the request at orders",
            Box::new(in_span("service", "orders")),
        ),
        (
            Service::Payments,
            "the decision of payments",
            Box::new(|line| {
                line.span["consumer"] == "payments.orders" && line.event["order.id"] == order
            }),
        ),
        (
            Service::Orders,
            "the settlement by orders",
            Box::new(|line| {
                line.span["consumer"] == "orders.payments" && line.event["order.id"] == order
            }),
        ),
    ] {
        found(&mut shop, service, &trace, what, wanted.as_ref()).await?;
    }
    for service in [Service::Gateway, Service::Orders, Service::Payments] {
        let log = shop.process(service, 0)?.log()?;
        ensure!(
            !log.contains("a secret gift"),
            "a payload was logged: {log}"
        );
    }
    Ok(())
}

/// A log line of a trace: the event, and the span with the trace's id.
struct Line {
    event: Value,
    span: Value,
}

async fn found(
    shop: &mut Shop,
    service: Service,
    trace: &str,
    what: &str,
    wanted: &dyn Fn(&Line) -> bool,
) -> Result<()> {
    let process = &*shop.process(service, 0)?;
    eventually(BOUND, what, async || {
        let log = process.log()?;
        let lines = log.lines().filter_map(|line| line_of(trace, line));
        ensure!(lines.into_iter().any(|line| wanted(&line)), "not in {log}");
        Ok(())
    })
    .await
}

fn line_of(trace: &str, line: &str) -> Option<Line> {
    // The embedded shop's greeting is no JSON; everything else must be.
    let event: Value = serde_json::from_str(line).ok()?;
    let span = event["spans"].as_array()?.iter();
    let span = span.rev().find(|span| span["trace_id"] == trace)?.clone();
    Some(Line { event, span })
}
