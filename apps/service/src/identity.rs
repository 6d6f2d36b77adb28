//! Who sends a request.
//!
//! **The demonstration's identity.** The header `X-User-Id` is believed as it
//! is, so a service must not be reachable except through something that sets
//! it. A browser's WebSocket cannot set headers; there `?user_id=` is believed.
//! Signed identity comes later and changes this file alone: everything else
//! asks [`of`] or the two extractors.

use std::fmt;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use utoipa::ToSchema;

use crate::origin;
use crate::page::query_pairs;
use crate::problem::{Code, Problem};

/// The header that names the user.
pub const HEADER: HeaderName = HeaderName::from_static("x-user-id");
/// The query parameter of a browser's WebSocket.
pub const PARAMETER: &str = "user_id";

/// A user's name: 1 to 64 of `A-Za-z0-9._-`, so both `1` and a UUID are names.
///
/// As an extractor: 401 without the header, 400 when it is malformed or sent
/// twice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, pattern = "^[A-Za-z0-9._-]{1,64}$", example = "alice")]
pub struct UserId(String);

impl UserId {
    /// `None` when `name` is not one.
    pub fn new(name: &str) -> Option<Self> {
        let plain = name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        (plain && (1..=64).contains(&name.len())).then(|| Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<UserId> for String {
    fn from(user: UserId) -> Self {
        user.0
    }
}

/// The user of a request, by its header.
///
/// # Errors
/// 401 without the header, 400 when it is malformed or sent twice.
pub fn of(headers: &HeaderMap) -> Result<UserId, Problem> {
    let mut values = headers.get_all(&HEADER).iter();
    match (values.next(), values.next()) {
        (None, _) => Err(Problem::header(
            Code::IdentityRequired,
            "X-User-Id",
            "is missing; it names the user",
        )),
        (Some(_), Some(_)) => Err(Problem::header(
            Code::MalformedHeader,
            "X-User-Id",
            "was sent more than once",
        )),
        (Some(value), None) => value
            .to_str()
            .ok()
            .and_then(UserId::new)
            .ok_or_else(|| Problem::header(Code::MalformedHeader, "X-User-Id", SHAPE)),
    }
}

const SHAPE: &str = "must be 1 to 64 letters, digits, dots, underscores or hyphens";

/// The user of a WebSocket: by its header, else by `?user_id=`.
///
/// # Errors
/// As [`of`]; 400 naming the parameter when that is malformed or repeated.
pub fn of_socket(parts: &Parts) -> Result<UserId, Problem> {
    if parts.headers.contains_key(&HEADER) {
        return of(&parts.headers);
    }
    let mut values = query_pairs(parts.uri.query())
        .filter(|(name, _)| name == PARAMETER)
        .map(|(_, value)| value);
    match (values.next(), values.next()) {
        (None, _) => of(&parts.headers),
        (Some(_), Some(_)) => Err(Problem::query(PARAMETER, "was sent more than once")),
        (Some(value), None) => UserId::new(&value).ok_or_else(|| Problem::query(PARAMETER, SHAPE)),
    }
}

/// Makes `user` the only identity that the headers carry: whatever looks like
/// the header, to any server that treats `_` and `-` alike, is removed first.
pub fn set(headers: &mut HeaderMap, user: &UserId) {
    strip(headers);
    // Its characters are all allowed in a header.
    if let Ok(value) = HeaderValue::from_str(user.as_str()) {
        headers.insert(HEADER, value);
    }
}

/// Removes the identity header and everything that looks like it.
pub fn strip(headers: &mut HeaderMap) {
    let alike: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().replace('_', "-") == HEADER.as_str())
        .cloned()
        .collect();
    for name in alike {
        headers.remove(name);
    }
}

impl<S: Send + Sync> FromRequestParts<S> for UserId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        of(&parts.headers)
    }
}

/// The user of a WebSocket handshake; see [`of_socket`]. 403 when a foreign web
/// page makes it: it could name whomever it likes.
#[derive(Debug, Clone)]
pub struct SocketUser(pub UserId);

impl<S: Send + Sync> FromRequestParts<S> for SocketUser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        origin::of_own_page(&parts.headers)?;
        of_socket(parts).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{Request, StatusCode};

    fn socket(uri: &str, headers: &[(&'static str, &'static str)]) -> Result<UserId, Problem> {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        of_socket(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn a_number_and_a_uuid_are_names() {
        for name in [
            "1",
            "alice",
            "0190f5b7-7a3c-7000-8000-000000000000",
            "A.b_c-9",
            &"x".repeat(64),
        ] {
            assert!(UserId::new(name).is_some(), "{name}");
        }
        for name in ["", "a b", "a/b", "é", "a\0", &"x".repeat(65)] {
            assert!(UserId::new(name).is_none(), "{name}");
        }
    }

    #[test]
    fn a_socket_may_name_its_user_in_the_query() {
        assert_eq!(socket("/ws?user_id=bob", &[]).unwrap().as_str(), "bob");
        assert_eq!(
            socket("/ws?user_id=bob", &[("x-user-id", "alice")])
                .unwrap()
                .as_str(),
            "alice"
        );
        let status = |uri| socket(uri, &[]).unwrap_err().status();
        assert_eq!(status("/ws"), StatusCode::UNAUTHORIZED);
        assert_eq!(status("/ws?user_id="), StatusCode::BAD_REQUEST);
        assert_eq!(status("/ws?user_id=a&user_id=a"), StatusCode::BAD_REQUEST);
    }

    #[tokio::test]
    async fn a_foreign_page_names_nobody() {
        let request = Request::builder()
            .uri("/ws?user_id=bob")
            .header("host", "127.0.0.1:8001")
            .header("origin", "https://evil.example");
        let mut parts = request.body(()).unwrap().into_parts().0;

        let refused = SocketUser::from_request_parts(&mut parts, &()).await;

        assert_eq!(refused.unwrap_err().status(), StatusCode::FORBIDDEN);
    }

    #[test]
    fn what_looks_like_the_identity_is_removed_before_it_is_set() {
        let mut headers = HeaderMap::new();
        for name in ["x-user-id", "x_user_id", "x-user_id"] {
            headers.append(name, HeaderValue::from_static("mallory"));
        }
        headers.append("x-user-id", HeaderValue::from_static("mallory"));
        headers.append("x-user-idea", HeaderValue::from_static("kept"));

        set(&mut headers, &UserId::new("alice").unwrap());

        assert_eq!(headers.len(), 2);
        assert_eq!(headers[HEADER], "alice");
    }
}
