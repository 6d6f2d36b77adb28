//! The setting that says where a service is.

use std::net::SocketAddr;
use std::str::FromStr;

use bytes::Bytes;
use hyper::Uri;
use hyper::header::HeaderValue;

/// Where a service is found: `http://host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamUrl {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) host_header: HeaderValue,
}

impl FromStr for UpstreamUrl {
    type Err = UpstreamUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uri: Uri = text.parse().map_err(|_| UpstreamUrlError)?;
        let authority = uri.authority().ok_or(UpstreamUrlError)?;
        let plain = uri.scheme_str() == Some("http")
            && uri.path_and_query().is_none_or(|path| path == "/")
            && !authority.as_str().contains('@')
            && !authority.host().is_empty();
        if !plain {
            return Err(UpstreamUrlError);
        }
        Ok(Self {
            host: authority.host().to_owned(),
            port: authority.port_u16().unwrap_or(80),
            host_header: HeaderValue::from_str(authority.as_str()).map_err(|_| UpstreamUrlError)?,
        })
    }
}

impl std::fmt::Display for UpstreamUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "http://{}:{}", self.host, self.port)
    }
}

impl From<SocketAddr> for UpstreamUrl {
    fn from(addr: SocketAddr) -> Self {
        let host = match addr {
            SocketAddr::V4(addr) => addr.ip().to_string(),
            SocketAddr::V6(addr) => format!("[{}]", addr.ip()),
        };
        let host_header = HeaderValue::from_maybe_shared(Bytes::from(addr.to_string()))
            .unwrap_or(HeaderValue::from_static("localhost"));
        Self {
            host,
            port: addr.port(),
            host_header,
        }
    }
}

/// The text is not the address of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected http://host:port, without a path")]
pub struct UpstreamUrlError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_a_service_is_host_and_port() {
        for good in [
            "http://127.0.0.1:8001",
            "http://orders:8001/",
            "http://[::1]:8001",
        ] {
            let url: UpstreamUrl = good.parse().unwrap();
            assert_eq!(url.to_string(), good.trim_end_matches('/'));
        }
        for bad in [
            "",
            "orders",
            "orders:8001",
            "https://orders:8001",
            "http://orders/api",
            "http://u:p@orders",
            "http://:80",
        ] {
            assert_eq!(bad.parse::<UpstreamUrl>(), Err(UpstreamUrlError), "{bad}");
        }
    }
}
