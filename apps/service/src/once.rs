//! Requests that take effect once: a business transaction, with or without an
//! `Idempotency-Key`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use gozon_core::Append;
use gozon_inbox::{Begun, InboxDatabase, RequestError, Requests, StoredAnswer};
use gozon_sqlx::{Database, Db, UnitOfWork};
use serde::Serialize;

use crate::UserId;
use crate::idempotency::{IdempotencyKey, REPLAYED, fingerprint};
use crate::problem::{Code, Problem};

pub use gozon_inbox::RequestKey;

/// The key under which a request of `user` to `route` is remembered; `None`
/// when the client sent none.
///
/// # Errors
/// 500 when `body` cannot be written as JSON, which is a bug.
pub fn request_key<T: Serialize>(
    user: &UserId,
    route: &str,
    key: Option<IdempotencyKey>,
    body: &T,
) -> Result<Option<RequestKey>, Problem> {
    let Some(key) = key else { return Ok(None) };
    Ok(Some(RequestKey {
        user: user.as_str().to_owned(),
        route: route.to_owned(),
        key: key.as_str().to_owned(),
        fingerprint: fingerprint(route, body)?,
    }))
}

/// What a business transaction of a request does: it writes through the unit of
/// work and says the answer; or it refuses, and nothing is written.
pub type Work<'unit> = Pin<Box<dyn Future<Output = Result<StoredAnswer, Problem>> + Send + 'unit>>;

/// Runs the business transaction of a request. Cheap to clone.
pub struct Once<D: Database> {
    db: Db<D>,
    requests: Requests<D>,
    outbox: Arc<dyn Append<D::Tx>>,
}

impl<D: InboxDatabase> Once<D> {
    /// Works in `db`; messages that the work emits go to `outbox`.
    pub fn new(db: Db<D>, requests: Requests<D>, outbox: Arc<dyn Append<D::Tx>>) -> Self {
        Self {
            db,
            requests,
            outbox,
        }
    }

    /// Does `work` in one transaction and answers what it said. With a key, the
    /// answer is stored in the same transaction, and a repeat is answered with
    /// it instead of doing the work again.
    ///
    /// # Errors
    /// What `work` refused, with nothing written; 409 while the first request
    /// under the key is at work; 422 when the key was used for something else;
    /// 503 when the database is not there. After a 503 the work may have been
    /// done: a repeat with the same key finds out.
    pub async fn answer<W>(&self, key: Option<RequestKey>, work: W) -> Result<Answer, Problem>
    where
        W: for<'unit> FnOnce(&'unit mut UnitOfWork<D>) -> Work<'unit> + Send,
    {
        let Some(key) = key else {
            let mut unit = UnitOfWork::begin(&self.db, Arc::clone(&self.outbox)).await?;
            let stored = work(&mut unit).await?;
            unit.commit()
                .await
                .map_err(|error| Problem::of(error.class(), &error))?;
            return Ok(Answer {
                stored,
                replayed: false,
            });
        };
        let begun = self.requests.begin(key, Arc::clone(&self.outbox)).await;
        let mut pending = match begun.map_err(refusal)? {
            Begun::Replay(stored) => {
                return Ok(Answer {
                    stored,
                    replayed: true,
                });
            }
            Begun::Fresh(pending) => pending,
        };
        match work(pending.unit()).await {
            Ok(stored) => {
                pending.finish(stored.clone()).await.map_err(refusal)?;
                Ok(Answer {
                    stored,
                    replayed: false,
                })
            }
            Err(problem) => {
                pending.abandon().await;
                Err(problem)
            }
        }
    }
}

fn refusal(error: RequestError) -> Problem {
    match error {
        RequestError::Mismatch => Problem::header(
            Code::IdempotencyKeyReused,
            "Idempotency-Key",
            "was used for another request; choose a new key",
        ),
        RequestError::InProgress => Problem::header(
            Code::RequestInProgress,
            "Idempotency-Key",
            "belongs to a request that is still in progress; repeat later",
        ),
        RequestError::NotSuccess { .. } | RequestError::Db(_) | RequestError::Commit(_) => {
            Problem::of(error.class(), &error)
        }
    }
}

impl<D: Database> Clone for Once<D> {
    fn clone(&self) -> Self {
        Self {
            db: self.db.clone(),
            requests: self.requests.clone(),
            outbox: Arc::clone(&self.outbox),
        }
    }
}

impl<D: Database> fmt::Debug for Once<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").finish_non_exhaustive()
    }
}

/// What a request is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The answer.
    pub stored: StoredAnswer,
    /// Whether it was given before.
    pub replayed: bool,
}

/// An answer with a JSON body, to be given and stored.
///
/// # Errors
/// When `body` cannot be written as JSON, which is a bug.
pub fn json_answer<T: Serialize>(status: StatusCode, body: &T) -> Result<StoredAnswer, Problem> {
    Ok(StoredAnswer {
        status: status.as_u16(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: serde_json::to_vec(body).map_err(|error| Problem::internal(&error))?,
    })
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.stored.body));
        // What was stored was a valid answer; a row that someone edited by hand
        // still gets a valid one.
        *response.status_mut() = StatusCode::from_u16(self.stored.status).unwrap_or(StatusCode::OK);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in &self.stored.headers {
            if let (Ok(name), Ok(value)) = (
                HeaderName::try_from(name.as_str()),
                HeaderValue::try_from(value.as_str()),
            ) {
                headers.insert(name, value);
            }
        }
        if self.replayed {
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}
