//! A small client for JSON over HTTP/1.1.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request};
use hyper_util::client::legacy::Client as Connections;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::time::timeout;

use super::{Answer, BOUND, Socket};

/// A client of one address. Clones, and those made by `as_user` and
/// `with_header`, share its connections.
#[derive(Clone)]
pub struct Client {
    authority: String,
    headers: HeaderMap,
    bound: Duration,
    connections: Connections<HttpConnector, Full<Bytes>>,
}

impl Client {
    /// A client of `host:port`, without any header of its own.
    #[must_use]
    pub fn at(address: impl fmt::Display) -> Self {
        Self {
            authority: address.to_string(),
            headers: HeaderMap::new(),
            bound: BOUND,
            connections: Connections::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// The same client as this user (`X-User-Id`).
    ///
    /// # Panics
    /// When the name cannot stand in a header; use [`raw`](super::raw) for that.
    #[must_use]
    pub fn as_user(&self, user: &str) -> Self {
        self.with_header("x-user-id", user)
    }

    /// The same client with this header on every request.
    ///
    /// # Panics
    /// When it is no header; use [`raw`](super::raw) for that.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a mistake in the test itself")]
    pub fn with_header(&self, name: &str, value: &str) -> Self {
        let mut client = self.clone();
        client.headers.insert(
            HeaderName::try_from(name).expect("a header's name"),
            HeaderValue::try_from(value).expect("a header's value"),
        );
        client
    }

    /// The same client, which waits this long for an answer.
    #[must_use]
    pub fn with_patience(&self, bound: Duration) -> Self {
        Self {
            bound,
            ..self.clone()
        }
    }

    /// `GET path`.
    ///
    /// # Errors
    /// When no answer comes, whatever its status would be.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send(Method::GET, path, Bytes::new()).await
    }

    /// `POST path` with a JSON body.
    ///
    /// # Errors
    /// When no answer comes, whatever its status would be.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        let mut client = self.clone();
        client
            .headers
            .entry(CONTENT_TYPE)
            .or_insert(HeaderValue::from_static("application/json"));
        client.send(Method::POST, path, body.to_string()).await
    }

    /// `POST path` without a body.
    ///
    /// # Errors
    /// When no answer comes, whatever its status would be.
    pub async fn post_nothing(&self, path: &str) -> Result<Answer> {
        self.send(Method::POST, path, Bytes::new()).await
    }

    /// Any method and any body, with this client's headers and no other.
    ///
    /// # Errors
    /// When no answer comes, whatever its status would be.
    pub async fn send(&self, method: Method, path: &str, body: impl Into<Bytes>) -> Result<Answer> {
        let mut request = Request::builder()
            .method(&method)
            .uri(format!("http://{}{path}", self.authority))
            .body(Full::new(body.into()))?;
        request.headers_mut().extend(self.headers.clone());
        let exchange = async {
            let (head, body) = self.connections.request(request).await?.into_parts();
            anyhow::Ok(Answer {
                status: head.status.as_u16(),
                headers: head.headers,
                body: body.collect().await?.to_bytes(),
            })
        };
        let answered = timeout(self.bound, exchange).await;
        answered
            .map_err(anyhow::Error::from)
            .flatten()
            .with_context(|| format!("{method} {}{path}", self.authority))
    }

    /// Opens a WebSocket.
    ///
    /// # Errors
    /// When the server refuses the upgrade; the message shows its answer.
    pub async fn websocket(&self, path: &str) -> Result<Socket> {
        match Socket::open(&self.authority, path, &self.headers).await? {
            Ok(socket) => Ok(socket),
            Err(answer) => anyhow::bail!("refused: {} {}", answer.status, answer.text()),
        }
    }

    /// The answer of a server that refuses a WebSocket.
    ///
    /// # Errors
    /// When it opens one.
    pub async fn websocket_refused(&self, path: &str) -> Result<Answer> {
        match Socket::open(&self.authority, path, &self.headers).await? {
            Ok(_) => anyhow::bail!("the WebSocket was opened"),
            Err(answer) => Ok(answer),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("authority", &self.authority)
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}
