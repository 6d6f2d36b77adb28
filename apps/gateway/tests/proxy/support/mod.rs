//! A gateway between a raw client and a little service that says what it saw.
// In a test a surprise is a panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod client;
mod service;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gozon_gateway::{Config, Gateway, Resolver};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub(crate) use client::{RawClient, send};
pub(crate) use service::{Breaking, Closing, Fixed, Service, dead_addr};

/// No step of a test may take longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A running gateway.
pub(crate) struct Running {
    pub(crate) api: SocketAddr,
    pub(crate) page: SocketAddr,
    pub(crate) orders: Option<SocketAddr>,
    shutdown: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

/// A gateway's settings for a test: free ports, these services.
pub(crate) fn config(orders: SocketAddr, payments: SocketAddr) -> Config {
    let mut config = Config::default();
    config.http.bind = free();
    config.page_bind = free();
    config.orders_url = orders.into();
    config.payments_url = payments.into();
    config
}

/// A port that the system chooses.
pub(crate) fn free() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

impl Running {
    /// A gateway before one service that plays both parts.
    pub(crate) async fn before(service: &Service) -> Self {
        Self::start(config(service.addr, service.addr)).await
    }

    pub(crate) async fn start(config: Config) -> Self {
        Self::launch(Gateway::bind(config).await.unwrap())
    }

    pub(crate) async fn start_with(config: Config, resolver: Arc<dyn Resolver>) -> Self {
        Self::launch(Gateway::bind(config).await.unwrap().with_resolver(resolver))
    }

    pub(crate) fn launch(gateway: Gateway) -> Self {
        let (api, page, orders) = (
            gateway.api_addr(),
            gateway.page_addr(),
            gateway.orders_addr(),
        );
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(gateway.run(shutdown.clone()));
        Self {
            api,
            page,
            orders,
            shutdown,
            task,
        }
    }

    pub(crate) fn begin_shutdown(&self) {
        self.shutdown.cancel();
    }

    /// Stops the gateway and waits until it has ended well.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        timeout(PATIENCE, self.task)
            .await
            .expect("the gateway ends in time")
            .unwrap()
            .unwrap();
    }
}

/// Waits until `condition` holds.
pub(crate) async fn until(mut condition: impl AsyncFnMut() -> bool) {
    let polled = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, polled)
        .await
        .expect("the condition holds in time");
}
