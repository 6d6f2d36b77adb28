//! Where a request ends: lengths, limits, and clients that never come to it.

use std::net::SocketAddr;
use std::time::Duration;

use super::USER;
use crate::support::{self, RawClient, Running, Service, config, send};

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
