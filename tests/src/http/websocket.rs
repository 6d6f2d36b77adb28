//! A WebSocket client that reads JSON text frames.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hyper::HeaderMap;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::{Answer, BOUND};

/// An open WebSocket; answers pings while it is read.
#[derive(Debug)]
pub struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    /// The socket, or the answer of a server that refused.
    pub(super) async fn open(
        authority: &str,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<Result<Self, Answer>> {
        let mut request = format!("ws://{authority}{path}").into_client_request()?;
        request.headers_mut().extend(headers.clone());
        let stream = TcpStream::connect(authority).await?;
        let handshake = timeout(BOUND, client_async(request, stream)).await;
        match handshake.context("no answer to the upgrade within 30 s")? {
            Ok((socket, _)) => Ok(Ok(Self(socket))),
            Err(Error::Http(response)) => {
                let (head, body) = response.into_parts();
                Ok(Err(Answer {
                    status: head.status.as_u16(),
                    headers: head.headers,
                    body: Bytes::from(body.unwrap_or_default()),
                }))
            }
            Err(error) => Err(error).context("the upgrade failed"),
        }
    }

    /// The next text frame, which must be JSON.
    ///
    /// # Errors
    /// When none comes within `bound`, or the socket closes.
    pub async fn next(&mut self, bound: Duration) -> Result<Value> {
        let read = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text)?),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(Message::Close(reason))) => bail!("closed: {reason:?}"),
                    Some(Ok(other)) => bail!("not a text frame: {other:?}"),
                    Some(Err(error)) => return Err(error.into()),
                    None => bail!("closed"),
                }
            }
        };
        timeout(bound, read)
            .await
            .with_context(|| format!("no frame within {bound:?}"))?
    }

    /// Reads frames until one matches, and returns all, the matching one last.
    ///
    /// # Errors
    /// When none matches within `bound`, or the socket closes; the message
    /// shows what came instead.
    pub async fn until(
        &mut self,
        bound: Duration,
        matches: impl Fn(&Value) -> bool,
    ) -> Result<Vec<Value>> {
        let mut seen = vec![];
        let read = async {
            loop {
                let frame = self.next(bound).await?;
                let found = matches(&frame);
                seen.push(frame);
                if found {
                    return Ok(());
                }
            }
        };
        let ended = timeout(bound, read).await;
        match ended.map_err(anyhow::Error::from).flatten() {
            Ok(()) => Ok(seen),
            Err(error) => Err(error).with_context(|| format!("after {seen:?}")),
        }
    }

    /// Waits for the server's close frame and returns its code, if it sent one.
    ///
    /// # Errors
    /// When it does not close within `bound`.
    pub async fn closed(&mut self, bound: Duration) -> Result<Option<u16>> {
        let read = async {
            while let Some(frame) = self.0.next().await {
                match frame {
                    Ok(Message::Close(reason)) => return reason.map(|r| r.code.into()),
                    Ok(_) => {}
                    Err(_) => break,
                }
            }
            None
        };
        timeout(bound, read)
            .await
            .with_context(|| format!("still open after {bound:?}"))
    }

    /// Sends a text frame.
    ///
    /// # Errors
    /// When the socket is closed.
    pub async fn send(&mut self, text: impl Into<String>) -> Result<()> {
        Ok(self.0.send(Message::text(text.into())).await?)
    }
}
