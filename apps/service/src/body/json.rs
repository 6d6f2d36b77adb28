use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{FromRequest, OptionalFromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::fields::read_fields;
use super::object::read_object;
use crate::problem::{Code, Problem};

/// A JSON object as the body of a request, or any value as that of an answer.
///
/// Refuses with 415 (not declared as JSON), 413 (above the limit), 400 (no
/// JSON) or 422 (not an object, or a field unknown, repeated, missing or
/// wrong). Give the type `#[serde(deny_unknown_fields)]`.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

/// The largest body in bytes, as a request extension; [`crate::Shell`] sets it.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimit(pub usize);

impl Default for BodyLimit {
    /// 64 KiB.
    fn default() -> Self {
        Self(65_536)
    }
}

impl<T, S> FromRequest<S> for Json<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        check_media_type(request.headers())?;
        let limit = request.extensions().get::<BodyLimit>().copied();
        let (parts, body) = request.into_parts();
        let bytes = read_limited(&parts.headers, body, limit.unwrap_or_default()).await?;
        read_fields(&read_object(&bytes)?).map(Self)
    }
}

/// `Option<Json<T>>`: `None` without a body, whatever its headers say of it.
impl<T, S> OptionalFromRequest<S> for Json<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Problem> {
        if request.body().is_end_stream() {
            return Ok(None);
        }
        <Self as FromRequest<S>>::from_request(request, state)
            .await
            .map(Some)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let refuse = |header, detail| Err(Problem::header(Code::UnsupportedMediaType, header, detail));
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(media_type), None) = (types.next(), types.next()) else {
        return refuse("Content-Type", "must be sent once: application/json");
    };
    let essence = media_type
        .to_str()
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let is_json = essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"));
    if !is_json {
        return refuse("Content-Type", "must be application/json");
    }
    if headers.contains_key(CONTENT_ENCODING) {
        return refuse(
            "Content-Encoding",
            "is not known here; send the body uncompressed",
        );
    }
    Ok(())
}

/// Reads a body of `limit` bytes at most.
///
/// # Errors
/// 413 above the limit; 400 when the body breaks off.
pub async fn read_limited(
    headers: &HeaderMap,
    mut body: Body,
    limit: BodyLimit,
) -> Result<Bytes, Problem> {
    let too_large = || {
        let detail = format!("the body is larger than {} bytes", limit.0);
        Problem::new(Code::BodyTooLarge, detail)
    };
    let declared = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok())
        .and_then(|length| length.parse::<u64>().ok());
    if declared.is_some_and(|length| usize::try_from(length).is_ok_and(|length| length > limit.0)) {
        if !headers.contains_key(EXPECT) {
            discard(body).await;
        }
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::new(Code::MalformedBody, "the body broke off"))?;
        let Ok(data) = frame.into_data() else {
            continue; // trailers
        };
        if bytes.len() + data.len() > limit.0 {
            discard(body).await;
            return Err(too_large());
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.into())
}

/// Lets a client that is still sending finish, within bounds. Closing while
/// its bytes are under way would reset the connection, and it would never see
/// the answer.
async fn discard(mut body: Body) {
    const MOST: usize = 4 * 1024 * 1024;
    let read = async {
        let mut total = 0_usize;
        while let Some(Ok(frame)) = body.frame().await {
            total += frame.data_ref().map_or(0, Bytes::len);
            if total > MOST {
                break;
            }
        }
    };
    // Late is as good as never here.
    let _ = tokio::time::timeout(Duration::from_secs(2), read).await;
}
