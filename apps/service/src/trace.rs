//! One trace id, one span, one log line and two metrics per request.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use gozon_core::trace::TraceContext;
use metrics::{counter, histogram};
use tracing::{Instrument, info, info_span};

use crate::metrics::{DURATION, REQUESTS};
use crate::{identity, telemetry};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
/// The trace id, on every answer.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What asks every second and says nothing new.
const UNLOGGED: [&str; 3] = ["/livez", "/readyz", "/metrics"];

/// In the extensions of an answer: it needs no line of its own in the log, being
/// one of dozens that a browser asks for together.
#[derive(Debug, Clone, Copy)]
pub struct Unlogged;

pub(crate) async fn trace(
    State(service): State<&'static str>,
    request: Request,
    next: Next,
) -> Response {
    let trace = of(request.headers());
    let method = method_label(request.method());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    let user = identity::of(request.headers()).ok();
    let span = info_span!("http.request", service, trace_id = trace.trace_id());
    let started = Instant::now();

    let work = telemetry::scope(service, next.run(request)).instrument(span.clone());
    let mut response = gozon_core::trace::scope(trace.clone(), work).await;

    let elapsed = started.elapsed();
    let status = response.status().as_u16();
    counter!(
        REQUESTS,
        "service" => service, "method" => method, "route" => route.clone(), "status" => status.to_string()
    )
    .increment(1);
    histogram!(DURATION, "service" => service, "method" => method, "route" => route.clone())
        .record(elapsed);
    let minor = response.extensions().get::<Unlogged>().is_some();
    if !minor && !UNLOGGED.contains(&route.as_str()) {
        // Inside the span, not merely below it: the JSON format lists the spans
        // that are entered.
        span.in_scope(|| {
            info!(
                http.method = method,
                http.route = route,
                http.status = status,
                duration_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
                user.id = user.as_ref().map(identity::UserId::as_str),
                "request answered"
            );
        });
    }
    if let Ok(id) = HeaderValue::from_str(trace.trace_id()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// Continues the caller's trace, or starts one.
fn of(headers: &HeaderMap) -> TraceContext {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    // Vendors' state is the caller's text; what is longer than the standard
    // asks us to keep does not travel on.
    let state = text(TRACESTATE).filter(|state| state.len() <= 512);
    text(TRACEPARENT)
        .and_then(|parent| TraceContext::parse(parent, state))
        .map_or_else(TraceContext::root, |parent| parent.child())
}

/// A closed set, whatever clients send.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}
