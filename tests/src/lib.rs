//! The kit of Gozon's stories.
//!
//! `cargo xtask test` starts one PostgreSQL and one RabbitMQ for the whole run;
//! a test takes from them what is its own:
//!
//! ```no_run
//! # async fn story() -> anyhow::Result<()> {
//! use gozon_tests::servers::{amqp_prefix, amqp_url, postgres_database};
//!
//! let database = postgres_database().await?; // the URL of an empty database
//! let broker = amqp_url().await?; // shared: put this before every name
//! let prefix = amqp_prefix();
//! # Ok(()) }
//! ```
//!
//! A test that stops or breaks a server starts its own ([`own_servers`]), runs
//! the shop's binaries as processes ([`processes`]), talks to them as a client
//! would ([`http`]), and waits for conditions, never for time
//! ([`eventually`](eventually())):
//!
//! ```no_run
//! # async fn story() -> anyhow::Result<()> {
//! use std::time::Duration;
//!
//! use gozon_tests::eventually;
//! use gozon_tests::http::Client;
//! use gozon_tests::own_servers::own_postgres;
//! use gozon_tests::processes::{Program, free_address};
//! use serde_json::json;
//!
//! let postgres = own_postgres().await?;
//! let address = free_address()?;
//! let orders = Program::named("gozon-orders")
//!     .env("DATABASE_URL", postgres.database().await?)
//!     .env("GOZON_BIND", address.to_string())
//!     .failpoints("outbox.confirmed=abort")
//!     .ready_at(address)
//!     .start()
//!     .await?;
//!
//! postgres.kill().await?;
//! postgres.start().await?;
//!
//! let anna = Client::at(address).as_user("anna");
//! eventually(Duration::from_secs(10), "orders are taken again", async || {
//!     let order = json!({"amount": 100, "description": "tea"});
//!     anna.post("/orders", &order).await?.having(201)
//! })
//! .await?;
//!
//! orders.stop().await?;
//! # Ok(()) }
//! ```

mod eventually;
pub mod http;
pub mod link;
pub mod measure;
pub mod own_servers;
pub mod processes;
pub mod servers;
pub mod shop;

pub use self::eventually::eventually;
