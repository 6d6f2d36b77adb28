//! A transactional outbox with a relay.
//!
//! A message that is [appended](gozon_core::Append::append) in your transaction
//! leaves if, and only if, that transaction commits: at least once, in the order
//! of the commits per ordering key, with any number of relays. Consumers remove
//! the repeats (see `gozon-inbox`).
//!
//! ```no_run
//! # #[cfg(feature = "sqlite")]
//! # async fn example(publisher: std::sync::Arc<dyn gozon_core::Publisher>, message: gozon_core::NewMessage)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! use gozon_core::Append;
//! use gozon_outbox::{Outbox, OutboxConfig};
//! use gozon_sqlx::{Db, Sqlite};
//! use tokio_util::sync::CancellationToken;
//!
//! let pool = sqlx::SqlitePool::connect("sqlite:service.db").await?; // your own pool
//! let outbox = Outbox::<Sqlite>::new(Db::new(pool.clone()), OutboxConfig::default())?;
//! outbox.migrate().await?;
//! let shutdown = CancellationToken::new();
//! let relay = tokio::spawn(outbox.relay(publisher).run(shutdown.clone()));
//!
//! let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?; // your own transaction
//! sqlx::query("UPDATE orders SET status = 'NEW' WHERE id = 1").execute(&mut *tx).await?;
//! outbox.append(&mut *tx, std::slice::from_ref(&message)).await?;
//! tx.commit().await?;
//! outbox.committed(&[message]); // a hint: the relay polls as well
//!
//! shutdown.cancel();
//! relay.await??; // returns when everything in flight has its answer
//! # Ok(())
//! # }
//! ```
//!
//! # How it works
//!
//! *Appending* locks the keys, then draws the sequence numbers, in one statement
//! with the insert, so that sequence order is commit order per key. *Relays*
//! share the 64 partitions of the key space by leases with epochs; each reads
//! what is ready in its partitions, publishes many batches at once but never a
//! second message of a key whose first is unconfirmed, and deletes what was
//! confirmed. A message that was not confirmed holds its key: see [`Relay`]. One
//! that the broker refuses for its own sake is a dead letter: people list, replay
//! or discard it ([`Outbox::dead_letters`]), and every decision is recorded. On
//! request, what was published is kept in an archive ([`OutboxConfig::archive`]).
//!
//! *Waking.* [`gozon_core::Append::committed`] wakes the relay of the same process
//! and, on PostgreSQL, those of other processes over a connection of their own
//! ([`OutboxConfig::notify`]). Polling finds everything without either.
//!
//! The relay works on the contract [`store::OutboxStore`]; features `postgres`
//! and `sqlite` bring the adapters, `conformance` the suite that each must pass.

mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod desk;
mod key;
mod local;
pub mod metrics;
mod outbox;
#[cfg(feature = "postgres")]
mod postgres;
mod relay;
pub mod signal;
#[cfg(feature = "sqlite")]
mod sqlite;
pub mod store;

pub use config::{ConfigError, OutboxConfig};
pub use desk::{DeadLetter, DeadLetterPage, Ruling, Signature};
pub use outbox::{NewRow, Outbox, OutboxDatabase};
pub use relay::{Relay, RelayError};
pub use store::OutboxStats;

/// Compiles what README.md shows.
#[cfg(all(doctest, feature = "postgres"))]
#[doc = include_str!("../README.md")]
struct Readme;
