//! The wiring of all services in one process.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gozon_core::{InProcess, Subscriber};
use gozon_gateway::Gateway;
use gozon_orders::{OrdersService, OrdersSettings};
use gozon_payments::{PaymentsService, PaymentsSettings};
use gozon_service::drain::Drain;
use gozon_service::settings::{HttpSettings, SettingsError};
use gozon_service::{Entrance, Health, Tasks, serve, telemetry};
use gozon_sqlx::{Db, Sqlite};
use tokio::net::TcpListener;
use tokio::runtime::{Handle, Runtime};
use tokio_util::sync::CancellationToken;

use crate::banner::banner;
use crate::config::Config;
use crate::data::DataFolder;

/// The shop with its addresses and its data, not serving yet.
pub struct Shop {
    config: Config,
    data: DataFolder,
    gateway: Gateway,
    orders: Door,
    payments: Door,
}

/// The listener of a service, and its address.
struct Door {
    listener: TcpListener,
    addr: SocketAddr,
}

impl Shop {
    /// Locks the data folder and takes the addresses; port 0 takes a free one.
    ///
    /// # Errors
    /// Names the variable and the mend.
    pub async fn bind(config: Config) -> Result<Self, SettingsError> {
        let data = DataFolder::lock(&config.data_dir)?;
        let orders = Door::open("GOZON_ORDERS_BIND", config.orders_bind).await?;
        let payments = Door::open("GOZON_PAYMENTS_BIND", config.payments_bind).await?;
        let gateway = Gateway::bind(gozon_gateway::Config {
            http: config.http.clone(),
            page_bind: config.page_bind,
            orders_url: orders.addr.into(),
            payments_url: payments.addr.into(),
            allowed_origins: config.allowed_origins.clone(),
            limits: config.limits.clone(),
            telemetry: config.telemetry.clone(),
            ..gozon_gateway::Config::default()
        })
        .await?
        .with_documents(
            OrdersService::<Sqlite>::document(),
            PaymentsService::<Sqlite>::document(),
        );
        Ok(Self {
            config,
            data,
            gateway,
            orders,
            payments,
        })
    }

    /// Where the API listens.
    pub fn api_addr(&self) -> SocketAddr {
        self.gateway.api_addr()
    }

    /// Where everything is, for people.
    pub fn banner(&self) -> String {
        let data: &Path = &self.config.data_dir;
        banner(
            self.gateway.api_addr(),
            self.gateway.page_addr(),
            self.orders.addr,
            self.payments.addr,
            data,
        )
    }

    /// Serves until `shutdown`; `ready` runs when everything stands.
    ///
    /// # Errors
    /// [`SettingsError`] when the data belong to another shop; otherwise the
    /// task that failed.
    pub async fn run(
        self,
        shutdown: CancellationToken,
        ready: impl FnOnce(&str),
    ) -> anyhow::Result<()> {
        let orders_db = self.data.open("orders").await?;
        let payments_db = self.data.open("payments").await?;
        let orders = OrdersService::prepare(orders_db.clone(), self.orders_settings()).await?;
        let payments =
            PaymentsService::prepare(payments_db.clone(), self.payments_settings()).await?;

        // Before any relay starts: an event without a subscription would come
        // back as unroutable.
        let bus = InProcess::default();
        for subscription in OrdersService::<Sqlite>::subscriptions() {
            bus.declare(&subscription).await?;
        }
        for subscription in PaymentsService::<Sqlite>::subscriptions() {
            bus.declare(&subscription).await?;
        }

        // The gateway stops first; the services behind it go on until it has
        // answered everyone.
        let behind = CancellationToken::new();
        let drain = Drain::new(behind.clone());
        let (orders_crew, payments_crew) = (Crew::of("orders")?, Crew::of("payments")?);
        let mut orders_tasks = orders_crew.tasks(&shutdown);
        let mut payments_tasks = payments_crew.tasks(&shutdown);
        let (publisher, subscriber) = (Arc::new(bus.clone()), Arc::new(bus.clone()));
        let orders_consumer = orders.spawn(
            &mut orders_tasks,
            &drain,
            publisher.clone(),
            subscriber.clone(),
        );
        let payments_consumer = payments.spawn(&mut payments_tasks, &drain, publisher, subscriber);

        let http = &self.config.http;
        let health = |consumer| Health::new(behind.clone()).with_consumer(consumer);
        let (orders_entrance, payments_entrance) = (Entrance::new(http), Entrance::new(http));
        let orders_app = orders.app(http, health(orders_consumer), orders_entrance.closed());
        let payments_app = payments.app(http, health(payments_consumer));
        let banner = self.banner();
        let drain_timeout = http.drain_timeout;
        for (tasks, service, door, entrance, app) in [
            (
                &mut orders_tasks,
                "orders",
                self.orders,
                orders_entrance,
                orders_app,
            ),
            (
                &mut payments_tasks,
                "payments",
                self.payments,
                payments_entrance,
                payments_app,
            ),
        ] {
            let (http, door_closes) = (http.clone(), drain.doors.token());
            let serving = serve_door(service, door, app, http, entrance, door_closes);
            tasks.spawn("http", drain.doors.track(serving));
        }
        let mut tasks = Tasks::new("gozon", shutdown.clone());
        let gateway = then_cancel(self.gateway.run(shutdown.clone()), behind);
        tasks.spawn("gateway", gateway);
        // The drain of the gateway, then as long again for what is behind it.
        let bound = drain_timeout.saturating_mul(2);
        tasks.spawn("orders", orders_tasks.run(bound));
        tasks.spawn("payments", payments_tasks.run(bound));
        ready(&banner);

        let draining = tokio::spawn(drain.run());
        let result = tasks.run(bound).await;
        draining.abort();
        bus.close();
        close(orders_db, payments_db).await;
        result
    }

