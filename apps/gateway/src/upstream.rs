//! One service behind the gateway: its instances, its connections, its limits.

mod addresses;
mod lost;
mod resolver;
mod url;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, HOST, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri, Version};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioTimer;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::debug;

use crate::admission::{Admission, Overloaded};
use crate::limits::{Limits, places};
use crate::metrics;
use crate::shared::Shared;

use addresses::Addresses;
use lost::{Lost, describe, may_repeat};
pub use resolver::{Resolver, SystemResolver};
pub use url::{UpstreamUrl, UpstreamUrlError};

/// How often one request may be begun anew after it was lost on the way.
const REPEATS: usize = 1;

/// How long our own questions to a service may take; a readiness check gives
/// up after two seconds.
const ASK_TIMEOUT: Duration = Duration::from_millis(1_800);
/// The longest answer to a question of our own, in bytes.
const LONGEST_ANSWER: usize = 4 * 1024 * 1024;

/// A service that the gateway speaks for.
pub(crate) struct Upstream {
    name: &'static str,
    host: HeaderValue,
    addresses: Addresses,
    admission: Admission,
    client: Client<HttpConnector, Full<Bytes>>,
    response_timeout: Duration,
    readiness: Shared<Result<(), &'static str>>,
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
            readiness: Shared::new(),
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

    /// Whether the service says that it is ready, or why not. One question at a
    /// time is on its way, whoever asks us and however often.
    pub(crate) async fn is_ready(&self) -> Result<(), &'static str> {
        self.readiness
            .answer(async {
                match self.ask("/readyz").await {
                    Ok((status, _)) if status.is_success() => Ok(()),
                    Ok(_) => Err("says that it is not ready"),
                    Err(_) => Err("does not answer"),
                }
            })
            .await
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
