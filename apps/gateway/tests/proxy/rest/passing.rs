//! Which service a request comes to, and that it comes whole.

use serde_json::json;

use super::USER;
use crate::support::{self, Running, Service, config, dead_addr, send};

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
