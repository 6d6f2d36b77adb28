//! WebSockets through the gateway.

// In a test a surprise is a panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::support::{self, PATIENCE, RawClient, Running, Service, config, send};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

const USER: &str = "X-User-Id: alice";
const HANDSHAKE: [&str; 4] = [
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
];

async fn open(
    gateway: &Running,
    target: &str,
    headers: &[(&'static str, &str)],
) -> Result<Socket, Error> {
    let mut request = format!("ws://{}{target}", gateway.api).into_client_request()?;
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    Ok(connect_async(request).await?.0)
}

async fn next(socket: &mut Socket) -> Message {
    timeout(PATIENCE, socket.next())
        .await
        .expect("a message in time")
        .expect("a message")
        .unwrap()
}

async fn assert_going_away(socket: &mut Socket) {
    match next(socket).await {
        Message::Close(Some(frame)) => assert_eq!(frame.code, CloseCode::Away),
        other => panic!("no close frame: {other:?}"),
    }
}

fn handshake(target: &str, more: &[&str]) -> String {
    let lines = HANDSHAKE
        .iter()
        .chain(more)
        .map(|line| format!("{line}\r\n"))
        .collect::<String>();
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n")
}

#[tokio::test]
async fn messages_pass_in_both_directions_until_one_side_closes() {
    let service = Service::start().await;
    let gateway = Running::before(&service).await;
    let mut socket = open(&gateway, "/ws", &[("x-user-id", "alice")])
        .await
        .unwrap();
    assert_eq!(next(&mut socket).await, Message::text("alice /ws"));

    let large = "x".repeat(60_000);
    for text in ["hello", "", &large] {
        socket.send(Message::text(text)).await.unwrap();
        assert_eq!(next(&mut socket).await, Message::text(text));
    }

    socket.close(None).await.unwrap();
    assert!(matches!(next(&mut socket).await, Message::Close(_)));
    assert!(timeout(PATIENCE, socket.next()).await.unwrap().is_none());
    gateway.stop().await;
}

#[tokio::test]
async fn a_browser_names_its_user_in_the_query_and_the_service_reads_a_header() {
    let service = Service::start().await;
    let gateway = Running::before(&service).await;

    let mut socket = open(
        &gateway,
        "/ws?user_id=bob&after=1",
        &[("x_user_id", "mallory")],
    )
    .await
    .unwrap();
    assert_eq!(next(&mut socket).await, Message::text("bob /ws?after=1"));

    let mut socket = open(&gateway, "/ws?user_id=mallory", &[("x-user-id", "alice")])
        .await
        .unwrap();
    assert_eq!(next(&mut socket).await, Message::text("alice /ws"));
    gateway.stop().await;
}

#[tokio::test]
async fn a_handshake_without_a_user_or_from_a_foreign_page_never_reaches_a_service() {
    let service = Service::start().await;
    let mut config = config(service.addr, service.addr);
    config.allowed_origins = vec!["https://page.example".to_owned()];
    let gateway = Running::start(config).await;
    let refused = async |target: &str, headers: &[&str], status, code| {
        let all: Vec<&str> = HANDSHAKE.iter().chain(headers).copied().collect();
        send(gateway.api, &format!("GET {target}"), &all, "")
            .await
            .assert_problem(status, code);
    };

    refused("/ws", &[], 401, "identity_required").await;
    refused("/ws", &["X_User_Id: alice"], 401, "identity_required").await;
    refused("/orders/1/ws", &[], 401, "identity_required").await;
    refused("/ws?user_id=a%20b", &[], 400, "malformed_query").await;
    refused("/ws", &[USER, "X-User-Id: bob"], 400, "malformed_header").await;
    refused(
        "/ws",
        &[USER, "Origin: https://evil.example"],
        403,
        "origin_refused",
    )
    .await;
    refused(
        "/ws?user_id=alice",
        &["Origin: null"],
        403,
        "origin_refused",
    )
    .await;
    assert_eq!(service.seen(), 0);

    for origin in [
        "https://page.example".to_owned(),
        format!("http://{}", gateway.api),
        format!("http://{}", gateway.page),
    ] {
        assert!(
            open(
                &gateway,
                "/ws",
                &[("x-user-id", "alice"), ("origin", &origin)]
            )
            .await
            .is_ok(),
            "{origin}"
        );
    }
    gateway.stop().await;
}

#[tokio::test]
async fn what_follows_a_handshake_that_was_declined_is_never_passed_on() {
    let service = Service::start().await;
    let gateway = Running::before(&service).await;

    let smuggled = "GET /orders/smuggled HTTP/1.1\r\nHost: a\r\nX-User-Id: mallory\r\n\r\n";
    for target in ["/orders", "/accounts"] {
        let mut client = RawClient::connect(gateway.api).await;
        client.write(handshake(target, &[USER]) + smuggled).await;

        let answer = client.answer().await;
        assert_eq!(answer.status, 200, "{target}");
        assert_eq!(answer.header("connection"), Some("close"), "{target}");
        assert_eq!(client.closed().await, b"", "{target}");
    }
    assert_eq!(service.seen(), 2);
    gateway.stop().await;
}

#[tokio::test]
async fn a_service_that_switches_protocols_unasked_is_a_bad_gateway() {
    let switching = support::Fixed::start(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nraw",
    )
    .await;
    let gateway = Running::start(config(switching.addr, switching.addr)).await;

    send(gateway.api, "GET /orders", &[USER], "")
        .await
        .assert_problem(502, "bad_gateway");
    let lines: Vec<&str> = HANDSHAKE.iter().chain([&USER]).copied().collect();
    send(gateway.api, "GET /ws", &lines, "")
        .await
        .assert_problem(502, "bad_gateway");
    gateway.stop().await;
}

#[tokio::test]
async fn there_are_only_so_many_websockets() {
    let service = Service::start().await;
    let mut config = config(service.addr, service.addr);
    config.limits.max_websockets = 1;
    let gateway = Running::start(config).await;
    let user = [("x-user-id", "alice")];
    let first = open(&gateway, "/ws", &user).await.unwrap();

    match open(&gateway, "/ws", &user).await {
        Err(Error::Http(answer)) => assert_eq!(answer.status(), 503),
        other => panic!("{other:?}"),
    }

    drop(first);
    support::until(async || open(&gateway, "/ws", &user).await.is_ok()).await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_client_is_told_when_its_service_is_gone() {
    let service = Service::start().await;
    let gateway = Running::before(&service).await;
    let mut socket = open(&gateway, "/ws", &[("x-user-id", "alice")])
        .await
        .unwrap();
    next(&mut socket).await;

    socket.send(Message::text("vanish")).await.unwrap();

    assert_going_away(&mut socket).await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_silent_and_an_old_websocket_are_told_to_go() {
    let service = Service::start().await;
    let short = Duration::from_millis(200);
    let mut idle = config(service.addr, service.addr);
    idle.limits.websocket_idle = short;
    let mut old = config(service.addr, service.addr);
    old.limits.websocket_lifetime = short;

    for config in [idle, old] {
        let gateway = Running::start(config).await;
        let mut socket = open(&gateway, "/ws", &[("x-user-id", "alice")])
            .await
            .unwrap();
        next(&mut socket).await;

        assert_going_away(&mut socket).await;
        gateway.stop().await;
    }
}

#[tokio::test]
async fn stopping_says_goodbye_to_open_websockets_and_lets_requests_finish() {
    let service = Service::start().await;
    let gateway = Running::before(&service).await;
    let mut socket = open(&gateway, "/ws", &[("x-user-id", "alice")])
        .await
        .unwrap();
    next(&mut socket).await;
    let mut client = RawClient::connect(gateway.api).await;
    client
        .write("GET /orders/held HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    service.waiting(1).await;

    gateway.begin_shutdown();

    assert_going_away(&mut socket).await;
    service.release();
    assert_eq!(client.answer().await.status, 200);
    gateway.stop().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_and_stopping_takes_bounded_time() {
    let service = Service::start().await;
    let mut config = config(service.addr, service.addr);
    config.limits.websocket_write_timeout = Duration::from_millis(300);
    let gateway = Running::start(config).await;
    let mut socket = open(&gateway, "/ws?flood=1", &[("x-user-id", "alice")])
        .await
        .unwrap();
    next(&mut socket).await;
    socket.send(Message::text("flood")).await.unwrap();

    service.flood_ended().await;

    gateway.stop().await;
    drop(socket);
}
