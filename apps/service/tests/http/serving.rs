//! The server on a real socket: deadlines, caps and the drain.

// Helpers outside of test functions may fail a test too.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::WebSocketUpgrade;
use axum::response::Response;
use axum::routing::get;
use gozon_service::settings::HttpSettings;
use gozon_service::{Entrance, Health, Json, Shell, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const LONG: Duration = Duration::from_secs(10);

/// More than lies between two ends that do not read.
const MUCH: usize = 16 * 1024 * 1024;

struct Server {
    address: SocketAddr,
    shutdown: CancellationToken,
    entrance: Entrance,
    /// A request to `/wait` says here that it arrived, and waits for `go`.
    arrived: Arc<Notify>,
    go: Arc<Notify>,
    running: JoinHandle<std::io::Result<()>>,
}

impl Server {
    async fn start(settings: HttpSettings) -> Self {
        let (arrived, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let wait = {
            let (arrived, go) = (Arc::clone(&arrived), Arc::clone(&go));
            async move || {
                arrived.notify_one();
                go.notified().await;
                "waited"
            }
        };
        let routes = Router::new()
            .route("/wait", get(wait))
            .route(
                "/echo",
                axum::routing::post(async |Json(body): Json<serde_json::Value>| Json(body)),
            )
            .route("/much", get(async || vec![b'.'; MUCH]))
            .route("/ws", get(echo));
        let shutdown = CancellationToken::new();
        let app = Shell::new("probe", &settings, Health::new(shutdown.clone())).wrap(routes);
        let listener = serve::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let token = shutdown.clone();
        let entrance = Entrance::new(&settings);
        let doors = entrance.clone();
        let running = tokio::spawn(async move {
            serve::serve("probe", listener, app, &settings, &doors, token).await
        });
        Self {
            address,
            shutdown,
            entrance,
            arrived,
            go,
            running,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// A client that has little room for what it does not read.
    async fn connect_narrowly(&self) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    async fn stopped(self) {
        timeout(LONG, self.running).await.unwrap().unwrap().unwrap();
    }
}

async fn echo(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async |mut socket| {
        while let Some(Ok(message)) = socket.recv().await {
            if socket.send(message).await.is_err() {
                break;
            }
        }
    })
}

fn handshake() -> String {
    "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        .to_owned()
}

async fn ask(stream: &mut TcpStream, path: &str) {
    let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
}

/// Everything until the server closes; a reset counts as a close.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = timeout(LONG, stream.read_to_end(&mut bytes)).await.unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn head(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(timeout(LONG, stream.read_u8()).await.unwrap().unwrap());
    }
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn a_head_that_does_not_end_is_closed_by_deadline() {
    let server = Server::start(HttpSettings {
        header_timeout: Duration::from_millis(50),
        ..HttpSettings::default()
    })
    .await;
    let mut stream = server.connect().await;
    stream
        .write_all(b"GET /livez HTTP/1.1\r\nX-Slow")
        .await
        .unwrap();

    let answer = rest(&mut stream).await;

    assert!(!answer.contains("200"), "{answer}");
}

#[tokio::test]
async fn a_request_under_way_finishes_and_no_new_one_is_accepted() {
    let server = Server::start(HttpSettings::default()).await;
    let mut idle = server.connect().await;
    ask(&mut idle, "/livez").await;
    assert!(head(&mut idle).await.starts_with("HTTP/1.1 200"));
    let mut busy = server.connect().await;
    ask(&mut busy, "/wait").await;
    server.arrived.notified().await;

    server.shutdown.cancel();

    rest(&mut idle).await; // closed although kept alive
    assert!(TcpStream::connect(server.address).await.is_err());
    server.go.notify_one();
    let answer = rest(&mut busy).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with("waited"), "{answer}");
    server.stopped().await;
}

#[tokio::test]
async fn the_drain_is_bounded() {
    let server = Server::start(HttpSettings {
        drain_timeout: Duration::from_millis(50),
        ..HttpSettings::default()
    })
    .await;
    let mut stream = server.connect().await;
    ask(&mut stream, "/wait").await;
    server.arrived.notified().await;

    server.shutdown.cancel();

    server.stopped().await;
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn websockets_end_when_nothing_is_accepted_any_more_and_not_before() {
    let server = Server::start(HttpSettings {
        shutdown_delay: Duration::from_secs(3),
        ..HttpSettings::default()
    })
    .await;
    let closed = server.entrance.closed();

    server.shutdown.cancel();

    // While it says no at /readyz it still accepts.
    let mut late = server.connect().await;
    ask(&mut late, "/livez").await;
    assert!(head(&mut late).await.starts_with("HTTP/1.1 200"));
    assert!(!closed.is_cancelled());
    timeout(LONG, closed.cancelled()).await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
    server.stopped().await;
}

#[tokio::test]
async fn listeners_of_one_service_share_the_places_of_its_connections() {
    let server = Server::start(HttpSettings {
        max_connections: 1,
        ..HttpSettings::default()
    })
    .await;
    let listener = serve::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let other = listener.local_addr().unwrap();
    let (entrance, token) = (server.entrance.clone(), server.shutdown.clone());
    let app = Router::new().route("/livez", get(async || "yes"));
    let settings = HttpSettings::default();
    let beside = tokio::spawn(async move {
        serve::serve("probe", listener, app, &settings, &entrance, token).await
    });
    let mut first = server.connect().await;
    ask(&mut first, "/wait").await;
    server.arrived.notified().await;
    let mut second = TcpStream::connect(other).await.unwrap();
    ask(&mut second, "/livez").await;
    let early = timeout(Duration::from_millis(50), second.peek(&mut [0])).await;
    assert!(early.is_err());

    drop(first);

    assert!(head(&mut second).await.starts_with("HTTP/1.1 200"));
    server.shutdown.cancel();
    timeout(LONG, beside).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_head_may_have_16_kib_and_a_longer_one_is_431() {
    let server = Server::start(HttpSettings::default()).await;
    for (padding, status) in [(15 * 1024, "200"), (17 * 1024, "431"), (60 * 1024, "431")] {
        let mut stream = server.connect().await;
        let padding = "x".repeat(padding);
        let request = format!("GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: {padding}\r\n\r\n");
        // It may be answered before all of it was read.
        let _ = stream.write_all(request.as_bytes()).await;

        let answer = head(&mut stream).await;

        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_websocket_is_waited_for_until_it_ends() {
    let server = Server::start(HttpSettings::default()).await;
    let mut socket = server.connect().await;
    socket.write_all(handshake().as_bytes()).await.unwrap();
    assert!(head(&mut socket).await.starts_with("HTTP/1.1 101"));
    server.shutdown.cancel();

    let still_running = timeout(Duration::from_millis(100), async {
        while !server.running.is_finished() {
            tokio::task::yield_now().await;
        }
    });
    assert!(still_running.await.is_err());

    drop(socket);
    server.stopped().await;
}

#[tokio::test]
async fn connections_above_the_cap_wait_for_their_turn() {
    let server = Server::start(HttpSettings {
        max_connections: 1,
        ..HttpSettings::default()
    })
    .await;
    let mut first = server.connect().await;
    ask(&mut first, "/wait").await;
    server.arrived.notified().await;
    let mut second = server.connect().await;
    ask(&mut second, "/livez").await;
    let mut byte = [0];
    let early = timeout(Duration::from_millis(50), second.peek(&mut byte)).await;
    assert!(early.is_err());

    drop(first);

    assert!(head(&mut second).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_client_that_does_not_take_its_answers_loses_its_place() {
    let handshake = handshake();
    for behind in ["", "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", &handshake] {
        let server = Server::start(HttpSettings {
            max_connections: 1,
            write_timeout: Duration::from_millis(50),
            ..HttpSettings::default()
        })
        .await;
        let mut first = server.connect_narrowly().await;
        ask(&mut first, "/much").await;
        first.write_all(behind.as_bytes()).await.unwrap();
        let mut second = server.connect().await;
        ask(&mut second, "/livez").await;

        assert!(head(&mut second).await.starts_with("HTTP/1.1 200"));
        assert!(rest(&mut first).await.len() < MUCH);
    }
}

#[tokio::test]
async fn a_client_that_takes_its_answer_slowly_gets_all_of_it() {
    let server = Server::start(HttpSettings {
        write_timeout: Duration::from_secs(2),
        ..HttpSettings::default()
    })
    .await;
    let mut stream = server.connect_narrowly().await;
    ask(&mut stream, "/much").await;

    head(&mut stream).await;
    let mut answer = vec![0; MUCH];

    timeout(LONG, stream.read_exact(&mut answer))
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn how_long_a_websocket_may_leave_unread_is_not_decided_here() {
    const FRAME: usize = 60_000;
    const FRAMES: usize = 2 * MUCH / FRAME;
    let server = Server::start(HttpSettings {
        write_timeout: Duration::from_millis(20),
        ..HttpSettings::default()
    })
    .await;
    let mut socket = server.connect_narrowly().await;
    socket.write_all(handshake().as_bytes()).await.unwrap();
    assert!(head(&mut socket).await.starts_with("HTTP/1.1 101"));
    let [high, low] = u16::try_from(FRAME).unwrap().to_be_bytes();
    let mut frame = vec![0x82, 0xFE, high, low, 0, 0, 0, 0];
    frame.resize(8 + FRAME, b'.');
    let (mut reading, mut writing) = socket.into_split();
    let mut written = tokio::spawn(async move {
        for _ in 0..FRAMES {
            writing.write_all(&frame).await.unwrap();
        }
        writing
    });
    // Nobody reads, so the server's write makes no progress for much longer than
    // an answer's might.
    let all = timeout(Duration::from_millis(500), &mut written);
    assert!(all.await.is_err());

    let mut echoed = vec![0; FRAMES * (4 + FRAME)];
    timeout(LONG, reading.read_exact(&mut echoed))
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_length_stated_twice_is_400_and_closes() {
    let server = Server::start(HttpSettings::default()).await;
    for headers in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 4",
    ] {
        let mut stream = server.connect().await;
        ask(&mut stream, "/livez").await; // a request before it on the connection
        head(&mut stream).await;
        stream.read_exact(&mut [0; 5]).await.unwrap();
        let request = format!(
            "POST /echo HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n0\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();

        let answer = rest(&mut stream).await;

        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        assert!(answer.contains("malformed_request"), "{answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    }
}

#[tokio::test]
async fn a_client_that_sends_too_much_still_sees_the_413() {
    let server = Server::start(HttpSettings::default()).await;
    let mut stream = server.connect().await;
    let size = 1_000_000;
    let head = format!(
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![b' '; size]).await.unwrap();

    let answer = rest(&mut stream).await;

    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("body_too_large"), "{answer}");
}

#[tokio::test]
async fn an_address_in_use_is_one_line_with_the_variable() {
    let taken = serve::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let address = taken.local_addr().unwrap();

    let error = serve::bind(address).await.unwrap_err().to_string();

    assert!(error.starts_with("GOZON_BIND: "), "{error}");
    assert!(error.contains(&address.to_string()), "{error}");
}
