//! The gateway's addresses: which service answers which path.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use gozon_service::origin::AllowedOrigins;
use gozon_service::settings::HttpSettings;
use gozon_service::{Entrance, Health, Shell, openapi};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use utoipa::openapi::OpenApi;

use crate::config::{Config, SERVICE};
use crate::documents::Documents;
use crate::page;
use crate::proxy::Proxy;
use crate::upstream::{Resolver, Upstream};
use crate::websocket::Sockets;

/// Which service a path belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    Orders,
    Payments,
}

impl Route {
    /// `None` for a path that the gateway does not pass on.
    pub(crate) fn of(path: &str) -> Option<Self> {
        match path.split('/').nth(1)? {
            "orders" => Some(Self::Orders),
            "ws" => Some(Self::Orders),
            "accounts" => Some(Self::Payments),
            _ => None,
        }
    }
}

/// What all requests share.
#[derive(Clone)]
pub struct AppState {
    http: HttpSettings,
    proxy: Proxy,
    orders: Arc<Upstream>,
    payments: Arc<Upstream>,
    documents: Arc<Documents>,
    shutdown: CancellationToken,
}

impl AppState {
    /// The parts that `config` asks for. Connections and WebSockets run on
    /// `tasks`; WebSockets end with `shutdown`.
    pub(crate) fn new(
        config: &Config,
        resolver: &Arc<dyn Resolver>,
        given: Option<[OpenApi; 2]>,
        tasks: &TaskTracker,
        entrance: &Entrance,
        shutdown: CancellationToken,
    ) -> Self {
        let limits = Arc::new(config.limits.clone());
        let upstream = |name, url| {
            Arc::new(Upstream::new(
                name,
                url,
                resolver.clone(),
                &limits,
                tasks.clone(),
            ))
        };
        let orders = upstream("orders", &config.orders_url);
        let payments = upstream("payments", &config.payments_url);
        let sockets = Sockets::new(limits.clone(), tasks.clone(), entrance.closed());
        let origins = AllowedOrigins::new(&config.allowed_origins);
        let given = given.map(|documents| documents.map(value));
        let documents = Documents::new(
            value(own_document()),
            given,
            [orders.clone(), payments.clone()],
        );
        Self {
            http: config.http.clone(),
            proxy: Proxy::new(limits, config.http.body_limit, origins, sockets),
            orders,
            payments,
            documents: Arc::new(documents),
            shutdown,
        }
    }

    pub(crate) fn orders(&self) -> &Arc<Upstream> {
        &self.orders
    }

    pub(crate) fn payments(&self) -> &Arc<Upstream> {
        &self.payments
    }

    /// Ready when the services are: then orders can be paid.
    fn health(&self, services: &[&Arc<Upstream>]) -> Health {
        services
            .iter()
            .fold(Health::new(self.shutdown.clone()), |health, service| {
                let service = Arc::clone(service);
                health.with_check(service.name(), move || {
                    let service = service.clone();
                    async move { is_ready(&service).await }
                })
            })
    }
}

/// The gateway's own address: what it passes on, and what it says itself.
pub fn app(state: &AppState) -> Router {
    let documents = state.documents.clone();
    let document = move || {
        let documents = documents.clone();
        async move { documents.merged().await }
    };
    let mut routes = page::routes();
    for (path, service) in [
        ("/orders", &state.orders),
        ("/ws", &state.orders),
        ("/accounts", &state.payments),
    ] {
        routes = routes.merge(passed(path, &state.proxy, service));
    }
    Shell::new(
        SERVICE.label,
        &state.http,
        state.health(&[&state.orders, &state.payments]),
    )
    .with_routes(openapi::routes_from(document))
    .wrap(routes)
}

/// A door to one service alone: everything is passed on, under the same rules.
pub(crate) fn door(state: &AppState, service: &Arc<Upstream>) -> Router {
    let pass = Pass {
        proxy: state.proxy.clone(),
        service: service.clone(),
    };
    let routes = Router::new()
        .route("/", any(forward))
        .route("/{*path}", any(forward))
        .with_state(pass.clone());
    Shell::new(SERVICE.label, &state.http, state.health(&[service]))
        .wrap(routes)
        .layer(middleware::from_fn_with_state(pass, behind_the_shell))
}

#[derive(Clone)]
struct Pass {
    proxy: Proxy,
    service: Arc<Upstream>,
}

fn passed(path: &str, proxy: &Proxy, service: &Arc<Upstream>) -> Router {
    let pass = Pass {
        proxy: proxy.clone(),
        service: service.clone(),
    };
    Router::new()
        .route(path, any(forward))
        .route(&format!("{path}/"), any(forward))
        .route(&format!("{path}/{{*rest}}"), any(forward))
        .with_state(pass)
}

async fn forward(State(pass): State<Pass>, request: Request<Body>) -> Response {
    match pass.proxy.pass(&pass.service, request).await {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(),
    }
}

/// At a service's own door, questions about health and metrics are the
/// service's, although every shell answers them.
async fn behind_the_shell(
    State(pass): State<Pass>,
    request: Request<Body>,
    next: Next,
) -> Response {
    if matches!(request.uri().path(), "/livez" | "/readyz" | "/metrics") {
        forward(State(pass), request).await
    } else {
        next.run(request).await
    }
}

async fn is_ready(service: &Upstream) -> Result<(), String> {
    service.is_ready().await.map_err(str::to_owned)
}

fn own_document() -> OpenApi {
    openapi::base("Gozon", SERVICE.version, include_str!("introduction.md"))
}

fn value(document: OpenApi) -> Value {
    // A document that cannot be serialized describes nothing.
    serde_json::to_value(document).unwrap_or_default()
}

/// Where a listener's requests come from, for `X-Forwarded-For`.
pub(crate) type PeerAddr = axum::extract::ConnectInfo<SocketAddr>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_belong_to_services_by_their_first_part() {
        for (path, route) in [
            ("/orders", Some(Route::Orders)),
            ("/orders/", Some(Route::Orders)),
            ("/orders/1/ws", Some(Route::Orders)),
            ("/ws", Some(Route::Orders)),
            ("/accounts/topup", Some(Route::Payments)),
            ("/ordersx", None),
            ("/livez", None),
            ("/", None),
            ("", None),
        ] {
            assert_eq!(Route::of(path), route, "{path}");
        }
    }
}
