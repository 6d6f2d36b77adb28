//! Which headers pass, which end at the gateway, and which it adds.

use super::USER;
use crate::support::{Running, Service, send};

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
