//! The shop's databases, seen from outside: audits, and messages that a story
//! delivers itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gozon_core::{Append, NewMessage};
use gozon_events::OrderCreated;
use gozon_ledger::{AccountId, Asset, Ledger, LedgerConfig, LedgerDatabase, Transfer, TransferId};
use gozon_outbox::{Outbox, OutboxConfig, OutboxDatabase};
use gozon_sqlx::{Db, Postgres, Sqlite, UnitOfWork, postgres, sqlite};

use uuid::Uuid;

use crate::eventually;

/// Both databases of one shop.
pub struct Books {
    place: Place,
    open: Option<Open>,
}

enum Place {
    Folder(PathBuf),
    Servers([(String, Option<String>); 2]),
}

enum Open {
    Sqlite(Pair<Sqlite>),
    Postgres(Pair<Postgres>),
}

struct Pair<D: gozon_sqlx::Database> {
    orders: Db<D>,
    payments: Db<D>,
}

/// What the books say when everything has settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// Orders that are FINISHED.
    pub finished: i64,
    /// Orders that are CANCELLED.
    pub cancelled: i64,
}

impl Books {
    pub(super) fn sqlite(folder: &Path) -> Self {
        Self {
            place: Place::Folder(folder.to_owned()),
            open: None,
        }
    }

    /// Each database by its URL and schema.
    pub(super) fn postgres(places: [(String, Option<String>); 2]) -> Self {
        Self {
            place: Place::Servers(places),
            open: None,
        }
    }

    /// Opens the databases, which exist once the shop has started.
    pub(super) async fn connect(&mut self) -> Result<()> {
        self.open = Some(match &self.place {
            Place::Folder(folder) => {
                let settings = sqlite::PoolSettings::default();
                Open::Sqlite(Pair {
                    orders: sqlite::open(&folder.join("orders.db"), &settings).await?,
                    payments: sqlite::open(&folder.join("payments.db"), &settings).await?,
                })
            }
            Place::Servers([orders, payments]) => Open::Postgres(Pair {
                orders: open_postgres(orders).await?,
                payments: open_postgres(payments).await?,
            }),
        });
        Ok(())
    }

    /// The event that asks payments to decide about an order, as a repeat by
    /// someone else would be: the same content, a new id.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn order_created(order: Uuid, user: &str, amount: i64) -> Result<NewMessage> {
        let event = OrderCreated {
            order_id: order,
            user_id: user.to_owned(),
            amount,
            currency: "RUB".to_owned(),
        };
        Ok(NewMessage::of("/gozon/orders", &event)?)
    }

    /// Delivers a message through the outbox of orders.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn deliver(&self, message: NewMessage) -> Result<()> {
        self.deliver_all(vec![message]).await
    }

    /// Delivers messages, committed together, through the outbox of orders.
    ///
    /// # Errors
    /// When they cannot be written.
    pub async fn deliver_all(&self, messages: Vec<NewMessage>) -> Result<()> {
        match self.open()? {
            Open::Sqlite(pair) => deliver(&pair.orders, messages).await,
            Open::Postgres(pair) => deliver(&pair.orders, messages).await,
        }
    }

    /// Empties the outbox of orders, as if the broker had confirmed its events
    /// and then lost them.
    ///
    /// # Errors
    /// When there was nothing to lose.
    pub async fn lose_outbox_of_orders(&self) -> Result<()> {
        const LOSE: &str = "DELETE FROM gozon_outbox";
        let lost = match self.open()? {
            Open::Sqlite(pair) => {
                let done = sqlx::query(LOSE).execute(pair.orders.writer()).await?;
                done.rows_affected()
            }
            Open::Postgres(pair) => {
                let done = sqlx::query(LOSE).execute(pair.orders.writer()).await?;
                done.rows_affected()
            }
        };
        ensure!(lost > 0, "the outbox was empty");
        Ok(())
    }

    /// Takes away what was written down of the orders' journeys, as if a version
    /// that knew of none had settled them.
    ///
    /// # Errors
    /// When nothing was written down.
    pub async fn forget_journeys(&self) -> Result<()> {
        const FORGET: &str = "UPDATE orders SET journey = NULL WHERE journey IS NOT NULL";
        let forgotten = match self.open()? {
            Open::Sqlite(pair) => {
                let done = sqlx::query(FORGET).execute(pair.orders.writer()).await?;
                done.rows_affected()
            }
            Open::Postgres(pair) => {
                let done = sqlx::query(FORGET).execute(pair.orders.writer()).await?;
                done.rows_affected()
            }
        };
        ensure!(forgotten > 0, "no journey was written down");
        Ok(())
    }

    /// Gives a user money past the limit of one top-up: a balance near its
    /// ceiling would take 9,000 of those.
    ///
    /// # Errors
    /// When the user has no account, or it cannot take so much.
    pub async fn give(&self, user: &str, amount: i64) -> Result<()> {
        match self.open()? {
            Open::Sqlite(pair) => give(&pair.payments, user, amount).await,
            Open::Postgres(pair) => give(&pair.payments, user, amount).await,
        }
    }

    /// Waits until nothing is under way any more, then checks that no money was
    /// made or lost: the ledger agrees with itself, every finished order was
    /// paid once, no cancelled one was, nothing lies in an outbox or as a dead
    /// letter.
    ///
    /// # Errors
    /// Names what does not agree.
    pub async fn audit(&self) -> Result<Settled> {
        match self.open()? {
            Open::Sqlite(pair) => pair.audit().await,
            Open::Postgres(pair) => pair.audit().await,
        }
    }

    /// A number from the database of orders.
    ///
    /// # Errors
    /// When the query fails.
    pub async fn count_in_orders(&self, query: &'static str) -> Result<i64> {
        match self.open()? {
            Open::Sqlite(pair) => count(&pair.orders, query).await,
            Open::Postgres(pair) => count(&pair.orders, query).await,
        }
    }

    /// A number from the database of payments.
    ///
    /// # Errors
    /// When the query fails.
    pub async fn count_in_payments(&self, query: &'static str) -> Result<i64> {
        match self.open()? {
            Open::Sqlite(pair) => count(&pair.payments, query).await,
            Open::Postgres(pair) => count(&pair.payments, query).await,
        }
    }

    fn open(&self) -> Result<&Open> {
        self.open.as_ref().context("the shop was not started")
    }
}

