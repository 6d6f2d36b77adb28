//! Every metric of the gateway, and the only code that writes them.

use std::time::Duration;

use hyper::StatusCode;
use metrics::{counter, gauge, histogram};

/// Requests sent to a service. Labels `upstream`: `orders` or `payments`;
/// `outcome`: `2xx`, `3xx`, `4xx`, `5xx`, `overloaded`, `unreachable`, `broken` or `timed_out`.
pub const UPSTREAM_REQUESTS: &str = "gozon_gateway_upstream_requests_total";
/// Time to the head of a service's answer, waiting for a place included. Label `upstream`.
pub const UPSTREAM_SECONDS: &str = "gozon_gateway_upstream_seconds";
/// Times a request was lost before an answer came and another try was allowed. Label `upstream`.
pub const UPSTREAM_LOST: &str = "gozon_gateway_upstream_lost_total";
/// Times an instance refused a connection and was put last. Label `upstream`.
pub const EJECTIONS: &str = "gozon_gateway_ejections_total";
/// Requests that the gateway answered itself with an error. Label `code`: the problem's code.
pub const REFUSED: &str = "gozon_gateway_refused_total";
/// Open WebSockets.
pub const WEBSOCKETS: &str = "gozon_gateway_websockets";
/// WebSockets that ended. Label `reason`: `peer`, `idle`, `lifetime`, `shutdown` or `failed`.
pub const WEBSOCKETS_ENDED: &str = "gozon_gateway_websockets_ended_total";

/// How a request to a service ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Success,
    Redirect,
    ClientError,
    ServerError,
    Overloaded,
    Unreachable,
    Broken,
    TimedOut,
}

impl Outcome {
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            0..300 => Self::Success,
            300..400 => Self::Redirect,
            400..500 => Self::ClientError,
            500.. => Self::ServerError,
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Success => "2xx",
            Self::Redirect => "3xx",
            Self::ClientError => "4xx",
            Self::ServerError => "5xx",
            Self::Overloaded => "overloaded",
            Self::Unreachable => "unreachable",
            Self::Broken => "broken",
            Self::TimedOut => "timed_out",
        }
    }
}

pub(crate) fn upstream_answered(upstream: &'static str, outcome: Outcome, took: Duration) {
    counter!(UPSTREAM_REQUESTS, "upstream" => upstream, "outcome" => outcome.label()).increment(1);
    histogram!(UPSTREAM_SECONDS, "upstream" => upstream).record(took.as_secs_f64());
}

pub(crate) fn lost(upstream: &'static str) {
    counter!(UPSTREAM_LOST, "upstream" => upstream).increment(1);
}

pub(crate) fn ejected(upstream: &'static str) {
    counter!(EJECTIONS, "upstream" => upstream).increment(1);
}

pub(crate) fn refused(code: &'static str) {
    counter!(REFUSED, "code" => code).increment(1);
}

pub(crate) fn websocket_ended(reason: &'static str) {
    counter!(WEBSOCKETS_ENDED, "reason" => reason).increment(1);
}

/// Counts a WebSocket for as long as the value lives.
#[derive(Debug)]
pub(crate) struct OpenWebsocket(());

impl OpenWebsocket {
    pub(crate) fn new() -> Self {
        gauge!(WEBSOCKETS).increment(1.0);
        Self(())
    }
}

impl Drop for OpenWebsocket {
    fn drop(&mut self) {
        gauge!(WEBSOCKETS).decrement(1.0);
    }
}