    fn orders_settings(&self) -> OrdersSettings {
        OrdersSettings {
            currency: self.config.shop.currency.clone(),
            reconcile_after: self.config.reconcile_after,
            sole_process: true,
        }
    }

    fn payments_settings(&self) -> PaymentsSettings {
        PaymentsSettings {
            currency: self.config.shop.currency.clone(),
            sole_process: true,
        }
    }
}

/// Runs the embedded shop until `shutdown`.
///
/// # Errors
/// As [`Shop::bind`] and [`Shop::run`].
pub async fn run(config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    let shop = Shop::bind(config).await?;
    shop.run(shutdown, |banner| println!("{banner}")).await
}

/// The threads that one service works on. They carry its name, so that what a
/// library measures on a task of its own is the service's too.
struct Crew {
    service: &'static str,
    /// `None` once it was told to go.
    runtime: Option<Runtime>,
    handle: Handle,
}

impl Crew {
    fn of(service: &'static str) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            // Two services and a gateway share the machine.
            .worker_threads(1)
            .thread_name(service)
            .on_thread_start(move || telemetry::on_thread(service))
            .enable_all()
            .build()?;
        Ok(Self {
            service,
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
        })
    }

    fn tasks(&self, shutdown: &CancellationToken) -> Tasks {
        Tasks::new(self.service, shutdown.clone()).on(self.handle.clone())
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        // A runtime that is simply dropped would block this thread.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Door {
    async fn open(variable: &'static str, address: SocketAddr) -> Result<Self, SettingsError> {
        let refuse = |error: std::io::Error| {
            let reason = format!(
                "cannot listen on {address}: {error}; stop what listens there or choose another port"
            );
            SettingsError::new(variable, reason)
        };
        let listener = TcpListener::bind(address).await.map_err(refuse)?;
        let addr = listener.local_addr().map_err(refuse)?;
        Ok(Self { listener, addr })
    }
}

async fn serve_door(
    service: &'static str,
    door: Door,
    app: axum::Router,
    http: HttpSettings,
    entrance: Entrance,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    serve::serve(service, door.listener, app, &http, &entrance, shutdown).await
}

/// Cancels `next` when `work` has ended, however it ended.
async fn then_cancel<F: Future>(work: F, next: CancellationToken) -> F::Output {
    let _guard = next.drop_guard();
    work.await
}

async fn close(orders: Db<Sqlite>, payments: Db<Sqlite>) {
    const BOUND: Duration = Duration::from_secs(2);
    let closing = async {
        orders.close().await;
        payments.close().await;
    };
    if tokio::time::timeout(BOUND, closing).await.is_err() {
        tracing::warn!("the databases did not close in time; nothing is lost");
    }
}
