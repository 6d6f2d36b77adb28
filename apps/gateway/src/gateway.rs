//! The gateway's life: bind, serve, drain.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use gozon_service::settings::SettingsError;
use gozon_service::{Entrance, Tasks, serve};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};
use utoipa::openapi::OpenApi;

use crate::app::{AppState, app, door};
use crate::config::{Config, SERVICE};
use crate::upstream::{Resolver, SystemResolver, Upstream};

/// How long pooled connections may take to close once nobody uses them.
const LAST: Duration = Duration::from_secs(1);

/// A gateway that has its addresses and does not serve yet.
pub struct Gateway {
    config: Config,
    api: Listening,
    page: Listening,
    orders: Option<Listening>,
    payments: Option<Listening>,
    resolver: Arc<dyn Resolver>,
    documents: Option<[OpenApi; 2]>,
}

struct Listening {
    listener: TcpListener,
    addr: SocketAddr,
}

impl Gateway {
    /// Checks the settings and takes the addresses; port 0 takes a free one.
    ///
    /// # Errors
    /// Names the variable and the mend.
    pub async fn bind(config: Config) -> Result<Self, SettingsError> {
        config.validate()?;
        Ok(Self {
            api: listen("GOZON_BIND", config.http.bind).await?,
            page: listen("GOZON_PAGE_BIND", config.page_bind).await?,
            orders: listen_if("GOZON_PASS_ORDERS_BIND", config.pass_orders_bind).await?,
            payments: listen_if("GOZON_PASS_PAYMENTS_BIND", config.pass_payments_bind).await?,
            config,
            resolver: Arc::new(SystemResolver),
            documents: None,
        })
    }

    /// Finds the services' addresses otherwise than by the system's resolver.
    #[must_use]
    pub fn with_resolver(mut self, resolver: Arc<dyn Resolver>) -> Self {
        self.resolver = resolver;
        self
    }

    /// Takes the services' documents from here instead of asking the services.
    #[must_use]
    pub fn with_documents(mut self, orders: OpenApi, payments: OpenApi) -> Self {
        self.documents = Some([orders, payments]);
        self
    }

    /// Where the API is.
    pub fn api_addr(&self) -> SocketAddr {
        self.api.addr
    }

    /// Where the page is.
    pub fn page_addr(&self) -> SocketAddr {
        self.page.addr
    }

    /// Where the door to orders is, if there is one.
    pub fn orders_addr(&self) -> Option<SocketAddr> {
        self.orders.as_ref().map(|door| door.addr)
    }

    /// Where the door to payments is, if there is one.
    pub fn payments_addr(&self) -> Option<SocketAddr> {
        self.payments.as_ref().map(|door| door.addr)
    }

    /// Serves until `shutdown`, then drains: nothing new is accepted, requests
    /// finish, WebSockets are told `1001 going away`. What is still open after
    /// the drain timeout is cut.
    ///
    /// # Errors
    /// The first part that failed or ended early.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let connections = TaskTracker::new();
        let ended = self.serve(&connections, shutdown).await;
        connections.close();
        if timeout(LAST, connections.wait()).await.is_err() {
            warn!(
                left = connections.len(),
                "connections to services did not close in time"
            );
        }
        ended
    }

    async fn serve(
        self,
        connections: &TaskTracker,
        shutdown: CancellationToken,
    ) -> anyhow::Result<()> {
        let http = self.config.http.clone();
        let entrance = Entrance::new(&http);
        let state = AppState::new(
            &self.config,
            &self.resolver,
            self.documents,
            connections,
            &entrance,
            shutdown.clone(),
        );
        let mut tasks = Tasks::new(SERVICE.label, shutdown);
        for (name, service) in [
            ("addresses of orders", state.orders()),
            ("addresses of payments", state.payments()),
        ] {
            tasks.spawn(name, keep_fresh(service.clone(), tasks.shutdown()));
        }
        let api = app(&state);
        let doors = [
            ("api", Some(self.api), api.clone()),
            ("page", Some(self.page), api),
            ("door to orders", self.orders, door(&state, state.orders())),
            (
                "door to payments",
                self.payments,
                door(&state, state.payments()),
            ),
        ];
        drop(state);
        for (name, listening, routes) in doors {
            if let Some(listening) = listening {
                info!(address = %listening.addr, "{name} listens");
                tasks.spawn(
                    name,
                    serve_one(
                        listening.listener,
                        routes,
                        http.clone(),
                        entrance.clone(),
                        tasks.shutdown(),
                    ),
                );
            }
        }
        tasks.run(http.drain_timeout).await
    }
}

/// Binds and serves.
///
/// # Errors
/// As [`Gateway::bind`] and [`Gateway::run`].
pub async fn run(config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    Gateway::bind(config).await?.run(shutdown).await
}

async fn serve_one(
    listener: TcpListener,
    routes: Router,
    settings: gozon_service::settings::HttpSettings,
    entrance: Entrance,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    serve::serve(
        SERVICE.label,
        listener,
        routes,
        &settings,
        &entrance,
        shutdown,
    )
    .await
}

async fn keep_fresh(service: Arc<Upstream>, shutdown: CancellationToken) -> anyhow::Result<()> {
    service.keep_fresh(shutdown).await;
    Ok(())
}

async fn listen(variable: &'static str, addr: SocketAddr) -> Result<Listening, SettingsError> {
    let wrong = |error: std::io::Error| {
        let mend = "stop what listens there or choose another port";
        SettingsError::new(
            variable,
            format!("cannot listen on {addr}: {error}; {mend}"),
        )
    };
    let listener = TcpListener::bind(addr).await.map_err(wrong)?;
    let addr = listener.local_addr().map_err(wrong)?;
    Ok(Listening { listener, addr })
}

async fn listen_if(
    variable: &'static str,
    addr: Option<SocketAddr>,
) -> Result<Option<Listening>, SettingsError> {
    match addr {
        Some(addr) => listen(variable, addr).await.map(Some),
        None => Ok(None),
    }
}
