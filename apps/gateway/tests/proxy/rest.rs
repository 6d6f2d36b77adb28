//! REST through the gateway.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gozon_gateway::Resolver;
use serde_json::json;

use crate::support::{self, RawClient, Running, Service, config, dead_addr, send};

const USER: &str = "X-User-Id: alice";

#[tokio::test]
async fn a_request_passes_with_its_method_target_headers_and_body() {
    let service = Service::start().await;
    let gateway = Running::before(&service).await;

    let headers = [
        USER,
        "Idempotency-Key: k1",
        "Content-Type: application/json",
    ];
    let answer = send(
        gateway.api,
        "POST /orders/a%20b?limit=5&limit=6",
        &headers,
        r#"{"amount":1}"#,
    )
    .await;

    assert_eq!(answer.status, 200);
    let echo = answer.json();
    assert_eq!(echo["method"], "POST");
    assert_eq!(echo["target"], "/orders/a%20b?limit=5&limit=6");
    assert_eq!(echo["body"], r#"{"amount":1}"#);
    assert_eq!(answer.echoed("x-user-id"), ["alice"]);
    assert_eq!(answer.echoed("idempotency-key"), ["k1"]);
    assert_eq!(answer.echoed("content-length"), ["12"]);
    assert_eq!(answer.echoed("host"), [service.addr.to_string()]);
    gateway.stop().await;
}

#[tokio::test]
async fn each_path_has_its_service_and_the_page_serves_the_same() {
    let orders = Service::at(support::free(), "orders").await;
    let payments = Service::at(support::free(), "payments").await;
    let gateway = Running::start(config(orders.addr, payments.addr)).await;

    for addr in [gateway.api, gateway.page] {
        for (path, service) in [
            ("/orders", "orders"),
            ("/orders/", "orders"),
            ("/orders/1/2", "orders"),
            ("/accounts", "payments"),
            ("/accounts/balance", "payments"),
        ] {
            let answer = send(addr, &format!("GET {path}"), &[USER], "").await;
            assert_eq!(answer.json()["service"], service, "{path}");
        }
        for path in [
            "/internal",
            "/ordersx",
            "//orders",
            "/orders%2f",
            "/x/orders",
        ] {
            send(addr, &format!("GET {path}"), &[USER], "")
                .await
                .assert_problem(404, "not_found");
        }
        send(addr, "POST /docs/", &[], "")
            .await
            .assert_problem(405, "method_not_allowed");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn only_the_extractor_decides_who_the_user_is() {
    let service = Service::start().await;
    let gateway = Running::before(&service).await;
    let seen = async |headers: &[&str]| send(gateway.api, "GET /orders", headers, "").await;

    for alike in [
        "X_User_Id: mallory",
        "x_user-id: mallory",
        "X-USER_ID: mallory",
        "x.user.id: mallory",
    ] {
        let answer = seen(&[alike, USER]).await;
        assert_eq!(answer.echoed("x-user-id"), ["alice"]);
        assert!(!answer.text().contains("mallory"), "{}", answer.text());
        assert!(!seen(&[alike]).await.text().contains("mallory"), "{alike}");
    }
    for connection in [
        "Connection: X-User-Id",
        "Connection: close, x-user-id",
        "Connection: X_User_Id",
    ] {
        assert_eq!(
            seen(&[connection, USER]).await.echoed("x-user-id"),
            ["alice"],
            "{connection}"
        );
    }
    seen(&[USER, "X-User-Id: mallory"])
        .await
        .assert_problem(400, "malformed_header");
    seen(&[USER, USER])
        .await
        .assert_problem(400, "malformed_header");
    seen(&["X-User-Id: a b"])
        .await
        .assert_problem(400, "malformed_header");
    seen(&["X-User-Id:"])
        .await
        .assert_problem(400, "malformed_header");
    assert!(seen(&[]).await.echoed("x-user-id").is_empty());
    gateway.stop().await;
}

#[tokio::test]
async fn hop_by_hop_headers_end_at_the_gateway_in_both_directions() {
    let service = Service::start().await;
    let gateway = Running::before(&service).await;

    let request = [
        USER,
        "Connection: keep-alive, X-Hop",
        "X-Hop: 1",
        "Keep-Alive: timeout=9",
        "TE: trailers",
        "Trailer: X-Sum",
        "Upgrade: h2c",
        "Proxy-Connection: keep-alive",
        "Proxy-Authorization: Basic eDp5",
        "X-End: kept",
    ];
    let answer = send(gateway.api, "GET /orders", &request, "").await;
    for gone in [
        "connection",
        "x-hop",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "proxy-connection",
        "proxy-authorization",
    ] {
        assert!(answer.echoed(gone).is_empty(), "{gone}");
    }
    assert_eq!(answer.echoed("x-end"), ["kept"]);

    let answer = send(gateway.api, "GET /orders/hop", &[USER], "").await;
    for gone in ["x-private", "keep-alive", "proxy-authenticate"] {
        assert_eq!(answer.header(gone), None, "{gone}");
    }
    assert_eq!(answer.header("x-public"), Some("kept"));
    gateway.stop().await;
}

#[tokio::test]
async fn the_gateway_says_for_whom_it_asks_and_in_which_trace() {
    let service = Service::start().await;
    let gateway = Running::before(&service).await;

    let claims = [
        "X-Forwarded-For: 6.6.6.6",
        "X_Forwarded_Host: evil",
        "X-Forwarded-Proto: https",
        "Forwarded: for=6",
    ];
    let answer = send(gateway.api, "GET /orders", &claims, "").await;
    assert_eq!(answer.echoed("x-forwarded-host"), [gateway.api.to_string()]);
    assert_eq!(answer.echoed("x-forwarded-proto"), ["http"]);
    assert!(!answer.text().contains("6.6.6.6") && !answer.text().contains("evil"));
    assert!(answer.echoed("forwarded").is_empty());
    let [created] = answer.echoed("traceparent").try_into().unwrap();
    assert_eq!(created.len(), 55, "{created}");

    let parent = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let answer = send(gateway.api, "GET /orders", &[parent, "tracestate: a=b"], "").await;
    let [continued] = answer.echoed("traceparent").try_into().unwrap();
    assert!(
        continued.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"),
        "{continued}"
    );
    assert!(
        !continued.contains("00f067aa0ba902b7"),
        "the gateway is a span of its own: {continued}"
    );
    assert_eq!(answer.echoed("tracestate"), ["a=b"]);
    gateway.stop().await;
}

#[tokio::test]
async fn an_answer_is_streamed_and_an_error_keeps_its_status() {
    let service = Service::start().await;
    let gateway = Running::before(&service).await;

    let answer = send(gateway.api, "GET /orders/stream", &[USER], "").await;
    assert_eq!(answer.status, 200);
    assert!(answer.text().starts_with("piece 0;piece 1;") && answer.text().ends_with("piece 99;"));

    send(gateway.api, "GET /orders/not-found", &[USER], "")
        .await
        .assert_problem(404, "not_found");
    gateway.stop().await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_before_a_service_sees_it() {
    let service = Service::start().await;
    let gateway = Running::before(&service).await;
    let limit = 64 * 1024;

    let fits = send(gateway.api, "POST /orders", &[USER], &"x".repeat(limit)).await;
    assert_eq!(fits.status, 200);
    assert_eq!(service.seen(), 1);

    for size in [limit + 1, 1024 * 1024] {
        send(gateway.api, "POST /orders", &[USER], &"x".repeat(size))
            .await
            .assert_problem(413, "body_too_large");
    }
    let mut chunked = RawClient::connect(gateway.api).await;
    chunked
        .write("POST /orders HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await;
    for _ in 0..=limit / 1024 {
        chunked
            .write(format!("400\r\n{}\r\n", "x".repeat(1024)))
            .await;
    }
    chunked.write("0\r\n\r\n").await;
    chunked.answer().await.assert_problem(413, "body_too_large");

    let mut asking = RawClient::connect(gateway.api).await;
    asking.write("POST /orders HTTP/1.1\r\nHost: a\r\nContent-Length: 999999\r\nExpect: 100-continue\r\n\r\n").await;
    asking.answer().await.assert_problem(413, "body_too_large");
    assert_eq!(service.seen(), 1);
    gateway.stop().await;
}

#[tokio::test]
async fn a_chunked_body_within_the_limit_arrives_whole() {
    let service = Service::start().await;
    let gateway = Running::before(&service).await;

    let mut client = RawClient::connect(gateway.api).await;
    client
        .write("POST /orders HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await;
    client
        .write("3\r\nabc\r\n2\r\nde\r\n0\r\nX-User-Id: trailer\r\n\r\n")
        .await;
    let answer = client.answer().await;

    assert_eq!(answer.json()["body"], "abcde");
    assert_eq!(answer.echoed("content-length"), ["5"]);
    assert!(answer.echoed("transfer-encoding").is_empty());
    assert!(answer.echoed("x-user-id").is_empty());
    gateway.stop().await;
}

#[tokio::test]
async fn a_length_stated_twice_is_refused_and_the_connection_closed() {
    let service = Service::start().await;
    let gateway = Running::before(&service).await;

    for framing in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
    ] {
        let mut client = RawClient::connect(gateway.api).await;
        let smuggled = "GET /orders HTTP/1.1\r\nHost: a\r\n\r\n";
        client
            .write(format!(
                "POST /orders HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n0\r\n\r\n{smuggled}"
            ))
            .await;

        assert_eq!(client.answer().await.status, 400, "{framing}");
        assert_eq!(client.closed().await, b"", "{framing}");
    }
    assert_eq!(service.seen(), 0);
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

#[tokio::test]
async fn the_documents_of_the_services_are_served_as_one() {
    let service = Service::start().await;
    let gateway = Running::before(&service).await;

    let document = send(gateway.api, "GET /openapi.json", &[], "").await.json();
    assert_eq!(document["info"]["title"], "Gozon");
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths, ["/accounts", "/orders", "/ws"]);
    assert_eq!(
        document["components"]["schemas"]["Order"],
        json!({"type": "object"})
    );
    assert_eq!(send(gateway.api, "GET /docs/", &[], "").await.status, 200);

    let alone = Running::start(config(dead_addr().await, service.addr)).await;
    send(alone.api, "GET /openapi.json", &[], "")
        .await
        .assert_problem(503, "unavailable");
    gateway.stop().await;
    alone.stop().await;
}

#[tokio::test]
async fn a_door_passes_everything_to_one_service_under_the_same_rules() {
    let orders = Service::at(support::free(), "orders").await;
    let payments = Service::start().await;
    let mut config = config(orders.addr, payments.addr);
    config.pass_orders_bind = Some(support::free());
    let gateway = Running::start(config).await;
    let door = gateway.orders.unwrap();

    for path in ["/", "/orders", "/accounts", "/metrics", "/livez", "/docs"] {
        let answer = send(
            door,
            &format!("GET {path}"),
            &[USER, "X_User_Id: mallory"],
            "",
        )
        .await;
        assert_eq!(answer.json()["service"], "orders", "{path}");
        assert_eq!(answer.echoed("x-user-id"), ["alice"], "{path}");
        assert!(!answer.text().contains("mallory"), "{path}");
    }
    send(door, "GET /orders", &[USER, USER], "")
        .await
        .assert_problem(400, "malformed_header");
    gateway.stop().await;
}

#[tokio::test]
async fn a_head_that_does_not_end_is_cut() {
    let service = Service::start().await;
    let mut config = config(service.addr, service.addr);
    config.http.header_timeout = Duration::from_millis(200);
    let gateway = Running::start(config).await;

    let mut slow = RawClient::connect(gateway.api).await;
    slow.write("GET /orders HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        .await;

    slow.closed().await;
    assert_eq!(service.seen(), 0);
    gateway.stop().await;
}

#[tokio::test]
async fn a_body_that_does_not_end_is_given_up() {
    let service = Service::start().await;
    let mut config = config(service.addr, service.addr);
    config.limits.body_timeout = Duration::from_millis(200);
    let gateway = Running::start(config).await;

    let mut slow = RawClient::connect(gateway.api).await;
    slow.write("POST /orders HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        .await;

    slow.answer().await.assert_problem(503, "timed_out");
    slow.closed().await;
    assert_eq!(service.seen(), 0);
    gateway.stop().await;
}

#[tokio::test]
async fn unusual_requests_follow_the_same_rules() {
    let service = Service::start().await;
    let mut config = config(service.addr, service.addr);
    config.pass_orders_bind = Some(support::free());
    let gateway = Running::start(config).await;
    let raw = async |addr: SocketAddr, head: &str| {
        let mut client = RawClient::connect(addr).await;
        client
            .write(format!(
                "{head}\r\nHost: a\r\nX_User_Id: mallory\r\nConnection: close\r\n\r\n"
            ))
            .await;
        String::from_utf8(client.closed().await).unwrap()
    };

    for addr in [gateway.api, gateway.orders.unwrap()] {
        let absolute = raw(addr, "GET http://evil.example/orders HTTP/1.1").await;
        assert!(
            absolute.starts_with("HTTP/1.1 200") && absolute.contains(r#""target":"/orders""#),
            "{absolute}"
        );
        let old = raw(addr, "GET /orders HTTP/1.0").await;
        assert!(
            old.starts_with("HTTP/1.0 200") && !old.contains("mallory"),
            "{old}"
        );
        let head = raw(addr, "HEAD /orders HTTP/1.1").await;
        assert!(
            head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"),
            "{head}"
        );
        for odd in ["CONNECT a:80 HTTP/1.1", "OPTIONS * HTTP/1.1"] {
            let answer = raw(addr, odd).await;
            assert!(answer.starts_with("HTTP/1.1 4"), "{odd}: {answer}");
        }
    }
    gateway.stop().await;
}
