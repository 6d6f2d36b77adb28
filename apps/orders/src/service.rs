//! The wiring: a database, a transport, and everything that runs between them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use gozon_core::{Clock, Event, Publisher, Subscriber, Subscription, SystemClock};
use gozon_events::{OrderStatusChanged, PaymentFailed, PaymentSucceeded};
use gozon_inbox::{ConsumerHealth, Inbox, InboxConfig};
use gozon_outbox::{Outbox, OutboxConfig};
use gozon_service::database::{connect_postgres, open_sqlite};
use gozon_service::drain::Drain;
use gozon_service::once::Once;
use gozon_service::settings::{Currency, DatabaseUrl, HttpSettings, SettingsError};
use gozon_service::standalone::{Standalone, Wiring};
use gozon_service::{Health, Shell, Tasks, openapi};
use gozon_sqlx::Db;
use tokio_util::sync::CancellationToken;
use utoipa::openapi::OpenApi;

use crate::broadcast;
use crate::config::Config;
use crate::orders::Orders;
use crate::reconciler::Reconciler;
use crate::routes::{self, Desk};
use crate::settle::SettleOrders;
use crate::store::OrderStore;
use crate::watch::Watchers;

/// What the service needs to know beside its database and transport.
#[derive(Debug, Clone)]
pub struct OrdersSettings {
    /// The shop's currency.
    pub currency: Currency,
    /// How long an order may stay NEW before payments is asked again.
    pub reconcile_after: Duration,
    /// No other process works on this database.
    pub sole_process: bool,
}

/// The orders service on one database.
pub struct OrdersService<D: OrderStore> {
    db: Db<D>,
    outbox: Outbox<D>,
    inbox: Inbox<D>,
    clock: Arc<dyn Clock>,
    watchers: Watchers,
    settings: OrdersSettings,
}

impl<D: OrderStore> OrdersService<D> {
    /// Brings the tables up to date and checks that they belong to this shop.
    ///
    /// # Errors
    /// [`SettingsError`] when the data is in another currency.
    pub async fn prepare(db: Db<D>, settings: OrdersSettings) -> anyhow::Result<Self> {
        let outbox = Outbox::new(
            db.clone(),
            OutboxConfig {
                sole_process: settings.sole_process,
                drain_timeout: Duration::from_secs(4),
                ..OutboxConfig::default()
            },
        )?;
        let inbox = Inbox::new(db.clone(), InboxConfig::default())?;
        outbox.migrate().await?;
        inbox.migrate().await?;
        D::SCHEMA.run(&db).await?;
        let found = D::claim_currency(&db, settings.currency.as_str()).await?;
        if found != settings.currency.as_str() {
            let reason = format!(
                "the stored orders are in {found}; set it to {found} or use another database"
            );
            return Err(SettingsError::new("GOZON_CURRENCY", reason).into());
        }
        Ok(Self {
            db,
            outbox,
            inbox,
            clock: Arc::new(SystemClock),
            watchers: Watchers::default(),
            settings,
        })
    }

    /// What must be declared before anything is published.
    pub fn subscriptions() -> [Subscription; 2] {
        [results(), broadcast::subscription()]
    }

    /// The contract.
    pub fn document() -> OpenApi {
        let base = openapi::base(
            "Gozon orders",
            env!("CARGO_PKG_VERSION"),
            "Places orders and shows how they go. Money is kept by payments.",
        );
        let base = openapi::with_tags(
            base,
            &[
                ("orders", "Place orders, and look at them."),
                ("live", "See each change of an order as it happens."),
            ],
        );
        utoipa_axum::router::OpenApiRouter::with_openapi(base)
            .merge(routes::router())
            .into_openapi()
    }

