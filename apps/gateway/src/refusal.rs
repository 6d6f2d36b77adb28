//! What the gateway answers itself instead of passing a request on.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use gozon_service::{Code, Problem, origin};

use crate::metrics;
use crate::upstream::UpstreamError;

/// Why the gateway did not pass a request on, or has no answer to pass back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// The request's body is larger than allowed.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The largest body, in bytes.
        limit: usize,
    },
    /// The request's body did not arrive in time.
    #[error("the body did not arrive in time")]
    SlowRequest,
    /// The bodies of other requests take all the room that there is.
    #[error("too many bodies are on their way; nothing was done")]
    TooManyBodies,
    /// The request's body broke off or is wrongly encoded.
    #[error("the body broke off or is wrongly encoded")]
    UnreadableBody,
    /// The page that asks for a WebSocket may not.
    #[error("this page may not open a WebSocket here")]
    ForeignOrigin,
    /// There are as many WebSockets as there may be.
    #[error("too many WebSockets are open")]
    TooManySockets,
    /// Who the user is cannot be told from the request.
    #[error("the request's identity is refused")]
    Identity(Problem),
    /// No service answered.
    #[error(transparent)]
    NoAnswer(#[from] UpstreamError),
    /// The service switched protocols unasked or to another protocol.
    #[error("the service answered with a protocol that nobody asked for")]
    WrongProtocol,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        let soon = Duration::from_secs(1);
        match refusal {
            Refusal::TooLarge { .. } => Self::new(Code::BodyTooLarge, detail),
            Refusal::SlowRequest => Self::new(Code::TimedOut, detail),
            Refusal::UnreadableBody => Self::new(Code::MalformedBody, detail),
            Refusal::ForeignOrigin => origin::refused(),
            Refusal::TooManySockets | Refusal::TooManyBodies => {
                Self::new(Code::Unavailable, detail).with_retry_after(soon)
            }
            Refusal::Identity(problem) => problem,
            Refusal::WrongProtocol => Self::new(Code::BadGateway, detail),
            Refusal::NoAnswer(error) => of_upstream(&error),
        }
    }
}

/// Addresses and causes go to the log; the client learns what it may do.
fn of_upstream(error: &UpstreamError) -> Problem {
    let soon = Duration::from_secs(1);
    match error {
        UpstreamError::Overloaded(_) => Problem::new(
            Code::Unavailable,
            "too many requests are waiting; nothing was done",
        )
        .with_retry_after(soon),
        UpstreamError::Unreachable { upstream, .. } => Problem::new(
            Code::Unavailable,
            format!("{upstream} cannot be reached; nothing was done"),
        )
        .with_retry_after(soon),
        UpstreamError::Broken { upstream, .. } => Problem::new(
            Code::BadGateway,
            format!("the connection to {upstream} broke; the request may have had its effect"),
        ),
        UpstreamError::TimedOut { upstream } => Problem::new(
            Code::GatewayTimeout,
            format!("{upstream} did not answer in time; the request may have had its effect"),
        ),
        UpstreamError::Unsendable(_) => {
            Problem::new(Code::MalformedRequest, "the request cannot be passed on")
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match &self {
            Self::NoAnswer(UpstreamError::Overloaded(_))
            | Self::TooManySockets
            | Self::TooManyBodies => {}
            Self::NoAnswer(_) | Self::WrongProtocol => {
                tracing::warn!(error = %self, "a request has no answer from its service");
            }
            _ => {}
        }
        let problem = Problem::from(self);
        metrics::refused(problem.code().as_str());
        problem.into_response()
    }
}
