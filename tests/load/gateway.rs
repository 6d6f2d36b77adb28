//! The cheapest client that the gateway can have: one connection, no pool.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use futures_util::StreamExt;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

/// The most that one call may add to a balance.
const TOP_UP: &[u8] = br#"{"amount":1000000000000}"#;
const ORDER: &[u8] = br#"{"amount":1,"description":"load"}"#;

/// A keep-alive connection of one user who can pay for everything.
pub(crate) struct Connection {
    pub(crate) user: String,
    host: HeaderValue,
    requests: SendRequest<Full<Bytes>>,
    _driver: AbortOnDropHandle<()>,
}

/// A user's `/ws`.
pub(crate) struct Watch(WebSocketStream<TcpStream>);

/// An order that has left NEW.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) order: Uuid,
    pub(crate) paid: bool,
}

impl Connection {
    /// Connects as a new user, opens their account and fills it.
    pub(crate) async fn of_new_customer(gateway: SocketAddr) -> Result<Self> {
        let (requests, driver) = http1::handshake(TokioIo::new(connect(gateway).await?)).await?;
        let driver = tokio::spawn(async move {
            // Its failure is the next request's failure, which says more.
            let _ = driver.await;
        });
        let mut connection = Self {
            user: format!("load-{}", Uuid::new_v4().simple()),
            host: HeaderValue::try_from(gateway.to_string())?,
            requests,
            _driver: AbortOnDropHandle::new(driver),
        };
        connection.post("/accounts", b"").await?;
        connection.post("/accounts/topup", TOP_UP).await?;
        Ok(connection)
    }

    /// Places an order.
    pub(crate) async fn order(&mut self) -> Result<Uuid> {
        #[derive(Deserialize)]
        struct Order {
            id: Uuid,
        }
        let answer = self.post("/orders", ORDER).await?;
        Ok(serde_json::from_slice::<Order>(&answer)?.id)
    }

    async fn post(&mut self, path: &str, body: &'static [u8]) -> Result<Bytes> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(HOST, &self.host)
            .header("x-user-id", &self.user);
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        self.requests.ready().await?;
        let request = request.body(Full::new(Bytes::from_static(body)))?;
        let (head, body) = self.requests.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        ensure!(
            head.status.is_success(),
            "POST {path}: {} {}",
            head.status,
            String::from_utf8_lossy(&body)
        );
        Ok(body)
    }
}

impl Watch {
    /// Opens the socket and reads past its snapshot.
    pub(crate) async fn open(gateway: SocketAddr, user: &str) -> Result<Self> {
        let mut request = format!("ws://{gateway}/ws").into_client_request()?;
        let user = HeaderValue::try_from(user)?;
        request.headers_mut().insert("x-user-id", user);
        let (socket, _) = client_async(request, connect(gateway).await?).await?;
        let mut watch = Self(socket);
        while !matches!(watch.frame().await?, Frame::Ready) {}
        Ok(watch)
    }

    /// The next order that has settled.
    pub(crate) async fn settled(&mut self) -> Result<Settled> {
        loop {
            let Frame::Status { order_id, status } = self.frame().await? else {
                continue;
            };
            let paid = match status.as_str() {
                "NEW" => continue,
                "FINISHED" => true,
                _ => false,
            };
            let order = order_id;
            return Ok(Settled { order, paid });
        }
    }

    async fn frame(&mut self) -> Result<Frame> {
        loop {
            match self.0.next().await.context("the WebSocket ended")?? {
                Message::Text(text) => return Ok(serde_json::from_str(&text)?),
                Message::Close(reason) => bail!("the WebSocket was closed: {reason:?}"),
                _ => {}
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Frame {
    #[serde(rename = "ready")]
    Ready,
    #[serde(rename = "order.status")]
    Status { order_id: Uuid, status: String },
}

async fn connect(gateway: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(gateway)
        .await
        .with_context(|| format!("no gateway at {gateway}"))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
