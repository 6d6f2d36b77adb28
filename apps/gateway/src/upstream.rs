//! One service behind the gateway: its instances, its connections, its limits.

mod addresses;
mod resolver;

use std::collections::VecDeque;
use std::error::Error;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri, Version};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::TokioTimer;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::debug;

use crate::admission::{Admission, Overloaded};
use crate::limits::{Limits, places};
use crate::metrics;

use addresses::Addresses;
pub use resolver::{Resolver, SystemResolver};

/// How often one request may be begun anew after it was lost on the way.
const REPEATS: usize = 1;

/// How long our own questions to a service may take; a readiness check gives
/// up after two seconds.
const ASK_TIMEOUT: Duration = Duration::from_millis(1_800);
/// The longest answer to a question of our own, in bytes.
const LONGEST_ANSWER: usize = 4 * 1024 * 1024;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A service that the gateway speaks for.
pub(crate) struct Upstream {
    name: &'static str,
    host: HeaderValue,
    addresses: Addresses,
    admission: Admission,
    client: Client<HttpConnector, Full<Bytes>>,
    response_timeout: Duration,
}

/// A request as it will be sent, whole, so that it can be sent again.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// An answer's head, its body still arriving, and the place that it takes up.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) response: Response<Incoming>,
    pub(crate) place: OwnedSemaphorePermit,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpstreamError {
    /// Nothing was sent: too many requests are on their way already.
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
    /// Nothing was sent: no instance accepts connections.
    #[error("no instance of {upstream} accepts connections: {cause}")]
    Unreachable {
        upstream: &'static str,
        cause: String,
    },
    /// The request was sent and the connection broke; its effect is unknown.
    #[error("the connection to {upstream} broke before the answer came: {cause}")]
    Broken {
        upstream: &'static str,
        cause: String,
    },
    /// The request was sent and nothing came back in time; its effect is unknown.
    #[error("{upstream} did not answer in time")]
    TimedOut { upstream: &'static str },
    /// The request cannot be expressed towards the upstream.
    #[error("the request cannot be passed on: {0}")]
    Unsendable(#[from] hyper::http::Error),
}

impl Upstream {
    /// An upstream at `url`; its connections run on `tasks`.
    pub(crate) fn new(
        name: &'static str,
        url: &UpstreamUrl,
        resolver: Arc<dyn Resolver>,
        limits: &Limits,
        tasks: TaskTracker,
    ) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(limits.connect_timeout));
        let client = Client::builder(TrackedExecutor(tasks))
            .pool_timer(TokioTimer::new())
            // Shorter than the time after which our services close an idle
            // connection, so that a request does not meet a closing one.
            .pool_idle_timeout(limits.pool_idle_timeout)
            .pool_max_idle_per_host(places(limits.max_in_flight))
            .set_host(false)
            .build(connector);
        Self {
            name,
            host: url.host_header.clone(),
            addresses: Addresses::new(name, url.host.clone(), url.port, resolver),
            admission: Admission::new(limits),
            client,
            response_timeout: limits.response_timeout,
        }
    }

    /// The service's name: `orders` or `payments`.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Keeps the addresses fresh until `shutdown`.
    pub(crate) async fn keep_fresh(&self, shutdown: CancellationToken) {
        self.addresses.keep_fresh(shutdown).await;
    }

    /// Sends `request` and waits for the head of the answer.
    ///
    /// A connection that cannot be made moves on to the next instance. A
    /// request that was begun is repeated, once, only where repeating cannot
    /// double an effect: the method or the idempotency key says so.
    pub(crate) async fn send(&self, request: Outgoing) -> Result<Answer, UpstreamError> {
        let begun = Instant::now();
        let answer = self.admit_and_send(request).await;
        let outcome = match &answer {
            Ok(answer) => metrics::Outcome::of_status(answer.response.status()),
            Err(error) => error.outcome(),
        };
        metrics::upstream_answered(self.name, outcome, begun.elapsed());
        answer
    }

    /// Asks the service something of our own, past the queue: how it is must be
    /// known also when it is busy.
    pub(crate) async fn ask(&self, path: &str) -> Result<(StatusCode, Bytes), UpstreamError> {
        let question = Outgoing {
            method: Method::GET,
            target: path.to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        };
        let ask = async {
            let response = self.try_each(&question).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), LONGEST_ANSWER)
                .collect()
                .await
                .map_err(|error| UpstreamError::Broken {
                    upstream: self.name,
                    cause: error.to_string(),
                })?;
            Ok((status, body.to_bytes()))
        };
        timeout(ASK_TIMEOUT, ask)
            .await
            .map_err(|_| UpstreamError::TimedOut {
                upstream: self.name,
            })?
    }

    async fn admit_and_send(&self, request: Outgoing) -> Result<Answer, UpstreamError> {
        let place = self.admission.enter().await?;
        let deadline = tokio::time::Instant::now() + self.response_timeout;
        let response = timeout_at(deadline, self.try_each(&request))
            .await
            .map_err(|_| UpstreamError::TimedOut {
                upstream: self.name,
            })??;
        Ok(Answer { response, place })
    }

    async fn try_each(&self, request: &Outgoing) -> Result<Response<Incoming>, UpstreamError> {
        let candidates = self
            .addresses
            .candidates()
            .await
            .map_err(|error| self.unreachable(&error))?;
        let mut candidates = VecDeque::from(candidates);
        let mut repeats = REPEATS;
        let mut cause = String::from("it has no address");
        while let Some(addr) = candidates.pop_front() {
            let sent = request.clone().into_request(addr, self.host.clone())?;
            let error = match self.client.request(sent).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            cause = describe(&error);
            match Lost::of(&error) {
                Lost::NotConnected => self.addresses.refused(addr),
                Lost::NotSent if repeats == 0 => {}
                Lost::Unknown if repeats == 0 || !may_repeat(request) => {
                    return Err(UpstreamError::Broken {
                        upstream: self.name,
                        cause,
                    });
                }
                // It did accept the connection, so it may be asked again, after
                // the others: with one instance it is the only one there is.
                Lost::NotSent | Lost::Unknown => {
                    repeats -= 1;
                    candidates.push_back(addr);
                }
            }
            debug!(upstream = self.name, %addr, cause, "the request was lost on the way");
            metrics::lost(self.name);
        }
        Err(self.unreachable(&cause))
    }

    fn unreachable(&self, cause: &dyn std::fmt::Display) -> UpstreamError {
        UpstreamError::Unreachable {
            upstream: self.name,
            cause: cause.to_string(),
        }
    }
}

