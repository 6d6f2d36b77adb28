use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use uuid::Uuid;

use crate::problem::{Code, Problem};

/// The one id in a path, such as that of `/orders/{id}`: a UUID with hyphens.
/// Anything else is 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathId(pub Uuid);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let malformed = || {
            Problem::new(Code::MalformedId, "the id in the path is not a UUID")
                .with_parameter("id", "must be a UUID with hyphens")
        };
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| malformed())?;
        // The parser also knows forms that we never print.
        if text.len() != 36 {
            return Err(malformed());
        }
        Uuid::try_parse(&text).map(Self).map_err(|_| malformed())
    }
}
