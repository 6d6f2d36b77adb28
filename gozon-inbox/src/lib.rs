//! An idempotent inbox: messages and HTTP requests take effect once.
//!
//! Brokers deliver at least once, clients repeat their requests. The inbox
//! writes a mark for each message into the *same transaction* as its effect,
//! before the effect: whoever comes second finds the mark. What a handler
//! writes, the mark, and the messages that it sends (see `gozon-outbox`) commit
//! together; the broker is told after.
//!
//! - **Batches.** All messages that are there go into one transaction, and
//!   nobody waits for more. If one of them fails, they run one by one.
//! - **Poison** stops nobody: [`HandleError::Retry`] puts a message aside in our
//!   own table and tries it again later, [`HandleError::Reject`] keeps it as a
//!   dead letter with its reason. A handler that kills the process is counted,
//!   because its attempt is committed first.
//! - **Dead letters** wait for a person: [`Inbox::dead_letters`] shows them,
//!   [`Inbox::replay`] gives one to its consumer again, [`Inbox::discard`] gives
//!   one up, and [`Inbox::decisions`] remembers who did so, and why.
//! - **Order per key**, for subscriptions that ask for it
//!   ([`gozon_core::Subscription::with_order`]): while a message waits for its
//!   next attempt, or is dead, the later ones of its key wait behind it.
//! - **Health.** A worker that vanishes is started again and counted;
//!   [`Consumer::health`] goes into a `/readyz`.
//! - **Outages** count nothing: with the database away, what was received is
//!   held until it is back.
//! - **The window.** A repeat has no effect for as long as its mark is kept:
//!   [`InboxConfig::retention`], 30 days by default.
//!
#![cfg_attr(feature = "sqlite", doc = "```no_run")]
#![cfg_attr(not(feature = "sqlite"), doc = "```ignore")]
//! use std::sync::Arc;
//! use gozon_core::{Append, Envelope, NewMessage, Subscriber, Subscription};
//! use gozon_inbox::{Each, HandleError, Handler, Inbox, InboxConfig};
//! use gozon_sqlx::{Db, Sqlite};
//! use sqlx::SqliteConnection;
//! use tokio_util::sync::CancellationToken;
//!
//! struct CountOrders;
//!
//! #[async_trait::async_trait]
//! impl Handler<SqliteConnection> for CountOrders {
//!     async fn handle(
//!         &self,
//!         tx: &mut SqliteConnection,
//!         message: &Envelope,
//!         _out: &mut Vec<NewMessage>,
//!     ) -> Result<(), HandleError> {
//!         let day = message.time.date().to_string();
//!         sqlx::query("UPDATE days SET orders = orders + 1 WHERE day = ?")
//!             .bind(day)
//!             .execute(tx)
//!             .await?;
//!         Ok(())
//!     }
//! }
//!
//! async fn count_orders(
//!     db: Db<Sqlite>,
//!     outbox: Arc<dyn Append<SqliteConnection>>,
//!     subscriber: Arc<dyn Subscriber>,
//!     shutdown: CancellationToken,
//! ) -> Result<(), Box<dyn std::error::Error>> {
//!     let inbox = Inbox::new(db, InboxConfig::default())?;
//!     inbox.migrate().await?;
//!     let orders = Subscription::durable("statistics.orders", &["order_created"]);
//!     let consumer = inbox.consumer(orders, Arc::new(Each(CountOrders)), outbox);
//!     consumer.run(subscriber, shutdown).await?;
//!     Ok(())
//! }
//! ```
//!
//! The second door, [`Requests`], does the same for HTTP requests with an
//! `Idempotency-Key`: the answer is stored in the transaction of the business
//! and given again to a repeat.
//!
//! Features: `postgres`, `sqlite` (adapters), `conformance` (the suite that an
//! adapter must pass), `mock`.

mod alone;
mod attempt;
mod backoff;
mod config;
mod consumer;
mod database;
mod dead;
mod delivered;
mod handler;
mod health;
mod inbox;
mod line;
pub mod metrics;
mod ordered;
#[cfg(feature = "postgres")]
mod postgres;
mod requests;
mod retries;
#[cfg(feature = "sqlite")]
mod sqlite;
pub mod store;
mod tracing_of;
mod upkeep;
mod workers;

#[cfg(feature = "conformance")]
pub mod conformance;

pub use config::{ConfigError, InboxConfig};
pub use consumer::{Consumer, ConsumerError};
pub use database::{Adapters, InboxDatabase};
pub use dead::{
    DeadLetter, DeadPosition, Decision, DecisionError, DecisionOutcome, Ruling, Signature,
};
pub use handler::{BatchHandler, Each, HandleError, Handler};
pub use health::ConsumerHealth;
pub use inbox::Inbox;
pub use line::{Behind, Line};
pub use requests::{Begun, PendingRequest, RequestError, RequestKey, Requests, StoredAnswer};
pub use store::InboxStats;

#[cfg(test)]
#[cfg(all(feature = "sqlite", feature = "conformance"))]
mod outages;

#[cfg(test)]
#[cfg(all(feature = "sqlite", feature = "conformance"))]
mod on_sqlite {
    use gozon_sqlx::sqlite::{PoolSettings, open};

    async fn database() -> (gozon_sqlx::Db<gozon_sqlx::Sqlite>, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("inbox.db");
        (open(&file, &PoolSettings::default()).await.unwrap(), folder)
    }

    crate::inbox_conformance!(database());
}

/// Compiles what README.md shows.
#[cfg(all(doctest, feature = "postgres"))]
#[doc = include_str!("../README.md")]
struct Readme;
