use std::fmt;
use std::str::FromStr;

use ureq::http::Uri;

/// Where the shop is: `http://127.0.0.1:8000`, or a path below a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    secure: bool,
    /// Host, port and path, without a slash at the end.
    place: String,
}

/// The text names no server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write it like http://127.0.0.1:8000 or https://shop.example")]
pub(crate) struct InvalidServer;

impl Server {
    /// The URL of `path`, which begins with a slash.
    pub(crate) fn http(&self, path: &str) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.place)
    }

    /// The URL of a WebSocket at `path`.
    pub(crate) fn websocket(&self, path: &str) -> String {
        let scheme = if self.secure { "wss" } else { "ws" };
        format!("{scheme}://{}{path}", self.place)
    }
}

impl FromStr for Server {
    type Err = InvalidServer;

    fn from_str(text: &str) -> Result<Self, InvalidServer> {
        let uri: Uri = text.trim().parse().map_err(|_| InvalidServer)?;
        let secure = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(InvalidServer),
        };
        let host = uri.authority().ok_or(InvalidServer)?;
        if uri.query().is_some() || host.host().is_empty() || host.as_str().contains('@') {
            return Err(InvalidServer);
        }
        let place = format!("{host}{}", uri.path().trim_end_matches('/'));
        Ok(Self { secure, place })
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.http(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_url_with_a_host() {
        let near: Server = "http://127.0.0.1:8000/".parse().unwrap();
        assert_eq!(near.http("/orders"), "http://127.0.0.1:8000/orders");
        assert_eq!(near.websocket("/ws"), "ws://127.0.0.1:8000/ws");

        let far: Server = "https://example.org/shop/".parse().unwrap();
        assert_eq!(far.http("/orders"), "https://example.org/shop/orders");
        assert_eq!(far.websocket("/ws"), "wss://example.org/shop/ws");
        assert_eq!(far.to_string(), "https://example.org/shop");

        for bad in [
            "",
            "localhost:8000",
            "ftp://example.org",
            "http://",
            "http://a?b=c",
            "http://user:secret@a",
        ] {
            assert_eq!(bad.parse::<Server>(), Err(InvalidServer), "{bad}");
        }
    }
}
