//! One request on its way to a service and its answer on the way back.

use std::sync::Arc;

use axum::body::Body;
use axum::http::request::Parts;
use gozon_core::trace::{self, TraceContext};
use gozon_service::UserId;
use gozon_service::origin::AllowedOrigins;
use hyper::header::{CONNECTION, HOST, HeaderName, HeaderValue, ORIGIN, UPGRADE};
use hyper::{Request, Response, StatusCode};

use crate::app::PeerAddr;
use crate::body::{self, AnswerBody, Room};
use crate::headers::{set_forwarded, strip_claims, strip_hop_by_hop};
use crate::identity;
use crate::limits::{Limits, places};
use crate::refusal::Refusal;
use crate::upstream::{Outgoing, Upstream};
use crate::websocket::{self, Sockets};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Passes requests on under the gateway's rules.
#[derive(Clone)]
pub(crate) struct Proxy {
    limits: Arc<Limits>,
    body_limit: usize,
    room: Room,
    origins: Arc<AllowedOrigins>,
    sockets: Sockets,
}

impl Proxy {
    pub(crate) fn new(
        limits: Arc<Limits>,
        body_limit: u32,
        origins: AllowedOrigins,
        sockets: Sockets,
    ) -> Self {
        Self {
            room: Room::new(limits.bodies_limit),
            limits,
            body_limit: places(body_limit),
            origins: Arc::new(origins),
            sockets,
        }
    }

    /// Sends `request` to `upstream` and returns its answer, or our refusal.
    pub(crate) async fn pass(
        &self,
        upstream: &Upstream,
        request: Request<Body>,
    ) -> Result<Response<Body>, Refusal> {
        if websocket::is_handshake(&request) {
            self.pass_handshake(upstream, request).await
        } else {
            self.pass_request(upstream, request).await
        }
    }

    async fn pass_request(
        &self,
        upstream: &Upstream,
        request: Request<Body>,
    ) -> Result<Response<Body>, Refusal> {
        let (mut parts, incoming) = request.into_parts();
        let user = identity::of_request(&parts)?;
        let target = target(&parts, parts.uri.query());
        let ends = parts.headers.contains_key(UPGRADE);
        let kept = body::read(
            &parts.headers,
            incoming,
            self.body_limit,
            self.limits.body_timeout,
            &self.room,
        )
        .await?;
        rewrite(&mut parts, user);
        let outgoing = Outgoing {
            method: parts.method,
            target,
            headers: parts.headers,
            body: kept.bytes.clone(),
        };

        let answer = upstream.send(outgoing).await?;

        drop(kept);
        if answer.response.status() == StatusCode::SWITCHING_PROTOCOLS {
            // Nobody asked for it.
            return Err(Refusal::WrongProtocol);
        }
        let mut response = self.pass_back(answer.response, answer.place);
        if ends {
            close(&mut response);
        }
        Ok(response)
    }

    async fn pass_handshake(
        &self,
        upstream: &Upstream,
        mut request: Request<Body>,
    ) -> Result<Response<Body>, Refusal> {
        if !self.origins.admit(request.headers()) {
            return Err(Refusal::ForeignOrigin);
        }
        let client = hyper::upgrade::on(&mut request);
        let (mut parts, _) = request.into_parts();
        let user = identity::of_handshake(&parts)?;
        let place = self.sockets.place()?;
        let target = target(&parts, identity::without_user(parts.uri.query()).as_deref());
        rewrite(&mut parts, Some(user));
        // Judged here, by a list that the service does not have.
        parts.headers.remove(ORIGIN);
        websocket::ask(&mut parts.headers);
        let outgoing = Outgoing {
            method: parts.method,
            target,
            headers: parts.headers,
            body: bytes::Bytes::new(),
        };

        let answer = upstream.send(outgoing).await?;

        if answer.response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return self.sockets.join(client, answer.response, place);
        }
        // The service declined. What the client may have sent behind its
        // handshake was meant for another protocol and is never read.
        let mut response = self.pass_back(answer.response, answer.place);
        close(&mut response);
        Ok(response)
    }

    fn pass_back(
        &self,
        response: Response<hyper::body::Incoming>,
        place: tokio::sync::OwnedSemaphorePermit,
    ) -> Response<Body> {
        let (mut parts, body) = response.into_parts();
        strip_hop_by_hop(&mut parts.headers);
        let body = AnswerBody::new(body, self.limits.silence_timeout, place).into_body();
        Response::from_parts(parts, body)
    }
}

/// Makes the client's headers ours. The order is the defence, see [`crate::headers`].
fn rewrite(parts: &mut Parts, user: Option<UserId>) {
    let peer = parts.extensions.get::<PeerAddr>().map(|peer| peer.0.ip());
    let host = parts.headers.get(HOST).cloned();
    let headers = &mut parts.headers;
    strip_hop_by_hop(headers);
    strip_claims(headers);
    set_forwarded(headers, peer, host);
    let trace = trace::current().unwrap_or_else(TraceContext::root).child();
    if let Ok(traceparent) = HeaderValue::from_str(trace.traceparent()) {
        headers.insert(TRACEPARENT, traceparent);
    }
    headers.remove(TRACESTATE);
    if let Some(state) = trace
        .tracestate()
        .and_then(|state| HeaderValue::from_str(state).ok())
    {
        headers.insert(TRACESTATE, state);
    }
    if let Some(user) = user {
        gozon_service::identity::set(headers, &user);
    }
}

fn target(parts: &Parts, query: Option<&str>) -> String {
    let path = parts.uri.path();
    match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    }
}

fn close(response: &mut Response<Body>) {
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
}
