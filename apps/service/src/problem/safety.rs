//! What makes every refusal a problem, also those that no handler wrote.

use std::any::Any;

use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{Method, Uri};
use axum::response::{IntoResponse, Response};

use super::{Code, MEDIA_TYPE, Problem};

pub(crate) async fn not_found() -> Problem {
    Problem::new(Code::NotFound, "there is nothing at this address")
}

pub(crate) async fn method_not_allowed(method: Method, _uri: Uri) -> Problem {
    Problem::new(
        Code::MethodNotAllowed,
        format!("{method} is not possible at this address"),
    )
}

/// The panic itself was logged by the hook that telemetry installs.
pub(crate) fn panicked(_panic: Box<dyn Any + Send + 'static>) -> Response {
    Problem::new(Code::Internal, "the service failed; the fault is not yours").into_response()
}

/// axum and its extractors refuse with plain text. Give such an answer our
/// shape, and keep what its headers say.
pub(crate) async fn rewrite_foreign(response: Response) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let is_problem = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(MEDIA_TYPE.as_bytes()));
    // Readiness answers 503 with a report when it is asked for one.
    let is_report = response.extensions().get::<Deliberate>().is_some();
    if !is_error || is_problem || is_report {
        return response;
    }
    let code = Code::of_status(status);
    let mut problem = Problem::new(code, code.title()).into_response();
    *problem.status_mut() = status;
    for name in [ALLOW, RETRY_AFTER] {
        if let Some(value) = response.headers().get(&name) {
            problem.headers_mut().insert(name, value.clone());
        }
    }
    problem
}

/// Marks an answer with an error status whose body is meant as it is.
pub(crate) fn safety_mark(mut response: Response) -> Response {
    response.extensions_mut().insert(Deliberate);
    response
}

#[derive(Debug, Clone, Copy)]
struct Deliberate;
