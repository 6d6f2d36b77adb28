//! What became of a request that got no answer.

use std::error::Error;

use hyper::header::HeaderName;
use hyper_util::client::legacy::Error as ClientError;

use super::Outgoing;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What a failure says about the request's fate.
pub(super) enum Lost {
    /// No connection could be made.
    NotConnected,
    /// The connection closed before the request began.
    NotSent,
    /// The request, or a part of it, left.
    Unknown,
}

impl Lost {
    /// What `error` says.
    pub(super) fn of(error: &ClientError) -> Self {
        if error.is_connect() {
            return Self::NotConnected;
        }
        // hyper cancels, or finds the connection closed, only before the first
        // byte of the request is written; the request is then still whole.
        let unsent = error
            .source()
            .and_then(|source| source.downcast_ref::<hyper::Error>())
            .is_some_and(|source| source.is_canceled() || source.is_closed());
        if unsent { Self::NotSent } else { Self::Unknown }
    }
}

/// Whether sending the request twice has the effect of sending it once: by the
/// method's definition ([RFC 9110, 9.2.2](https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2))
/// or by the key that our services honour.
pub(super) fn may_repeat(request: &Outgoing) -> bool {
    request.method.is_idempotent() || request.headers.contains_key(IDEMPOTENCY_KEY)
}

/// The error with all its causes, for the log.
pub(super) fn describe(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
