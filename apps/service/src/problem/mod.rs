//! The one shape of every refusal: [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)
//! `application/problem+json`.

mod advice;
mod code;
mod documented;
mod pages;
mod safety;

use std::error::Error;
use std::fmt;
use std::time::Duration;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use gozon_core::ErrorClass;
use gozon_core::trace::TraceContext;
use gozon_sqlx::DbError;
use serde::Serialize;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

pub use advice::Remedy;
pub use code::Code;
pub use documented::refusals_by_status;
pub(crate) use pages::pages;
pub(crate) use safety::{method_not_allowed, not_found, panicked, rewrite_foreign, safety_mark};

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// A refusal. A handler returns it as its error.
#[derive(Clone)]
pub struct Problem(Box<Body>);

/// What the client reads.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Problem)]
struct Body {
    #[serde(skip)]
    #[schema(ignore)]
    code_value: Code,
    #[serde(skip)]
    #[schema(ignore)]
    retry_after: Option<Duration>,
    /// Stable address of the page that explains the code.
    #[serde(rename = "type")]
    #[schema(example = "/problems/invalid_body")]
    kind: String,
    /// A few words, the same each time.
    #[schema(example = "Invalid body")]
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 422)]
    status: u16,
    /// What went wrong this time.
    detail: String,
    /// What clients decide by.
    #[schema(example = "invalid_body")]
    code: &'static str,
    /// Which parts of the request are meant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Culprit>,
    /// Leads to the log lines of this request.
    #[schema(example = "4bf92f3577b34da6a3ce929d0e0e4736")]
    trace_id: String,
}

/// One part of the request that is to blame.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
#[schema(as = ProblemError)]
struct Culprit {
    /// JSON Pointer (RFC 6901) into the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "/amount")]
    pointer: Option<String>,
    /// Name of a parameter of the query, or of the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
    /// Name of a header.
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<String>,
    /// What is wrong with it.
    detail: String,
}

impl Problem {
    /// A problem of this kind; `detail` is for people and must not hold a
    /// secret.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let status = code.status();
        // RFC 9110: whoever answers 429 or 503 says when to come back.
        let waits = matches!(status.as_u16(), 429 | 503);
        Self(Box::new(Body {
            code_value: code,
            retry_after: waits.then_some(Duration::from_secs(1)),
            kind: code.type_uri(),
            title: code.title(),
            status: status.as_u16(),
            detail: detail.into(),
            code: code.as_str(),
            errors: Vec::new(),
            trace_id: trace_id(),
        }))
    }

    /// 422: the part of the body at `pointer` is refused.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let (pointer, detail) = (pointer.into(), detail.into());
        let place = if pointer.is_empty() {
            "the body"
        } else {
            &pointer
        };
        Self::new(Code::InvalidBody, format!("{place} {detail}")).with_pointer(pointer, detail)
    }

    /// 400: the query parameter is malformed, unknown or repeated.
    pub fn query(parameter: impl Into<String>, detail: impl Into<String>) -> Self {
        let (parameter, detail) = (parameter.into(), detail.into());
        let mut problem = Self::new(
            Code::MalformedQuery,
            format!("query parameter `{parameter}` {detail}"),
        );
        problem.0.errors.push(Culprit {
            parameter: Some(parameter),
            detail,
            ..Culprit::default()
        });
        problem
    }

    /// The header is missing, malformed, repeated or refused: 400 with
    /// [`Code::MalformedHeader`], 401 with [`Code::IdentityRequired`], and so on.
    pub fn header(code: Code, header: &str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let mut problem = Self::new(code, format!("header {header} {detail}"));
        problem.0.errors.push(Culprit {
            header: Some(header.to_owned()),
            detail,
            ..Culprit::default()
        });
        problem
    }

    /// 503 with `Retry-After`; `error` goes to the log only.
    pub fn unavailable(error: &dyn Error) -> Self {
        tracing::warn!(error = %Chain(error), "answered 503: something needed is not there");
        Self::new(
            Code::Unavailable,
            "the service cannot do this at the moment; repeat later",
        )
    }

    /// 500; `error` goes to the log only.
    pub fn internal(error: &dyn Error) -> Self {
        tracing::error!(error = %Chain(error), "answered 500");
        Self::new(Code::Internal, "the service failed; the fault is not yours")
    }

    /// What an error's class means over HTTP: `Retry` is 503, the others are
    /// 500. A refusal that the client can understand has a code of its own;
    /// match it first.
    pub fn of(class: ErrorClass, error: &dyn Error) -> Self {
        match class {
            ErrorClass::Retry => Self::unavailable(error),
            ErrorClass::Reject | ErrorClass::Bug => Self::internal(error),
        }
    }

    /// Names a part of the body, by JSON Pointer.
    #[must_use]
    pub fn with_pointer(mut self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        self.0.errors.push(Culprit {
            pointer: Some(pointer.into()),
            detail: detail.into(),
            ..Culprit::default()
        });
        self
    }

    /// Names a parameter of the path.
    #[must_use]
    pub fn with_parameter(
        mut self,
        parameter: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        self.0.errors.push(Culprit {
            parameter: Some(parameter.into()),
            detail: detail.into(),
            ..Culprit::default()
        });
        self
    }

    /// Says when to come back; whole seconds, rounded up.
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.0.retry_after = Some(after);
        self
    }

    /// Why.
    pub fn code(&self) -> Code {
        self.0.code_value
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.0.code_value.status()
    }

    /// The answer's body, for a caller without axum.
    pub fn to_json(&self) -> Vec<u8> {
        // Strings and numbers always serialize.
        serde_json::to_vec(&self.0).unwrap_or_default()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status(), self.to_json()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(after) = self.0.retry_after {
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        Self::of(error.class(), &error)
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

// The schema of a problem is the schema of its body.
impl PartialSchema for Problem {
    fn schema() -> RefOr<Schema> {
        Body::schema()
    }
}

impl ToSchema for Problem {
    fn name() -> std::borrow::Cow<'static, str> {
        "Problem".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Body::schemas(schemas);
    }
}

fn trace_id() -> String {
    gozon_core::trace::current()
        .unwrap_or_else(TraceContext::root)
        .trace_id()
        .to_owned()
}

/// An error with its causes, on one line.
struct Chain<'a>(&'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(problem: &Problem) -> Value {
        serde_json::from_slice(&problem.to_json()).unwrap()
    }

    #[tokio::test]
    async fn a_problem_carries_every_member_of_the_contract() {
        let trace = TraceContext::root();
        let problem = gozon_core::trace::scope(trace.clone(), async {
            Problem::invalid("/amount", "must be positive")
        })
        .await;

        assert_eq!(
            read(&problem),
            json!({
                "type": "/problems/invalid_body",
                "title": "Invalid body",
                "status": 422,
                "detail": "/amount must be positive",
                "code": "invalid_body",
                "errors": [{"pointer": "/amount", "detail": "must be positive"}],
                "trace_id": trace.trace_id(),
            })
        );
    }

    #[test]
    fn a_503_says_when_to_come_back() {
        let response = Problem::from(DbError::from(sqlx::Error::PoolTimedOut)).into_response();

        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[RETRY_AFTER], "1");
        assert_eq!(response.headers()[CONTENT_TYPE], MEDIA_TYPE);
    }

    #[test]
    fn our_own_faults_say_nothing_of_their_cause() {
        let problem = Problem::from(DbError::from(sqlx::Error::RowNotFound));

        assert_eq!(problem.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!read(&problem).to_string().contains("row"));
    }
}