async fn open_postgres((url, schema): &(String, Option<String>)) -> Result<Db<Postgres>> {
    let settings = postgres::PoolSettings {
        max_connections: 2,
        schema: schema.clone(),
        ..postgres::PoolSettings::default()
    };
    Ok(postgres::connect(url, &settings).await?)
}

async fn deliver<D: OutboxDatabase>(db: &Db<D>, messages: Vec<NewMessage>) -> Result<()> {
    let outbox = Outbox::new(db.clone(), OutboxConfig::default())?;
    let outbox: Arc<dyn Append<D::Tx>> = Arc::new(outbox);
    let mut unit = UnitOfWork::begin(db, outbox).await?;
    for message in messages {
        unit.emit(message);
    }
    Ok(unit.commit().await?)
}

async fn give<D: LedgerDatabase>(db: &Db<D>, user: &str, amount: i64) -> Result<()> {
    // Where payments keeps its accounts; money lies under these ids, so they
    // never change.
    const NAMESPACE: Uuid = Uuid::from_u128(0x6f2b_1c53_9a0e_4d7a_8f61_2d3c_71b0_e5a4);
    let account = |name: &str| AccountId(Uuid::new_v5(&NAMESPACE, name.as_bytes()));
    let asset = Asset::new("RUB")?;
    let transfer = Transfer::new(TransferId(Uuid::now_v7()), "topup")
        .debit(account("system:funding"), &asset, amount)
        .credit(account(&format!("user:{user}")), &asset, amount);
    let ledger = Ledger::new(db.clone(), LedgerConfig::default())?;
    for outcome in ledger.post(&[transfer]).await? {
        outcome?;
    }
    Ok(())
}

/// What both drivers can do; spelled out once.
trait Countable: gozon_sqlx::Database {
    async fn number(db: &Db<Self>, query: &'static str) -> Result<i64>;
}

macro_rules! countable {
    ($($database:ty),+) => {$(
        impl Countable for $database {
            async fn number(db: &Db<Self>, query: &'static str) -> Result<i64> {
                Ok(sqlx::query_scalar(query).fetch_one(db.reader()).await?)
            }
        }
    )+};
}

countable!(Sqlite, Postgres);

async fn count<D: Countable>(db: &Db<D>, query: &'static str) -> Result<i64> {
    D::number(db, query)
        .await
        .with_context(|| format!("{query} on {}", D::NAME))
}

const NEW: &str = "SELECT count(*) FROM orders WHERE status = 'NEW'";
const FINISHED: &str = "SELECT count(*) FROM orders WHERE status = 'FINISHED'";
const CANCELLED: &str = "SELECT count(*) FROM orders WHERE status = 'CANCELLED'";
const OUTBOX: &str = "SELECT count(*) FROM gozon_outbox";
const UNHANDLED: &str = "SELECT count(*) FROM gozon_inbox WHERE state <> 'done'";
const PAID: &str = "SELECT count(*) FROM payments WHERE outcome = 'PAID'";
const REFUSED: &str = "SELECT count(*) FROM payments WHERE outcome = 'REFUSED'";
const BOOKED: &str = "SELECT count(*) FROM gozon_ledger_transfers WHERE code = 'payment'";

impl<D: Countable + OutboxDatabase + LedgerDatabase> Pair<D> {
    async fn audit(&self) -> Result<Settled> {
        const BOUND: Duration = Duration::from_secs(90);
        eventually(BOUND, "nothing is under way", async || {
            for (db, what) in [
                (&self.orders, NEW),
                (&self.orders, OUTBOX),
                (&self.payments, OUTBOX),
            ] {
                let left = count(db, what).await?;
                ensure!(left == 0, "{left} rows: {what}");
            }
            Ok(())
        })
        .await?;
        for (db, name) in [(&self.orders, "orders"), (&self.payments, "payments")] {
            let unhandled = count(db, UNHANDLED).await?;
            ensure!(
                unhandled == 0,
                "{unhandled} messages of {name} are not handled"
            );
        }
        let settled = Settled {
            finished: count(&self.orders, FINISHED).await?,
            cancelled: count(&self.orders, CANCELLED).await?,
        };
        let paid = count(&self.payments, PAID).await?;
        let refused = count(&self.payments, REFUSED).await?;
        let booked = count(&self.payments, BOOKED).await?;
        ensure!(
            paid == settled.finished && refused == settled.cancelled && booked == paid,
            "{settled:?}, but {paid} paid, {refused} refused, {booked} booked"
        );
        let report = Ledger::new(self.payments.clone(), LedgerConfig::default())?
            .verify()
            .await?;
        ensure!(report.is_clean(), "the ledger disagrees: {report:?}");
        Ok(settled)
    }
}
