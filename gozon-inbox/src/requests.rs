use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use gozon_core::{Append, ErrorClass};
use gozon_sqlx::{CommitError, Database, Db, DbError, UnitOfWork};

use crate::config::InboxConfig;
use crate::database::InboxDatabase;
use crate::metrics;
use crate::store::{Claim, RequestStore};

/// The inbox's second door: HTTP requests with an `Idempotency-Key` take effect
/// once. Cheap to clone.
///
/// The answer is stored in the transaction of the business, so a repeat gets
/// the first answer again exactly when the first took effect.
pub struct Requests<D: Database> {
    db: Db<D>,
    store: Arc<dyn RequestStore<D::Tx>>,
    config: Arc<InboxConfig>,
    in_flight: InFlight,
}

/// Which request this is, and what it asks for.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestKey {
    /// Whose key it is: keys of two users never meet.
    pub user: String,
    /// Where it was used, such as `POST /orders`.
    pub route: String,
    /// The key that the client chose.
    pub key: String,
    /// A hash over what the request asks for, to tell a repeat from a misuse.
    pub fingerprint: [u8; 32],
}

// A client's key may be guessable from its orders; logs need not have it.
impl fmt::Debug for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestKey")
            .field("route", &self.route)
            .finish_non_exhaustive()
    }
}

/// What to do with a keyed request.
// Almost every request is the first; a box would cost each an allocation.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
pub enum Begun<D: Database> {
    /// It took effect before: answer this, and say that it is a replay.
    Replay(StoredAnswer),
    /// It is the first: do the work in its transaction.
    Fresh(PendingRequest<D>),
}

impl<D: InboxDatabase> Requests<D> {
    pub(crate) fn new(
        db: Db<D>,
        store: Arc<dyn RequestStore<D::Tx>>,
        config: Arc<InboxConfig>,
        in_flight: InFlight,
    ) -> Self {
        Self {
            db,
            store,
            config,
            in_flight,
        }
    }

    /// Opens a transaction and takes the key in it. A concurrent repeat waits
    /// for the first, up to `request_wait`.
    ///
    /// # Errors
    /// [`RequestError::Mismatch`] when the key was used for something else;
    /// [`RequestError::InProgress`] when the first is still at work;
    /// [`RequestError::Db`] when the database fails.
    pub async fn begin(
        &self,
        key: RequestKey,
        outbox: Arc<dyn Append<D::Tx>>,
    ) -> Result<Begun<D>, RequestError> {
        let wait = self.config.request_wait;
        // With one writer, a repeat waits here for the first and not at the row.
        let begun = tokio::time::timeout(wait, UnitOfWork::begin(&self.db, outbox)).await;
        let mut unit = match begun {
            Ok(unit) => unit?,
            Err(_) if self.in_flight.has(&key) => return Err(in_progress()),
            Err(_) => return Err(DbError::from(sqlx::Error::PoolTimedOut).into()),
        };
        let keep = self.config.request_keep;
        let claim = self.store.claim(unit.tx(), &key, keep, wait).await?;
        let (fingerprint, answer) = match claim {
            Claim::Fresh => {
                metrics::request("fresh");
                return Ok(Begun::Fresh(PendingRequest {
                    _in_flight: self.in_flight.enter(&key),
                    unit,
                    key,
                    store: Arc::clone(&self.store),
                }));
            }
            Claim::InProgress => return Err(in_progress()),
            Claim::Taken {
                fingerprint,
                answer,
            } => (fingerprint, answer),
        };
        // Nothing was written; a failed rollback only closes the connection.
        let _ = unit.rollback().await;
        if fingerprint == key.fingerprint {
            metrics::request("replay");
            Ok(Begun::Replay(answer))
        } else {
            metrics::request("mismatch");
            Err(RequestError::Mismatch)
        }
    }
}

impl<D: Database> Clone for Requests<D> {
    fn clone(&self) -> Self {
        Self {
            db: self.db.clone(),
            store: Arc::clone(&self.store),
            config: Arc::clone(&self.config),
            in_flight: self.in_flight.clone(),
        }
    }
}

impl<D: Database> fmt::Debug for Requests<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests").finish_non_exhaustive()
    }
}

fn in_progress() -> RequestError {
    metrics::request("in_progress");
    RequestError::InProgress
}

