//! The wiring: a database, a transport, and everything that runs between them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use gozon_core::{Clock, Event, Publisher, Subscriber, Subscription, SystemClock};
use gozon_events::OrderCreated;
use gozon_inbox::{ConsumerHealth, Inbox, InboxConfig};
use gozon_ledger::{Asset, Ledger, LedgerConfig, LedgerError};
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

use crate::accounts::{Accounts, Desk};
use crate::config::Config;
use crate::decide::DecideOrders;
use crate::store::PaymentStore;
use crate::{chart, routes};

/// What the service needs to know beside its database and transport.
#[derive(Debug, Clone)]
pub struct PaymentsSettings {
    /// The shop's currency.
    pub currency: Currency,
    /// No other process works on this database.
    pub sole_process: bool,
}

/// The payments service on one database.
pub struct PaymentsService<D: PaymentStore> {
    db: Db<D>,
    outbox: Outbox<D>,
    inbox: Inbox<D>,
    ledger: Ledger<D>,
    asset: Asset,
    clock: Arc<dyn Clock>,
}

impl<D: PaymentStore> PaymentsService<D> {
    /// Brings the tables up to date, opens the shop's own accounts, and checks
    /// that the books belong to this shop.
    ///
    /// # Errors
    /// [`SettingsError`] when the books are in another currency.
    pub async fn prepare(db: Db<D>, settings: PaymentsSettings) -> anyhow::Result<Self> {
        let outbox = Outbox::new(
            db.clone(),
            OutboxConfig {
                sole_process: settings.sole_process,
                drain_timeout: Duration::from_secs(4),
                ..OutboxConfig::default()
            },
        )?;
        let inbox = Inbox::new(db.clone(), InboxConfig::default())?;
        let ledger = Ledger::new(db.clone(), LedgerConfig::default())?;
        outbox.migrate().await?;
        inbox.migrate().await?;
        ledger.migrate().await?;
        D::SCHEMA.run(&db).await?;
        let asset = Asset::new(settings.currency.as_str())?;
        open_system_accounts(&ledger, &asset).await?;
        Ok(Self {
            db,
            outbox,
            inbox,
            ledger,
            asset,
            clock: Arc::new(SystemClock),
        })
    }

    /// What must be declared before anything is published.
    pub fn subscriptions() -> [Subscription; 1] {
        [orders()]
    }

    /// The contract.
    pub fn document() -> OpenApi {
        let base = openapi::base(
            "Gozon payments",
            env!("CARGO_PKG_VERSION"),
            "Keeps accounts and decides about the money of orders.",
        );
        let about = "Open an account, fill it, and see where the money went.";
        let base = openapi::with_tags(base, &[("accounts", about)]);
        utoipa_axum::router::OpenApiRouter::with_openapi(base)
            .merge(routes::router())
            .into_openapi()
    }

    /// All routes. Only builds: a test calls it without a socket.
    pub fn app(&self, http: &HttpSettings, health: Health) -> Router {
        let outbox = Arc::new(self.outbox.clone());
        let desk: Desk = Arc::new(Accounts {
            ledger: self.ledger.clone(),
            once: Once::new(self.db.clone(), self.inbox.requests(), outbox),
            asset: self.asset.clone(),
        });
        let (routes, _) = routes::router().with_state(desk).split_for_parts();
        Shell::new("payments", http, health.with_database(self.db.clone()))
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
        tasks.spawn("payments relay", drain.relays.track(relay));

        let handler = Arc::new(DecideOrders::new(
            self.ledger.clone(),
            self.asset.clone(),
            Arc::clone(&self.clock),
        ));
        let outbox = Arc::new(self.outbox.clone());
        let consumer = self.inbox.consumer(orders(), handler, outbox);
        let health = consumer.health();
        let consumer = consumer.run(subscriber, drain.consumers.token());
        tasks.spawn("payments consumer", drain.consumers.track(consumer));
        health
    }
}

fn orders() -> Subscription {
    Subscription::durable("payments.orders", &[OrderCreated::TYPE])
}

/// The accounts remember their asset, so opening them again with another one is
/// how a wrong currency shows.
async fn open_system_accounts<D: PaymentStore>(
    ledger: &Ledger<D>,
    asset: &Asset,
) -> anyhow::Result<()> {
    for account in chart::system_accounts(asset) {
        match ledger.open_account(&account).await {
            Ok(_) => {}
            Err(LedgerError::AccountConflict { .. }) => {
                let reason = format!(
                    "the stored books are not in {}; set it as it was or use another database",
                    asset.as_str()
                );
                return Err(SettingsError::new("GOZON_CURRENCY", reason).into());
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
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
            let db = connect_postgres("gozon-payments", url, &config.database, &shutdown).await?;
            run_on(db, config, shutdown).await
        }
        DatabaseUrl::Sqlite(path) => {
            let db = open_sqlite(path, &config.database).await?;
            run_on(db, config, shutdown).await
        }
    }
}

async fn run_on<D: PaymentStore>(
    db: Db<D>,
    config: Config,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let process = Standalone::bind("payments", &config.http, &config.amqp, &[]).await?;
    let settings = PaymentsSettings {
        currency: config.shop.currency.clone(),
        sole_process: false,
    };
    let service = PaymentsService::prepare(db.clone(), settings).await?;
    let wire = |wiring: Wiring<'_>| {
        let consumer = service.spawn(
            wiring.tasks,
            wiring.drain,
            wiring.publisher,
            wiring.subscriber,
        );
        service.app(&config.http, wiring.health.with_consumer(consumer))
    };
    process.serve(db, shutdown, wire).await
}
