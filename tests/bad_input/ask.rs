use std::net::SocketAddr;

use anyhow::Result;
use gozon_tests::http::{Answer, raw};

/// A request, byte by byte: an HTTP library would refuse to send half of them.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    line: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
}

impl Ask {
    /// A request without a body.
    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self {
            line: format!("{method} {path} HTTP/1.1"),
            headers: vec![("Host".to_owned(), b"gozon.example".to_vec())],
            body: None,
        }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// A `POST` with a body that is declared as JSON, whatever it is.
    pub(crate) fn post(path: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut ask = Self::new("POST", path).with("Content-Type", "application/json");
        ask.body = Some(body.into());
        ask
    }

    /// A WebSocket's handshake.
    pub(crate) fn handshake(path: &str) -> Self {
        Self::get(path)
            .with("Connection", "Upgrade")
            .with("Upgrade", "websocket")
            .with("Sec-WebSocket-Version", "13")
            .with("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
    }

    /// Adds a header, also one that is there already.
    pub(crate) fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers
            .push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    pub(crate) fn by(self, user: &str) -> Self {
        self.with("X-User-Id", user)
    }

    pub(crate) async fn send(&self, to: SocketAddr) -> Result<Answer> {
        raw(to, &self.bytes()).await
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{}\r\n", self.line).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        if let Some(body) = &self.body {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
            bytes.extend_from_slice(body);
        } else {
            bytes.extend_from_slice(b"\r\n");
        }
        bytes
    }
}
