//! Where the services' OpenAPI documents come from.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gozon_service::{Code, Problem};
use serde_json::Value;
use tokio::sync::Mutex;
use tracing::warn;
use utoipa::openapi::OpenApi;

use crate::app::Route;
use crate::contract;
use crate::openapi::{self, Part};
use crate::upstream::Upstream;

/// How long a merged document is good for; services change when they are
/// deployed, not between two requests.
const FRESH: Duration = Duration::from_secs(60);

/// How long a failure stands: whoever waits behind it does not wait for another.
const FAILED: Duration = Duration::from_secs(1);

/// The gateway's document.
pub(crate) struct Documents {
    own: Value,
    given: Option<[Value; 2]>,
    services: [Arc<Upstream>; 2],
    // Held while the services are asked, so that they are asked once.
    merged: Mutex<Merged>,
}

#[derive(Default)]
struct Merged {
    document: Option<(OpenApi, Instant)>,
    failure: Option<(Problem, Instant)>,
}

impl Documents {
    /// The document of `own` and those of orders and payments, which are asked
    /// for theirs unless they are `given`.
    pub(crate) fn new(own: Value, given: Option<[Value; 2]>, services: [Arc<Upstream>; 2]) -> Self {
        Self {
            own,
            given,
            services,
            merged: Mutex::default(),
        }
    }

    /// The merged document.
    ///
    /// # Errors
    /// 503 when a service has never given its document: half a contract would
    /// say that the other half does not exist.
    pub(crate) async fn merged(&self) -> Result<OpenApi, Problem> {
        let mut merged = self.merged.lock().await;
        if let Some((document, since)) = &merged.document
            && since.elapsed() < FRESH
        {
            return Ok(document.clone());
        }
        let problem = match &merged.failure {
            Some((problem, since)) if since.elapsed() < FAILED => problem.clone(),
            _ => match self.merge().await {
                Ok(document) => {
                    merged.document = Some((document.clone(), Instant::now()));
                    return Ok(document);
                }
                Err(problem) => {
                    merged.failure = Some((problem.clone(), Instant::now()));
                    problem
                }
            },
        };
        // The last one is better than none.
        let stale = merged.document.as_ref();
        stale.map(|(document, _)| document.clone()).ok_or(problem)
    }

    async fn merge(&self) -> Result<OpenApi, Problem> {
        let documents = match &self.given {
            Some(documents) => documents.clone(),
            None => {
                let [orders, payments] = &self.services;
                let (orders, payments) = tokio::join!(fetch(orders), fetch(payments));
                [orders?, payments?]
            }
        };
        let [orders, payments] = &documents;
        // In the order in which a reader tries them out.
        let parts = [
            Part {
                name: "payments",
                document: payments,
                passes: |path| Route::of(path) == Some(Route::Payments),
            },
            Part {
                name: "orders",
                document: orders,
                passes: |path| Route::of(path) == Some(Route::Orders),
            },
        ];
        let mut merged = openapi::merge(self.own.clone(), &parts);
        contract::add_own_refusals(&mut merged);
        serde_json::from_value(merged).map_err(|error| Problem::internal(&error))
    }
}

async fn fetch(service: &Upstream) -> Result<Value, Problem> {
    let missing = |reason: &dyn std::fmt::Display| {
        warn!(upstream = service.name(), %reason, "its document cannot be had");
        Problem::new(
            Code::Unavailable,
            format!(
                "{} does not say what it can do; repeat later",
                service.name()
            ),
        )
    };
    let (status, body) = service
        .ask("/openapi.json")
        .await
        .map_err(|error| missing(&error))?;
    if !status.is_success() {
        return Err(missing(&status));
    }
    serde_json::from_slice(&body).map_err(|error| missing(&error))
}
