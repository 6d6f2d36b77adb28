//! Who the client is, as the gateway's extractor finds it in the original
//! request. The rules are [`gozon_service::identity`]'s; signed identity will
//! change them there.

use axum::http::request::Parts;
use gozon_service::identity::{self, HEADER, PARAMETER, UserId};

use crate::refusal::Refusal;

/// The user of a request; none is for the service to refuse, because not every
/// path needs one.
pub(crate) fn of_request(parts: &Parts) -> Result<Option<UserId>, Refusal> {
    if !parts.headers.contains_key(HEADER) {
        return Ok(None);
    }
    identity::of(&parts.headers)
        .map(Some)
        .map_err(Refusal::Identity)
}

/// The user of a WebSocket handshake, by header or by query. There must be one.
pub(crate) fn of_handshake(parts: &Parts) -> Result<UserId, Refusal> {
    identity::of_socket(parts).map_err(Refusal::Identity)
}

/// The query without the user that it may name: the header says it from here
/// on, and queries reach logs.
pub(crate) fn without_user(query: Option<&str>) -> Option<String> {
    let kept: Vec<&str> = query?
        .split('&')
        .filter(|pair| pair.split('=').next() != Some(PARAMETER))
        .collect();
    (!kept.is_empty()).then(|| kept.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_is_taken_out_of_the_query() {
        assert_eq!(without_user(None), None);
        assert_eq!(without_user(Some("user_id=1")), None);
        assert_eq!(
            without_user(Some("a=1&user_id=1&b=2")).as_deref(),
            Some("a=1&b=2")
        );
        assert_eq!(
            without_user(Some("user_ids=1")).as_deref(),
            Some("user_ids=1")
        );
    }
}
