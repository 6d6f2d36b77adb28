//! Pools, transactions, migrations and error classes for Gozon's crates.
//!
//! The only place in Gozon that opens a transaction. Domain code is generic
//! over [`Database`]; only SQL and row mapping exist twice, in folders
//! `postgres/` and `sqlite/` with equal file names.
//!
//! Bring your own pool: [`Db::new`] takes a `PgPool` or `SqlitePool` that you
//! built. [`postgres::connect`] and [`sqlite::open`] build pools with settings
//! that fit services which must not lose anything.

mod database;
mod error;
mod migrate;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod unit_of_work;

pub use database::{Database, Db, Transaction};
pub use error::{DbError, class_of, violated_constraint};
pub use migrate::{Migration, Migrations};
#[cfg(feature = "postgres")]
pub use postgres::Postgres;
#[cfg(feature = "sqlite")]
pub use sqlite::Sqlite;
pub use unit_of_work::{CommitError, UnitOfWork};