    /// All routes. Only builds: a test calls it without a socket. WebSockets end
    /// when `closed` says that nothing is accepted any more.
    pub fn app(&self, http: &HttpSettings, health: Health, closed: CancellationToken) -> Router {
        let outbox = Arc::new(self.outbox.clone());
        let orders = Orders {
            db: self.db.clone(),
            outbox: self.outbox.clone(),
            once: Once::new(self.db.clone(), self.inbox.requests(), outbox),
            clock: Arc::clone(&self.clock),
            currency: self.settings.currency.as_str().to_owned(),
            patience: self.settings.reconcile_after,
        };
        let desk = Desk {
            orders: Arc::new(orders),
            watchers: self.watchers.clone(),
            clock: Arc::clone(&self.clock),
            closed,
        };
        let (routes, _) = routes::router().with_state(desk).split_for_parts();
        Shell::new("orders", http, health.with_database(self.db.clone()))
            .with_document(Self::document())
            .wrap(routes)
    }

    /// Starts everything that works in the background; answers how its consumer
    /// is.
    pub fn spawn(
        &self,
        tasks: &mut Tasks,
        drain: &Drain,
        publisher: Arc<dyn Publisher>,
        subscriber: Arc<dyn Subscriber>,
    ) -> ConsumerHealth {
        let relay = self.outbox.relay(publisher).run(drain.relays.token());
        tasks.spawn("orders relay", drain.relays.track(relay));

        let handler = Arc::new(SettleOrders::<D>::new(Arc::clone(&self.clock)));
        let outbox = Arc::new(self.outbox.clone());
        let consumer = self.inbox.consumer(results(), handler, outbox);
        let health = consumer.health();
        let consumer = consumer.run(Arc::clone(&subscriber), drain.consumers.token());
        tasks.spawn("orders consumer", drain.consumers.track(consumer));

        let watchers = broadcast::run(subscriber, self.watchers.clone(), drain.consumers.token());
        tasks.spawn("orders broadcast", drain.consumers.track(watchers));

        let reconciler = Reconciler::new(
            self.db.clone(),
            self.outbox.clone(),
            Arc::clone(&self.clock),
            self.settings.reconcile_after,
        );
        // A door: it takes up new work.
        let reconciler = reconciler.run(drain.doors.token());
        let reconciler = async move {
            reconciler.await;
            Ok::<_, std::convert::Infallible>(())
        };
        tasks.spawn("orders reconciler", drain.doors.track(reconciler));
        health
    }
}

fn results() -> Subscription {
    Subscription::durable(
        "orders.payments",
        &[PaymentSucceeded::TYPE, PaymentFailed::TYPE],
    )
}

/// The service on its own: with the database and the broker that the settings
/// name, until `shutdown`.
///
/// # Errors
/// [`SettingsError`] for a setting that cannot work; otherwise the task that
/// failed.
pub async fn run(config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    match &config.database.url {
        DatabaseUrl::Postgres(url) => {
            let db = connect_postgres("gozon-orders", url, &config.database, &shutdown).await?;
            run_on(db, config, shutdown).await
        }
        DatabaseUrl::Sqlite(path) => {
            let db = open_sqlite(path, &config.database).await?;
            run_on(db, config, shutdown).await
        }
    }
}

async fn run_on<D: OrderStore>(
    db: Db<D>,
    config: Config,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let process = Standalone::bind(
        "orders",
        &config.http,
        &config.amqp,
        &[OrderStatusChanged::TYPE],
    )
    .await?;
    let settings = OrdersSettings {
        currency: config.shop.currency.clone(),
        reconcile_after: config.reconcile_after,
        sole_process: false,
    };
    let service = OrdersService::prepare(db.clone(), settings).await?;
    let wire = |wiring: Wiring<'_>| {
        let consumer = service.spawn(
            wiring.tasks,
            wiring.drain,
            wiring.publisher,
            wiring.subscriber,
        );
        service.app(
            &config.http,
            wiring.health.with_consumer(consumer),
            wiring.closed,
        )
    };
    process.serve(db, shutdown, wire).await
}
