use serde::Deserialize;

/// Why a call brought no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// No answer: it may have been done or not. Repeat it with the same key.
    #[error("no answer: {0}")]
    Unreachable(String),
    /// The shop answered with a problem.
    #[error("refused: {}", .0.code)]
    Refused(Problem),
    /// An answer that is not of this contract: another server, a later version.
    #[error("unreadable answer: {0}")]
    Unreadable(String),
    /// Not sent: too much else is being sent.
    #[error("too much at once")]
    Busy,
}

/// A problem of [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Problem {
    pub(crate) status: u16,
    /// Stable; decided by.
    pub(crate) code: String,
    /// For people.
    #[serde(default)]
    pub(crate) detail: String,
    /// Which parts of the request are refused.
    #[serde(default)]
    pub(crate) errors: Vec<FieldError>,
    /// What an operator finds it by.
    #[serde(default)]
    pub(crate) trace_id: String,
}

/// One refused part of a request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct FieldError {
    /// A JSON pointer into the body: `/amount`.
    #[serde(default)]
    pub(crate) pointer: Option<String>,
    #[serde(default)]
    pub(crate) detail: String,
}

impl Failure {
    /// Whether the same request may still have its effect, or have had it:
    /// then it is repeated with the same key.
    pub(crate) fn is_open(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Unreadable(_) | Self::Busy => true,
            // What a server could not do, a gateway could not reach or the same
            // key is still at work on.
            Self::Refused(problem) => {
                problem.status >= 500
                    || problem.status == 429
                    || problem.code == "request_in_progress"
            }
        }
    }

    /// Whether it says this.
    pub(crate) fn has_code(&self, code: &str) -> bool {
        matches!(self, Self::Refused(problem) if problem.code == code)
    }
}

impl Problem {
    /// What it says about the field at `pointer`.
    pub(crate) fn at(&self, pointer: &str) -> Option<&str> {
        let error = self
            .errors
            .iter()
            .find(|error| error.pointer.as_deref() == Some(pointer))?;
        Some(&error.detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, code: &str) -> Failure {
        Failure::Refused(Problem {
            status,
            code: code.into(),
            detail: String::new(),
            errors: vec![],
            trace_id: String::new(),
        })
    }

    #[test]
    fn only_a_refusal_closes_a_request() {
        assert!(!refused(422, "invalid_body").is_open());
        assert!(!refused(404, "account_not_found").is_open());
        assert!(refused(503, "unavailable").is_open());
        assert!(refused(429, "too_many_requests").is_open());
        assert!(refused(409, "request_in_progress").is_open());
        assert!(!refused(409, "account_exists").is_open());
        assert!(Failure::Unreachable("gone".into()).is_open());
    }

    #[test]
    fn a_problem_names_its_fields() {
        let problem: Problem = serde_json::from_str(
            r#"{"type":"/problems/invalid_body","title":"Invalid body","status":422,
                "detail":"/amount must be positive","code":"invalid_body",
                "errors":[{"pointer":"/amount","detail":"must be positive"},{"detail":"whole"}],
                "trace_id":"4bf92f35"}"#,
        )
        .unwrap();
        assert_eq!(problem.at("/amount"), Some("must be positive"));
        assert_eq!(problem.at("/description"), None);
    }
}
