//! What a proxy must take out of a message before it may pass it on.
//!
//! The order is the defence: hop-by-hop headers go first, identity look-alikes
//! second, and the proxy writes the true identity last. In any other order a
//! client could name our own header in `Connection` and have it removed.

use gozon_service::identity;
use hyper::header::{
    CONNECTION, EXPECT, HeaderMap, HeaderName, HeaderValue, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// Removes what belongs to one connection only
/// ([RFC 9110, 7.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1)):
/// everything that `Connection` names, and the classics that old peers send
/// without naming them.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = tokens(headers, &CONNECTION)
        .filter_map(|token| HeaderName::from_bytes(token.as_bytes()).ok())
        .collect();
    for name in named {
        headers.remove(name);
    }

    for name in [
        CONNECTION,
        KEEP_ALIVE,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
    ] {
        headers.remove(name);
    }
    remove_where(headers, |name| name.starts_with("proxy-"));
}

/// Removes what a client may not say about itself: every spelling of the
/// identity header, and of the headers in which a proxy reports its client.
pub(crate) fn strip_claims(headers: &mut HeaderMap) {
    remove_where(headers, |name| {
        let folded = fold(name);
        folded == identity::HEADER.as_str()
            || folded == "forwarded"
            || folded == "x-real-ip"
            || folded.starts_with("x-forwarded-")
    });
    // We have read the whole request by the time it leaves, so nobody upstream
    // has to be asked whether it may be sent.
    headers.remove(EXPECT);
}

/// Says, freshly, for whom the gateway speaks.
pub(crate) fn set_forwarded(
    headers: &mut HeaderMap,
    peer: Option<std::net::IpAddr>,
    host: Option<HeaderValue>,
) {
    if let Some(peer) = peer.and_then(|peer| HeaderValue::from_str(&peer.to_string()).ok()) {
        headers.insert(FORWARDED_FOR, peer);
    }
    if let Some(host) = host {
        headers.insert(FORWARDED_HOST, host);
    }
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static("http"));
}

/// The comma-separated tokens of all headers called `name`.
pub(crate) fn tokens<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|token| !token.is_empty())
}

/// Whether one of the tokens of `name` is `wanted`, in any case.
pub(crate) fn has_token(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    tokens(headers, name).any(|token| token.eq_ignore_ascii_case(wanted))
}

fn remove_where(headers: &mut HeaderMap, unwanted: impl Fn(&str) -> bool) {
    let names: Vec<HeaderName> = headers
        .keys()
        .filter(|name| unwanted(name.as_str()))
        .cloned()
        .collect();
    for name in names {
        headers.remove(name);
    }
}

/// Folds a header name the way CGI-like frameworks do before they compare:
/// whatever is neither a letter nor a digit becomes a dash.
fn fold(name: &str) -> String {
    name.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn hop_by_hop_headers_and_what_connection_names_are_removed() {
        let mut map = headers(&[
            ("connection", "close, X-Private"),
            ("connection", "keep-alive"),
            ("x-private", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("trailer", "x-sum"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("proxy-connection", "keep-alive"),
            ("proxy-authorization", "secret"),
            ("accept", "application/json"),
        ]);

        strip_hop_by_hop(&mut map);

        assert_eq!(map, headers(&[("accept", "application/json")]));
    }

    #[test]
    fn every_spelling_of_identity_and_of_the_forwarded_headers_is_removed() {
        let mut map = headers(&[
            ("x-user-id", "1"),
            ("x_user_id", "2"),
            ("x-user_id", "3"),
            ("x.user.id", "4"),
            ("forwarded", "for=1.2.3.4"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x_forwarded_host", "evil.example"),
            ("x-real-ip", "1.2.3.4"),
            ("x-user-identity", "kept"),
        ]);

        strip_claims(&mut map);

        assert_eq!(map, headers(&[("x-user-identity", "kept")]));
    }

    #[test]
    fn tokens_are_found_in_any_case_and_in_any_line() {
        let map = headers(&[
            ("connection", "keep-alive"),
            ("connection", "foo , UPGRADE"),
        ]);

        assert!(has_token(&map, &CONNECTION, "upgrade"));
        assert!(!has_token(&map, &CONNECTION, "close"));
    }
}