/// The first request under its key. Dropped, it rolls back and frees the key.
pub struct PendingRequest<D: Database> {
    // Declared before the guard: the transaction ends first.
    unit: UnitOfWork<D>,
    key: RequestKey,
    store: Arc<dyn RequestStore<D::Tx>>,
    _in_flight: InFlightGuard,
}

impl<D: Database> PendingRequest<D> {
    /// The transaction in which the work is to be done.
    pub fn unit(&mut self) -> &mut UnitOfWork<D> {
        &mut self.unit
    }

    /// Stores the answer and commits all: the work, the answer, the messages.
    ///
    /// # Errors
    /// [`RequestError::NotSuccess`] for an answer that is not 2xx: only what
    /// took effect may be replayed; nothing was committed.
    /// [`RequestError::Commit`] with class `Retry`: the outcome is unknown, and
    /// a repeat with the same key finds out.
    pub async fn finish(mut self, answer: StoredAnswer) -> Result<(), RequestError> {
        if !(200..300).contains(&answer.status) {
            return Err(RequestError::NotSuccess {
                status: answer.status,
            });
        }
        self.store.store(self.unit.tx(), &self.key, &answer).await?;
        Ok(self.unit.commit().await?)
    }

    /// Gives the work up and frees the key at once, for a refusal.
    pub async fn abandon(self) {
        if let Err(error) = self.unit.rollback().await {
            // The server rolls back when it notices that the connection is gone.
            tracing::debug!(%error, "an abandoned request could not roll back");
        }
    }
}

impl<D: Database> fmt::Debug for PendingRequest<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingRequest")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// An answer as it is given again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// The HTTP status, 2xx.
    pub status: u16,
    /// The headers that belong to the answer, such as `Location`.
    pub headers: Vec<(String, String)>,
    /// The body, whole.
    pub body: Vec<u8>,
}

#[cfg(any(feature = "postgres", feature = "sqlite"))]
impl StoredAnswer {
    pub(crate) fn headers_json(&self) -> Result<String, DbError> {
        let written = serde_json::to_string(&self.headers);
        Ok(written.map_err(|error| sqlx::Error::Encode(error.into()))?)
    }

    pub(crate) fn from_stored(
        status: i64,
        headers: String,
        body: Vec<u8>,
    ) -> Result<Self, DbError> {
        let unreadable = |error: Box<dyn std::error::Error + Send + Sync>| {
            DbError::Sqlx(sqlx::Error::Decode(error))
        };
        Ok(Self {
            status: u16::try_from(status).map_err(|error| unreadable(error.into()))?,
            headers: serde_json::from_str(&headers).map_err(|error| unreadable(error.into()))?,
            body,
        })
    }
}

/// A keyed request could not be served.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The key was used for a request that asked for something else.
    #[error("the idempotency key was used for another request")]
    Mismatch,
    /// The first request under this key is still at work.
    #[error("a request with this idempotency key is in progress")]
    InProgress,
    /// Only an answer that says success may be stored.
    #[error("an answer with status {status} cannot be stored, only 2xx")]
    NotSuccess {
        /// What was to be stored.
        status: u16,
    },
    /// The database failed; nothing was committed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The commit did not end well.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl RequestError {
    /// What the caller can do.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Mismatch => ErrorClass::Reject,
            Self::InProgress => ErrorClass::Retry,
            Self::NotSuccess { .. } => ErrorClass::Bug,
            Self::Db(error) => error.class(),
            Self::Commit(error) => error.class(),
        }
    }
}

/// The keys at work in this process. Only tells a repeat that ran out of time
/// from a database that is busy; the database decides who is first.
#[derive(Clone, Default)]
pub(crate) struct InFlight(Arc<Mutex<HashMap<[String; 3], usize>>>);

impl InFlight {
    fn has(&self, key: &RequestKey) -> bool {
        let keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.contains_key(&name(key))
    }

    fn enter(&self, key: &RequestKey) -> InFlightGuard {
        let name = name(key);
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Counted: the next may enter before the first has left.
        *keys.entry(name.clone()).or_default() += 1;
        InFlightGuard {
            keys: self.clone(),
            name,
        }
    }
}

struct InFlightGuard {
    keys: InFlight,
    name: [String; 3],
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        let mut keys = self.keys.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = keys.get_mut(&self.name) {
            *count -= 1;
            if *count == 0 {
                keys.remove(&self.name);
            }
        }
    }
}

fn name(key: &RequestKey) -> [String; 3] {
    [key.user.clone(), key.route.clone(), key.key.clone()]
}
