use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::OpenApi;

use crate::body::BodyLimit;
use crate::health::Health;
use crate::problem::{self, Code, Problem};
use crate::settings::HttpSettings;
use crate::{openapi, telemetry, trace};

/// What every service has around its own routes: `/livez`, `/readyz`,
/// `/metrics`, `/docs`, `/openapi.json`, `/problems`; a trace and a log line per
/// request; limits of time and size; and a problem for every refusal.
#[derive(Debug)]
pub struct Shell {
    service: &'static str,
    body_limit: usize,
    request_timeout: Duration,
    own: Router,
}

impl Shell {
    /// For the service with this label, such as `orders`.
    pub fn new(service: &'static str, settings: &HttpSettings, health: Health) -> Self {
        let own = Router::new()
            .route("/metrics", get(metrics))
            .merge(health.routes())
            .merge(problem::pages());
        Self {
            service,
            body_limit: usize::try_from(settings.body_limit).unwrap_or(usize::MAX),
            request_timeout: settings.request_timeout,
            own,
        }
    }

    /// Adds `/docs` and `/openapi.json`.
    #[must_use]
    pub fn with_document(self, document: OpenApi) -> Self {
        self.with_routes(openapi::routes(document))
    }

    /// Adds routes that are not part of the documented contract, such as
    /// [`openapi::routes_from`].
    #[must_use]
    pub fn with_routes(mut self, routes: Router) -> Self {
        self.own = self.own.merge(routes);
        self
    }

    /// Puts everything around `routes`, which have no fallback of their own.
    pub fn wrap(self, routes: Router) -> Router {
        routes
            .merge(self.own)
            .fallback(problem::not_found)
            .method_not_allowed_fallback(problem::method_not_allowed)
            .layer(Extension(BodyLimit(self.body_limit)))
            .layer(DefaultBodyLimit::max(self.body_limit))
            .layer(middleware::from_fn_with_state(
                self.request_timeout,
                in_time,
            ))
            .layer(CatchPanicLayer::custom(problem::panicked))
            .layer(middleware::map_response(problem::rewrite_foreign))
            .layer(middleware::from_fn_with_state(self.service, trace::trace))
    }
}

async fn in_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail = "the request took too long and was given up";
            Problem::new(Code::TimedOut, detail).into_response()
        }
    }
}

async fn metrics() -> impl IntoResponse {
    let content_type = "text/plain; version=0.0.4; charset=utf-8";
    ([(CONTENT_TYPE, content_type)], telemetry::render())
}
