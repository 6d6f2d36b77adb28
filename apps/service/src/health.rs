//! `/livez` and `/readyz`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::future::join_all;
use gozon_inbox::ConsumerHealth;
use gozon_sqlx::{Database, Db};
use serde::Serialize;
use sqlx::Connection;
use tokio_util::sync::CancellationToken;

use crate::problem::safety_mark;
use crate::{Code, Problem};

type Probe =
    Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

/// How a service is. `/livez` answers as long as the process does, whatever it
/// depends on; `/readyz` asks named checks, and says no as soon as the service
/// is told to stop.
#[derive(Clone)]
pub struct Health {
    stopping: CancellationToken,
    checks: Arc<Vec<(&'static str, Probe)>>,
}

impl Health {
    /// Each check may take this long.
    pub const TIMEOUT: Duration = Duration::from_secs(2);

    /// Not ready as soon as `stopping` is cancelled.
    pub fn new(stopping: CancellationToken) -> Self {
        Self {
            stopping,
            checks: Arc::default(),
        }
    }

    /// Adds a check. What it answers is shown to whoever asks, so it must not
    /// hold a secret.
    #[must_use]
    pub fn with_check<F, W>(mut self, name: &'static str, check: F) -> Self
    where
        F: Fn() -> W + Send + Sync + 'static,
        W: Future<Output = Result<(), String>> + Send + 'static,
    {
        let probe: Probe = Arc::new(move || Box::pin(check()));
        let mut checks = Arc::unwrap_or_clone(self.checks);
        checks.push((name, probe));
        self.checks = Arc::new(checks);
        self
    }

    /// Adds the check `database`: a connection answers.
    #[must_use]
    pub fn with_database<D: Database>(self, db: Db<D>) -> Self {
        self.with_check("database", move || {
            let db = db.clone();
            async move {
                let mut connection = db.reader().acquire().await.map_err(unreachable)?;
                connection.ping().await.map_err(unreachable)
            }
        })
    }

    /// Adds the check `consumer`: all of its workers are at work.
    #[must_use]
    pub fn with_consumer(self, consumer: ConsumerHealth) -> Self {
        self.with_check("consumer", move || {
            let health = consumer.check();
            async move { health }
        })
    }

    /// Asks all checks at once.
    pub async fn report(&self) -> Report {
        let checks = join_all(self.checks.iter().map(|(name, probe)| async move {
            let started = Instant::now();
            let answer = tokio::time::timeout(Self::TIMEOUT, probe())
                .await
                .unwrap_or_else(|_| Err("did not answer in time".to_owned()));
            Check {
                name,
                ready: answer.is_ok(),
                detail: answer.err(),
                duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            }
        }))
        .await;
        let stopping = self.stopping.is_cancelled();
        Report {
            ready: !stopping && checks.iter().all(|check| check.ready),
            stopping,
            checks,
        }
    }

    /// `/livez` and `/readyz`.
    pub fn routes(self) -> Router {
        Router::new()
            .route("/livez", get(async || "live\n"))
            .route("/readyz", get(readyz))
            .with_state(self)
    }
}

fn unreachable(error: sqlx::Error) -> String {
    tracing::debug!(%error, "the database check failed");
    "no connection answers".to_owned()
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.checks.iter().map(|(name, _)| name).collect();
        f.debug_struct("Health").field("checks", &names).finish()
    }
}

/// What `/readyz?verbose` answers.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Whether the service can do its work.
    pub ready: bool,
    /// Whether it was told to stop.
    pub stopping: bool,
    /// Each check.
    pub checks: Vec<Check>,
}

/// One check's answer.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// What was asked.
    pub name: &'static str,
    /// Whether it is there.
    pub ready: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// How long the answer took, in milliseconds.
    pub duration_ms: u64,
}

async fn readyz(State(health): State<Health>, RawQuery(query): RawQuery) -> Response {
    let report = health.report().await;
    let verbose =
        query.is_some_and(|query| query.split('&').any(|part| part.starts_with("verbose")));
    match (report.ready, verbose) {
        (true, false) => "ready\n".into_response(),
        (true, true) => axum::Json(report).into_response(),
        (false, true) => {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            safety_mark((status, [(RETRY_AFTER, "1")], axum::Json(report)).into_response())
        }
        (false, false) => {
            let missing: Vec<_> = report
                .checks
                .iter()
                .filter(|check| !check.ready)
                .map(|check| check.name)
                .collect();
            let detail = match (report.stopping, missing.join(", ")) {
                (true, _) => "the service is stopping".to_owned(),
                (false, names) => format!("not ready: {names}"),
            };
            Problem::new(Code::NotReady, detail).into_response()
        }
    }
}
