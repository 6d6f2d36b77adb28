//! Services that are many, slow, away, or too busy.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gozon_gateway::Resolver;

use super::USER;
use crate::support::{self, RawClient, Running, Service, config, dead_addr, send};

struct Both(u16);

#[async_trait]
impl Resolver for Both {
    async fn resolve(&self, _: &str, _: u16) -> std::io::Result<Vec<SocketAddr>> {
        Ok(vec![
            ([127, 0, 0, 1], self.0).into(),
            ([127, 0, 0, 2], self.0).into(),
        ])
    }
}

#[tokio::test]
async fn requests_are_spread_over_all_instances_and_a_dead_one_costs_no_answer() {
    let one = Service::at(support::free(), "one").await;
    let two = Service::at(([127, 0, 0, 2], one.addr.port()).into(), "two").await;
    let mut config = config(one.addr, one.addr);
    config.orders_url = "http://orders:8001".parse().unwrap();
    let gateway = Running::start_with(config, Arc::new(Both(one.addr.port()))).await;

    for _ in 0..10 {
        let answer = send(gateway.api, "GET /orders", &[USER], "").await;
        assert_eq!(answer.echoed("host"), ["orders:8001"]);
    }
    assert_eq!((one.seen(), two.seen()), (5, 5));

    drop(two);
    for _ in 0..20 {
        let answer = send(
            gateway.api,
            "POST /orders",
            &[USER, "Idempotency-Key: k"],
            "{}",
        )
        .await;
        assert_eq!(answer.json()["service"], "one");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn a_service_that_is_not_there_is_503_and_one_that_is_silent_504() {
    let service = Service::start().await;
    let mut config = config(service.addr, dead_addr().await);
    config.limits.response_timeout = Duration::from_millis(200);
    let gateway = Running::start(config).await;

    let away = send(gateway.api, "POST /accounts", &[USER], "{}").await;
    away.assert_problem(503, "unavailable");
    assert_eq!(away.header("retry-after"), Some("1"));

    send(gateway.api, "GET /orders/never", &[USER], "")
        .await
        .assert_problem(504, "gateway_timeout");
    gateway.stop().await;
}

#[tokio::test]
async fn a_service_that_breaks_off_is_502_and_only_harmless_requests_are_repeated() {
    let breaking = support::Breaking::start().await;
    let gateway = Running::start(config(breaking.addr, breaking.addr)).await;

    send(gateway.api, "POST /orders", &[USER], "{}")
        .await
        .assert_problem(502, "bad_gateway");
    assert_eq!(breaking.requests(), 1, "a POST was repeated");

    send(gateway.api, "GET /orders", &[USER], "")
        .await
        .assert_problem(502, "bad_gateway");
    assert_eq!(breaking.requests(), 3, "a GET was not repeated once");

    let key = "Idempotency-Key: k";
    send(gateway.api, "POST /orders", &[USER, key], "{}")
        .await
        .assert_problem(502, "bad_gateway");
    assert_eq!(
        breaking.requests(),
        5,
        "a POST with a key was not repeated once"
    );
    gateway.stop().await;
}

#[tokio::test]
async fn a_service_may_close_idle_connections_without_an_error_for_anyone() {
    let closing = support::Closing::start().await;
    let gateway = Running::start(config(closing.addr, closing.addr)).await;

    for _ in 0..20 {
        let answer = send(gateway.api, "POST /orders", &[USER], "{}").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        closing.all_closed().await;
    }
    gateway.stop().await;
}

#[tokio::test]
async fn too_many_requests_at_once_are_503_with_a_time_to_come_back() {
    let service = Service::start().await;
    let mut config = config(service.addr, service.addr);
    config.limits.max_in_flight = 1;
    config.limits.max_queued = 0;
    let gateway = Running::start(config).await;

    let mut first = RawClient::connect(gateway.api).await;
    first
        .write("GET /orders/never HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    service.waiting(1).await;

    let refused = send(gateway.api, "GET /orders", &[USER], "").await;
    refused.assert_problem(503, "unavailable");
    assert_eq!(refused.header("retry-after"), Some("1"));
    let other = send(gateway.api, "GET /accounts", &[USER], "").await;
    assert_eq!(other.status, 200, "the other service has places of its own");

    drop(first);
    support::until(async || send(gateway.api, "GET /orders", &[USER], "").await.status == 200)
        .await;
    gateway.stop().await;
}

#[tokio::test]
async fn the_gateway_is_ready_once_both_services_are() {
    let service = Service::start().await;
    let half = Running::start(config(service.addr, dead_addr().await)).await;
    let whole = Running::before(&service).await;

    send(half.api, "GET /readyz", &[], "")
        .await
        .assert_problem(503, "not_ready");
    assert_eq!(send(half.api, "GET /livez", &[], "").await.status, 200);
    assert_eq!(send(whole.api, "GET /readyz", &[], "").await.status, 200);
    half.stop().await;
    whole.stop().await;
}
