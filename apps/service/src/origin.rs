//! Which pages may open a WebSocket.
//!
//! A browser sends a user's cookies and, some day, a user's session to any
//! host that any page names; for WebSockets the `Origin` header is the only
//! thing that tells our page from a foreign one.

use axum::http::Uri;
use axum::http::header::{HOST, HeaderMap, HeaderName, ORIGIN};

use crate::problem::{Code, Problem};

const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The pages that may open a WebSocket besides our own.
#[derive(Debug, Clone, Default)]
pub struct AllowedOrigins(Vec<String>);

impl AllowedOrigins {
    /// Pages such as `https://shop.example`.
    pub fn new(origins: &[String]) -> Self {
        Self(
            origins
                .iter()
                .map(|origin| origin.trim_end_matches('/').to_ascii_lowercase())
                .collect(),
        )
    }

    /// Whether a handshake with these headers comes from a page that may make it.
    ///
    /// No `Origin` at all: not a browser, so no page to protect. An origin on
    /// the host that was asked: our own page, on whichever port. Anything else
    /// must be on the list.
    pub fn admit(&self, headers: &HeaderMap) -> bool {
        let mut origins = headers.get_all(ORIGIN).iter();
        let Some(origin) = origins.next() else {
            return true;
        };
        let Some(origin) = origin.to_str().ok().filter(|_| origins.next().is_none()) else {
            return false;
        };
        if self
            .0
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(origin))
        {
            return true;
        }
        is_own(headers, &HOST, origin)
    }
}

/// Refuses a handshake that a foreign page makes with a service itself: its port
/// may be open on the very machine on which the browser runs.
///
/// Behind a gateway the page knows another host, which the gateway names in
/// `X-Forwarded-Host`; a page cannot set that header for a WebSocket. Which other
/// pages may, only the gateway knows: it passes on no `Origin`.
///
/// # Errors
/// 403.
pub(crate) fn of_own_page(headers: &HeaderMap) -> Result<(), Problem> {
    if AllowedOrigins::default().admit(headers) {
        return Ok(());
    }
    let mut origins = headers.get_all(ORIGIN).iter();
    let own = match (origins.next().map(|origin| origin.to_str()), origins.next()) {
        (Some(Ok(origin)), None) => is_own(headers, &FORWARDED_HOST, origin),
        _ => false,
    };
    own.then_some(()).ok_or_else(refused)
}

/// 403: this page may not open a WebSocket.
pub fn refused() -> Problem {
    Problem::header(
        Code::OriginRefused,
        "Origin",
        "names a page that may not open a WebSocket here",
    )
}

fn is_own(headers: &HeaderMap, named_by: &HeaderName, origin: &str) -> bool {
    let Some(host) = headers.get(named_by).and_then(|host| host.to_str().ok()) else {
        return false;
    };
    let own = host_of(&format!("http://{host}"));
    own.is_some() && host_of(origin) == own
}

fn host_of(origin: &str) -> Option<String> {
    let uri: Uri = origin.parse().ok()?;
    matches!(uri.scheme_str(), Some("http" | "https")).then_some(())?;
    Some(uri.host()?.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(host: &str, origins: &[&str], list: &[String]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        for origin in origins {
            headers.append(ORIGIN, origin.parse().unwrap());
        }
        AllowedOrigins::new(list).admit(&headers)
    }

    #[test]
    fn our_own_page_and_programs_without_a_page_are_admitted() {
        assert!(admitted("localhost:8000", &[], &[]));
        assert!(admitted("localhost:8000", &["http://localhost:8080"], &[]));
        assert!(admitted("Shop.example", &["https://shop.example"], &[]));
        assert!(admitted("[::1]:8000", &["http://[::1]:8000"], &[]));
    }

    #[test]
    fn foreign_pages_are_not_admitted() {
        for origin in [
            "https://evil.example",
            "null",
            "",
            "http://localhost.evil.example",
            "file://localhost",
            "localhost",
        ] {
            assert!(!admitted("localhost:8000", &[origin], &[]), "{origin}");
        }
        assert!(!admitted(
            "localhost:8000",
            &["http://localhost:8000", "https://evil.example"],
            &[]
        ));
    }

    #[test]
    fn pages_on_the_list_are_admitted() {
        let list = ["https://page.example/".to_owned()];

        assert!(admitted("localhost:8000", &["https://page.example"], &list));
        assert!(!admitted("localhost:8000", &["http://page.example"], &list));
    }

    #[test]
    fn a_service_admits_its_own_page_and_the_one_that_its_gateway_names() {
        for (origin, forwarded, admitted) in [
            (None, None, true),
            (Some("http://127.0.0.1:8001"), None, true),
            (Some("https://evil.example"), None, false),
            (Some("null"), None, false),
            (Some("https://shop.example"), Some("shop.example"), true),
            (Some("https://evil.example"), Some("shop.example"), false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, "127.0.0.1:8001".parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(ORIGIN, origin.parse().unwrap());
            }
            if let Some(host) = forwarded {
                headers.insert(FORWARDED_HOST, host.parse().unwrap());
            }

            let refused = of_own_page(&headers).err().map(|problem| problem.code());

            let expected = (!admitted).then_some(Code::OriginRefused);
            assert_eq!(refused, expected, "{origin:?} {forwarded:?}");
        }
    }
}
