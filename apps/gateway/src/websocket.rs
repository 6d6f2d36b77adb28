//! The WebSocket's way through the gateway: a handshake like any request, and
//! nothing of what follows it before the service has said `101`.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use gozon_service::telemetry;
use hyper::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue, UPGRADE};
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::rt::TokioIo;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::debug;

use crate::config::SERVICE;
use crate::headers::has_token;
use crate::limits::{Limits, places};
use crate::metrics;
use crate::refusal::Refusal;
use crate::splice::splice;

const WEBSOCKET: &str = "websocket";
const KEY: HeaderName = HeaderName::from_static("sec-websocket-key");

/// How long a connection may take to change hands after the `101`.
const HAND_OVER: Duration = Duration::from_secs(5);

/// Whether the request asks for a WebSocket
/// ([RFC 6455, 4.2.1](https://www.rfc-editor.org/rfc/rfc6455#section-4.2.1)).
pub(crate) fn is_handshake<B>(request: &Request<B>) -> bool {
    request.method() == Method::GET
        && request.version() == Version::HTTP_11
        && has_token(request.headers(), &CONNECTION, "upgrade")
        && has_token(request.headers(), &UPGRADE, WEBSOCKET)
        && request.headers().contains_key(KEY)
}

/// Asks the next hop for a WebSocket. To be called after everything hop-by-hop
/// has been removed.
pub(crate) fn ask(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static(WEBSOCKET));
}

/// All open WebSockets.
#[derive(Debug, Clone)]
pub(crate) struct Sockets {
    places: Arc<Semaphore>,
    limits: Arc<Limits>,
    tasks: TaskTracker,
    closed: CancellationToken,
}

impl Sockets {
    /// Sockets run on `tasks` and end when `closed` says that nothing is
    /// accepted any more.
    pub(crate) fn new(limits: Arc<Limits>, tasks: TaskTracker, closed: CancellationToken) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places(limits.max_websockets))),
            limits,
            tasks,
            closed,
        }
    }

    /// A place for one more, or `503`.
    pub(crate) fn place(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        self.places
            .clone()
            .try_acquire_owned()
            .map_err(|_| Refusal::TooManySockets)
    }

    /// Turns the service's `101` into ours and joins the two connections as
    /// soon as ours has been written.
    pub(crate) fn join(
        &self,
        client: OnUpgrade,
        mut answer: Response<hyper::body::Incoming>,
        place: OwnedSemaphorePermit,
    ) -> Result<Response<Body>, Refusal> {
        if !has_token(answer.headers(), &UPGRADE, WEBSOCKET) {
            return Err(Refusal::WrongProtocol);
        }
        let service = hyper::upgrade::on(&mut answer);
        let limits = self.limits.clone();
        let closed = self.closed.clone();
        self.tasks
            .spawn(telemetry::scope(SERVICE.label, async move {
                let _place = place;
                let (Ok(Ok(client)), Ok(Ok(service))) =
                    tokio::join!(timeout(HAND_OVER, client), timeout(HAND_OVER, service))
                else {
                    metrics::websocket_ended("failed");
                    return;
                };
                let open = metrics::OpenWebsocket::new();
                let ended = splice(
                    TokioIo::new(client),
                    TokioIo::new(service),
                    &limits,
                    &closed,
                )
                .await;
                drop(open);
                metrics::websocket_ended(ended.label());
                debug!(reason = ended.label(), "a WebSocket ended");
            }));

        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        crate::headers::strip_hop_by_hop(response.headers_mut());
        ask(response.headers_mut());
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, lines: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::builder().method(method);
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    #[test]
    fn a_handshake_asks_in_both_headers_and_brings_a_key() {
        let whole = [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "WebSocket"),
            ("sec-websocket-key", "x"),
        ];
        assert!(is_handshake(&request("GET", &whole)));

        assert!(!is_handshake(&request("POST", &whole)));
        for missing in 0..whole.len() {
            let mut part = whole.to_vec();
            part.remove(missing);
            assert!(
                !is_handshake(&request("GET", &part)),
                "without {}",
                whole[missing].0
            );
        }
        let h2c = [
            ("connection", "upgrade"),
            ("upgrade", "h2c"),
            ("sec-websocket-key", "x"),
        ];
        assert!(!is_handshake(&request("GET", &h2c)));
    }
}
