//! What is refused before, or instead of, an ordinary answer.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gozon_tests::shop::{Mode, Plan, Service, Shop};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const BOUND: Duration = Duration::from_secs(30);
const ORDER: &str = r#"{"amount":100,"description":"smuggled"}"#;

pub(crate) async fn a_connection_that_cannot_be_served_is_closed(mode: Mode) -> Result<()> {
    let shop = Plan::new(mode)
        .env("GOZON_HEADER_TIMEOUT", "1s")
        .env("GOZON_POOL_IDLE_TIMEOUT", "300ms")
        .start()
        .await?;
    let anna = shop.customer(1_000).await?;
    let gateway = shop.address(Service::Gateway, 0);

    a_slow_head_is_cut(gateway).await?;
    a_length_stated_twice_is_refused(gateway, &anna.name).await?;
    a_head_that_is_no_http_is_refused(gateway, &anna.name).await?;

    let kept = anna.client.get("/orders").await?.having(200)?;
    ensure!(kept.json()? == serde_json::json!([]), "{}", kept.text());
    Ok(())
}

/// Also one that never pauses for long: the deadline is for the whole head.
async fn a_slow_head_is_cut(gateway: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect(gateway).await?;
    stream
        .write_all(b"GET /livez HTTP/1.1\r\nHost: gozon.example\r\nX-Slow: ")
        .await?;
    let trickle = async {
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        let mut received = Vec::new();
        loop {
            tokio::select! {
                _ = tick.tick() => if stream.write_all(b"a").await.is_err() { return received },
                read = stream.read_buf(&mut received) => {
                    if !matches!(read, Ok(1..)) { return received }
                }
            }
        }
    };
    // Far below the ten seconds that the setting is otherwise.
    let received = timeout(Duration::from_secs(6), trickle)
        .await
        .context("a head that never ends is still read")?;
    ensure!(!received.starts_with(b"HTTP/1.1 2"), "{received:?}");
    Ok(())
}

async fn a_length_stated_twice_is_refused(gateway: SocketAddr, user: &str) -> Result<()> {
    let hidden = format!(
        "POST /orders HTTP/1.1\r\nHost: a\r\nX-User-Id: {user}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{ORDER}",
        ORDER.len()
    );
    let chunked = format!("0\r\n\r\n{hidden}");
    for lengths in [
        format!(
            "Content-Length: {}\r\nTransfer-Encoding: chunked",
            chunked.len()
        ),
        format!(
            "Transfer-Encoding: chunked\r\nContent-Length: {}",
            chunked.len()
        ),
        "Content-Length: 5\r\nTransfer-Encoding: chunked".to_owned(),
        "Content-Length: 5\r\nTransfer-Encoding: CHUNKED".to_owned(),
    ] {
        let head = format!(
            "POST /orders HTTP/1.1\r\nHost: a\r\nX-User-Id: {user}\r\nContent-Type: application/json\r\n{lengths}\r\n\r\n"
        );
        let received = until_closed(gateway, &format!("{head}{chunked}")).await?;
        one_refusal(&received, &lengths)?;
        // Not because of the body: nothing of it was believed.
        ensure!(
            received.contains("\"code\":\"malformed_request\""),
            "{lengths}: {received}"
        );
    }
    Ok(())
}

/// The HTTP library refuses these itself, before there is a request, so with a
/// status and no problem.
async fn a_head_that_is_no_http_is_refused(gateway: SocketAddr, user: &str) -> Result<()> {
    for oddity in [
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: -1",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding: identity",
        "Content-Length: 5\r\nTransfer-Encoding: chunked, identity",
        "Idempotency-Key: a\u{1}b",
        "no colon",
        " folded: line",
    ] {
        let ask = format!(
            "POST /orders HTTP/1.1\r\nHost: a\r\nX-User-Id: {user}\r\nContent-Type: application/json\r\n{oddity}\r\n\r\n{ORDER}"
        );
        let received = until_closed(gateway, &ask).await?;
        one_refusal(&received, oddity)?;
    }
    Ok(())
}

fn one_refusal(received: &str, what: &str) -> Result<()> {
    ensure!(
        received.starts_with("HTTP/1.1 400") && received.matches("HTTP/1.1 ").count() == 1,
        "{what}: {received}"
    );
    Ok(())
}

async fn until_closed(gateway: SocketAddr, bytes: &str) -> Result<String> {
    let mut stream = TcpStream::connect(gateway).await?;
    stream.write_all(bytes.as_bytes()).await?;
    let mut received = Vec::new();
    let read = async {
        // A reset is an end as well.
        while matches!(stream.read_buf(&mut received).await, Ok(1..)) {}
    };
    timeout(BOUND, read).await.context("it stays open")?;
    Ok(String::from_utf8_lossy(&received).into_owned())
}

pub(crate) async fn a_websocket_message_over_the_limit_closes_with_1009(mode: Mode) -> Result<()> {
    let shop = Shop::start(mode).await?;
    let anna = shop.customer(1_000).await?;
    let order = anna.order(100).await?;

    for path in ["/ws".to_owned(), format!("/orders/{order}/ws")] {
        let mut socket = anna.client.websocket(&path).await?;
        // What nobody asked for is ignored, up to the limit.
        socket.send("x".repeat(65_536)).await?;
        socket.next(BOUND).await?;
        socket.send("x".repeat(65_537)).await?;
        let code = socket.closed(BOUND).await?;
        ensure!(code == Some(1009), "{path}: {code:?}");
    }
    anna.expect(order, "FINISHED").await?;
    Ok(())
}
