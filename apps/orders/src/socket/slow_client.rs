//! What becomes of a client that does not read, on a connection that holds a
//! kilobyte: on a real one, megabytes would have to be said first.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use gozon_core::SystemClock;
use gozon_events::{OrderStatus, OrderStatusChanged};
use gozon_service::once::{Answer, RequestKey};
use gozon_service::{Code, Problem};
use gozon_sqlx::DbError;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::order::Order;
use crate::orders::{OrderDesk, Wish};
use crate::routes::{Desk, router};
use crate::watch::Watchers;

/// More than may wait for one socket.
const FLOOD: usize = 1_000;

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_too_late_is_told_so() {
    let watchers = Watchers::default();
    let mut client = connect(&watchers).await;

    flood(&watchers);
    let (frames, end) = rest(&mut client).await;

    assert!(frames < FLOOD, "{frames} of {FLOOD} were kept");
    let Some(Message::Close(Some(close))) = end else {
        panic!("ended with {end:?}");
    };
    assert_eq!(u16::from(close.code), 1008);
    // Whoever comes again is heard again.
    let mut again = connect(&watchers).await;
    watchers.publish(change());
    assert!(matches!(again.next().await, Some(Ok(Message::Text(_)))));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_is_given_up() {
    let watchers = Watchers::default();
    let mut client = connect(&watchers).await;

    flood(&watchers);
    // The clock stands still while anyone works: this is no waiting.
    tokio::time::sleep(2 * super::WRITE + Duration::from_secs(1)).await;

    // What was under way can still be read, and nothing comes after it.
    let (frames, end) = rest(&mut client).await;
    assert!(frames < 50, "{frames} frames went through a kilobyte");
    assert_eq!(end, None);
    assert!(watchers.watch("anna", None).is_ok());
}

#[tokio::test]
async fn an_idle_socket_keeps_little_to_read_into() {
    let watchers = Watchers::default();
    let room = Arc::new(AtomicUsize::new(0));
    let (client, server) = tokio::io::duplex(1024);
    let server = Measured {
        inner: server,
        room: Arc::clone(&room),
    };

    let mut client = connect_over(&watchers, client, server).await;
    watchers.publish(change());
    assert!(matches!(client.next().await, Some(Ok(Message::Text(_)))));

    let room = room.load(Ordering::Relaxed);
    assert!(
        (1..=super::READ_BUFFER).contains(&room),
        "{room} bytes for each socket"
    );
}

fn flood(watchers: &Watchers) {
    for _ in 0..FLOOD {
        watchers.publish(change());
    }
}

fn change() -> OrderStatusChanged {
    OrderStatusChanged {
        order_id: Uuid::now_v7(),
        user_id: "anna".to_owned(),
        status: OrderStatus::Finished,
        reason: None,
        version: 2,
        updated_at: time::OffsetDateTime::UNIX_EPOCH,
    }
}

/// Opens `/ws` in Anna's name and reads its `ready`.
async fn connect(watchers: &Watchers) -> WebSocketStream<DuplexStream> {
    let (client, server) = tokio::io::duplex(1024);
    connect_over(watchers, client, server).await
}

async fn connect_over(
    watchers: &Watchers,
    client: DuplexStream,
    server: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> WebSocketStream<DuplexStream> {
    let desk = Desk {
        orders: Arc::new(NoOrders),
        watchers: watchers.clone(),
        clock: Arc::new(SystemClock),
        closed: CancellationToken::new(),
    };
    let (app, _) = router().with_state(desk).split_for_parts();
    let connection = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(server), TowerToHyperService::new(app))
        .with_upgrades();
    tokio::spawn(connection);
    let mut request = "ws://orders/ws".into_client_request().unwrap();
    let anna = "anna".parse().unwrap();
    request.headers_mut().insert("x-user-id", anna);
    let opened = tokio_tungstenite::client_async(request, client).await;
    let (mut socket, _) = opened.unwrap();
    let ready = socket.next().await.unwrap().unwrap();
    assert_eq!(ready.to_text().unwrap(), r#"{"type":"ready"}"#);
    socket
}

/// Reads to the end: how many updates came, and the close frame if there was
/// one.
async fn rest(socket: &mut WebSocketStream<DuplexStream>) -> (usize, Option<Message>) {
    let mut frames = 0;
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(_))) => frames += 1,
            Some(Ok(Message::Ping(_))) => {}
            Some(Ok(close)) => return (frames, Some(close)),
            Some(Err(_)) | None => return (frames, None),
        }
    }
}

/// Notes how much room the last read was given.
struct Measured {
    inner: DuplexStream,
    room: Arc<AtomicUsize>,
}

impl AsyncRead for Measured {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        self.room.store(buf.remaining(), Ordering::Relaxed);
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for Measured {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// A desk at which nobody has ordered.
struct NoOrders;

#[async_trait]
impl OrderDesk for NoOrders {
    async fn journey(
        &self,
        _user: &str,
        _id: Uuid,
    ) -> Result<Option<crate::journey::Journey>, Problem> {
        Ok(None)
    }

    async fn place(&self, _: &str, _: Wish, _: Option<RequestKey>) -> Result<Answer, Problem> {
        Err(Problem::new(Code::NotFound, "nothing is sold here"))
    }

    async fn find(&self, _: &str, _: Uuid) -> Result<Option<Order>, DbError> {
        Ok(None)
    }

    async fn changed(
        &self,
        _: &str,
        _: time::OffsetDateTime,
        _: i64,
    ) -> Result<Vec<Order>, DbError> {
        Ok(Vec::new())
    }

    async fn page(&self, _: &str, _: Option<Uuid>, _: i64) -> Result<Vec<Order>, DbError> {
        Ok(Vec::new())
    }
}