impl Outgoing {
    fn into_request(
        self,
        addr: SocketAddr,
        host: HeaderValue,
    ) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let uri = Uri::builder()
            .scheme("http")
            .authority(addr.to_string())
            .path_and_query(self.target)
            .build()?;
        let mut request = Request::new(Full::new(self.body));
        *request.method_mut() = self.method;
        *request.uri_mut() = uri;
        *request.version_mut() = Version::HTTP_11;
        *request.headers_mut() = self.headers;
        // The body is whole, so its length is ours to state.
        request.headers_mut().remove(CONTENT_LENGTH);
        request.headers_mut().insert(HOST, host);
        Ok(request)
    }
}

impl UpstreamError {
    fn outcome(&self) -> metrics::Outcome {
        match self {
            Self::Overloaded(_) => metrics::Outcome::Overloaded,
            Self::Unreachable { .. } => metrics::Outcome::Unreachable,
            Self::Broken { .. } | Self::Unsendable(_) => metrics::Outcome::Broken,
            Self::TimedOut { .. } => metrics::Outcome::TimedOut,
        }
    }
}

/// What a failure says about the request's fate.
enum Lost {
    NotConnected,
    NotSent,
    Unknown,
}

impl Lost {
    fn of(error: &ClientError) -> Self {
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
fn may_repeat(request: &Outgoing) -> bool {
    request.method.is_idempotent() || request.headers.contains_key(IDEMPOTENCY_KEY)
}

fn describe(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// Where a service is found: `http://host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamUrl {
    host: String,
    port: u16,
    host_header: HeaderValue,
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

/// Runs hyper's connection tasks where the gateway can wait for their end.
#[derive(Clone)]
struct TrackedExecutor(TaskTracker);

impl<F> hyper::rt::Executor<F> for TrackedExecutor
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        self.0.spawn(task);
    }
}

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
