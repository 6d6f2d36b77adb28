//! A double-entry ledger that joins your own transaction.
//!
//! Money moves by [`Transfer`]s between accounts. A transfer has an id of the
//! caller's choosing, and the same id never moves money twice; its debits equal
//! its credits; it happens as a whole or not at all. An account may have a floor
//! and a ceiling that no transfer breaks. Every account keeps its entries with
//! running balances, and [`Ledger::verify`] proves at any time that all of it
//! agrees.
//!
//! Money can be held before it moves: a transfer of the kind
//! [`Pending`](Kind::Pending) reserves, on every account that it names and with
//! or without an end, and is then posted as a whole or in part, voided, or
//! expired, once. What was moved can be taken back by
//! [reversals](Kind::Reversal), in sum at most what it was. Resolutions and
//! reversals are transfers with ids of their own and go through the same calls,
//! also many in one batch, and a hold together with its posting.
//!
//! Amounts are whole minor units in an `i64`, checked; sums are made in `i128`.
//!
//! ```
//! # #[cfg(feature = "sqlite")]
//! # async fn example(folder: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
//! use gozon_ledger::{AccountId, Asset, Ledger, LedgerConfig, NewAccount, PostError, Side};
//! use gozon_ledger::{Transfer, TransferId};
//! use uuid::Uuid;
//!
//! let db = gozon_sqlx::sqlite::open(&folder.join("money.db"), &Default::default()).await?;
//! let ledger = Ledger::new(db.clone(), LedgerConfig::default())?;
//! ledger.migrate().await?;
//!
//! // What we owe a user is a credit-normal account that cannot be overdrawn;
//! // where the money comes from is a debit-normal one without limits.
//! let rub = Asset::new("RUB")?;
//! let (bank, user) = (AccountId(Uuid::now_v7()), AccountId(Uuid::now_v7()));
//! ledger.open_account(&NewAccount::new(bank, rub.clone(), Side::Debit, "bank")).await?;
//! let account = NewAccount::new(user, rub.clone(), Side::Credit, "user").with_floor(0);
//! ledger.open_account(&account).await?;
//!
//! let top_up = Transfer::new(TransferId(Uuid::now_v7()), "topup")
//!     .debit(bank, &rub, 1_000)
//!     .credit(user, &rub, 1_000);
//! let pay_out = Transfer::new(TransferId(Uuid::now_v7()), "payout")
//!     .debit(user, &rub, 1_500)
//!     .credit(bank, &rub, 1_500);
//!
//! // Together with what else your transaction writes, or not at all.
//! let mut tx = db.begin().await?;
//! let outcomes = ledger.post_in(&mut tx, &[top_up.clone(), pay_out]).await?;
//! assert!(outcomes[0].is_ok());
//! assert!(matches!(outcomes[1], Err(PostError::InsufficientFunds { available: 1_000, .. })));
//! tx.commit().await?;
//!
//! // The same transfer again moves nothing.
//! let again = ledger.post(&[top_up]).await?;
//! assert!(again[0].as_ref().is_ok_and(|posted| posted.replayed));
//! assert_eq!(ledger.balance(user).await?.map(|b| b.posted), Some(1_000));
//! assert!(ledger.verify().await?.is_clean());
//! # Ok(())
//! # }
//! # #[cfg(feature = "sqlite")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! #     let folder = tempfile::tempdir()?;
//! #     tokio::runtime::Runtime::new()?.block_on(example(folder.path()))
//! # }
//! # #[cfg(not(feature = "sqlite"))]
//! # fn main() {}
//! ```
//!
//! # Many callers, one account
//!
//! Transfers that lock the same account wait for each other's commits. Whoever
//! has no transaction of its own, such as an HTTP route, posts through a
//! [`Poster`], which commits what waits together.
//!
//! # Operating accounts
//!
//! [`Ledger::change_account`] freezes, closes, moves limits and replaces
//! metadata, and records when and why. [`Ledger::balance_at`] answers what an
//! account held at a version or at a time; the two never contradict each other.
//!
//! # How it is built
//!
//! [`rules`] decides and does no I/O; [`store`] is what a database must do for
//! it, with an adapter per database behind the features `postgres` and `sqlite`;
//! [`Ledger`] lets them meet. Several transfers in one call cost as many
//! statements as one, so a *hot* account, which every transfer touches, costs
//! what a cold one costs: batch, or let the [`Poster`] do it.
//!
//! Where a service has a database role of its own: the ledger only ever inserts
//! and selects transfers, entries, reservations and changes of accounts; grant no more on
//! those tables.

mod account;
mod administration;
mod asset;
pub mod audit;
mod books;
mod config;
mod error;
mod ids;
mod ledger;
pub mod metrics;
mod past;
mod poster;
#[cfg(feature = "postgres")]
pub mod postgres;
mod request_hash;
pub mod rules;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod status;
pub mod store;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod stored;
mod transfer;
mod verify;

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
#[cfg(any(test, feature = "conformance"))]
pub mod memory;

pub use account::{Account, Balance, NewAccount, Opening, Side};
pub use administration::{
    AccountChange, AccountState, ChangeError, ChangeRow, Changed, RecordedChange,
};
pub use asset::{Asset, InvalidAsset};
pub use audit::{Finding, Report};
pub use books::{Books, PostIn};
pub use config::{ConfigError, LedgerConfig, Limits};
pub use error::{LedgerError, PostError};
pub use ids::{AccountId, TransferId};
pub use ledger::{Ledger, Outcomes};
pub use past::{AsOf, PastBalance};
pub use poster::{PostBatch, Poster, PosterConfig, PosterError};
pub use request_hash::RequestHash;
pub use status::{Frozen, Status};
pub use store::LedgerDatabase;
pub use transfer::{Entry, Kind, Leg, Posted, Transfer};
pub use verify::{
    Auditor, AuditorConfig, Standing, VerifyBudget, VerifyCursor, VerifyProgress, VerifySlice,
};

#[cfg(feature = "mock")]
pub use books::MockBooks;

/// Compiles what README.md shows.
#[cfg(all(doctest, feature = "postgres"))]
#[doc = include_str!("../README.md")]
struct Readme;
