//! The little service behind the gateway.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Json;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A service that echoes requests and WebSocket messages.
pub(crate) struct Service {
    pub(crate) addr: SocketAddr,
    seen: Arc<AtomicUsize>,
    waiting: Arc<AtomicUsize>,
    held: CancellationToken,
    flooded: CancellationToken,
    task: JoinHandle<()>,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Service {
    pub(crate) async fn start() -> Self {
        Self::at(super::free(), "only").await
    }

    /// A service at `addr` that calls itself `name` in its echoes.
    pub(crate) async fn at(addr: SocketAddr, name: &'static str) -> Self {
        let listener = TcpListener::bind(addr).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let seen = Arc::new(AtomicUsize::new(0));
        let waiting = Arc::new(AtomicUsize::new(0));
        let (held, flooded) = (CancellationToken::new(), CancellationToken::new());
        let app = routes(Echo {
            name,
            seen: seen.clone(),
            waiting: waiting.clone(),
            held: held.clone(),
            flooded: flooded.clone(),
        });
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            addr,
            seen,
            waiting,
            held,
            flooded,
            task,
        }
    }

    /// How many requests have come through, health and documents aside.
    pub(crate) fn seen(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }
}

impl Service {
    /// Lets the requests to `/orders/held` finish.
    pub(crate) fn release(&self) {
        self.held.cancel();
    }

    /// Waits until a flood of messages met a closed socket.
    pub(crate) async fn flood_ended(&self) {
        tokio::time::timeout(super::PATIENCE, self.flooded.cancelled())
            .await
            .expect("the flood ends in time");
    }

    /// Waits until so many requests wait for an answer that never comes.
    pub(crate) async fn waiting(&self, count: usize) {
        super::until(async || self.waiting.load(Ordering::SeqCst) == count).await;
    }
}

/// An address at which nobody listens.
pub(crate) async fn dead_addr() -> SocketAddr {
    let listener = TcpListener::bind(super::free()).await.unwrap();
    listener.local_addr().unwrap()
}

#[derive(Clone)]
struct Echo {
    name: &'static str,
    seen: Arc<AtomicUsize>,
    waiting: Arc<AtomicUsize>,
    held: CancellationToken,
    flooded: CancellationToken,
}

async fn held(State(echo): State<Echo>) -> &'static str {
    echo.waiting.fetch_add(1, Ordering::SeqCst);
    echo.held.cancelled().await;
    "released"
}

async fn never(State(echo): State<Echo>) {
    echo.waiting.fetch_add(1, Ordering::SeqCst);
    std::future::pending().await
}

fn routes(echo_state: Echo) -> Router {
    let document = json!({
        "openapi": "3.1.0",
        "info": {"title": "echo", "version": "1"},
        "paths": {"/orders": {"get": {"responses": {}}}, "/accounts": {"post": {"responses": {}}}, "/ws": {"get": {"responses": {}}}, "/internal": {"get": {"responses": {}}}},
        "components": {"schemas": {"Order": {"type": "object"}}},
    });
    Router::new()
        .route("/readyz", get(|| async { "ready" }))
        .route("/openapi.json", get(|| async { Json(document) }))
        .route("/orders/never", any(never))
        .route("/orders/held", any(held))
        .route("/orders/stream", get(stream))
        .route("/orders/hop", get(hop))
        .route(
            "/orders/not-found",
            any(|| async { (StatusCode::NOT_FOUND, "no") }),
        )
        .route("/ws", get(socket))
        .fallback(echo)
        .with_state(echo_state)
}

async fn echo(
    State(echo): State<Echo>,
    method: Method,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Json<Value> {
    echo.seen.fetch_add(1, Ordering::SeqCst);
    let lines: Vec<Value> = headers
        .iter()
        .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
        .collect();
    Json(json!({
        "service": echo.name,
        "method": method.as_str(),
        "target": uri.to_string(),
        "headers": lines,
        "body": String::from_utf8_lossy(&body),
    }))
}

async fn stream() -> Response {
    let pieces = (0..100).map(|n| Ok::<_, Infallible>(format!("piece {n};")));
    Body::from_stream(futures_util::stream::iter(pieces)).into_response()
}

async fn hop() -> impl IntoResponse {
    let headers = [
        ("connection", "x-private"),
        ("x-private", "secret"),
        ("keep-alive", "timeout=1"),
        ("proxy-authenticate", "Basic"),
        ("x-public", "kept"),
    ];
    (headers, "ok")
}

async fn socket(
    State(echo): State<Echo>,
    headers: HeaderMap,
    OriginalUri(uri): OriginalUri,
    upgrade: WebSocketUpgrade,
) -> Response {
    echo.seen.fetch_add(1, Ordering::SeqCst);
    let user = headers
        .get("x-user-id")
        .map(|user| user.to_str().unwrap().to_owned());
    upgrade.on_upgrade(move |socket| {
        converse(
            socket,
            echo.flooded,
            format!("{} {uri}", user.unwrap_or_default()),
        )
    })
}

/// Says who the user is, then repeats what it hears.
async fn converse(mut socket: WebSocket, flooded: CancellationToken, greeting: String) {
    if socket.send(Message::text(greeting)).await.is_err() {
        return;
    }
    while let Some(Ok(message)) = socket.recv().await {
        if message == Message::text("flood") {
            while socket.send(Message::text("x".repeat(16_000))).await.is_ok() {}
            flooded.cancel();
            return;
        }
        if message == Message::text("vanish") {
            return;
        }
        if matches!(message, Message::Close(_)) {
            // The next read sends the answer and finds the end.
            continue;
        }
        if socket.send(message).await.is_err() {
            return;
        }
    }
}

/// A service that reads a request and closes without an answer.
pub(crate) struct Breaking {
    pub(crate) addr: SocketAddr,
    requests: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Breaking {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(super::free()).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = requests.clone();
        let task = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut buffer = [0; 4096];
                // A question that is not from a client does not count.
                if stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                    counted.fetch_add(1, Ordering::SeqCst);
                }
            }
        });
        Self {
            addr,
            requests,
            task,
        }
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Breaking {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A service that promises to keep a connection, answers, and closes it.
pub(crate) struct Closing {
    pub(crate) addr: SocketAddr,
    open: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Closing {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(super::free()).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let open = Arc::new(AtomicUsize::new(0));
        let counted = open.clone();
        let task = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                let mut buffer = [0; 4096];
                if stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                    let _ = stream
                        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                        .await;
                }
                drop(stream);
                counted.fetch_sub(1, Ordering::SeqCst);
            }
        });
        Self { addr, open, task }
    }

    pub(crate) async fn all_closed(&self) {
        super::until(async || self.open.load(Ordering::SeqCst) == 0).await;
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A service that answers every connection with the same bytes.
pub(crate) struct Fixed {
    pub(crate) addr: SocketAddr,
    task: JoinHandle<()>,
}

impl Fixed {
    pub(crate) async fn start(bytes: &'static str) -> Self {
        let listener = TcpListener::bind(super::free()).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut buffer = [0; 4096];
                if stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                    let _ = stream.write_all(bytes.as_bytes()).await;
                }
            }
        });
        Self { addr, task }
    }
}

impl Drop for Fixed {
    fn drop(&mut self) {
        self.task.abort();
    }
}
