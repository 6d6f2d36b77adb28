//! The whole shop in one process: gateway, orders and payments, one SQLite file
//! per service, an in-process transport. The same domain code and the same
//! guarantees as in production.

mod banner;
mod config;
mod data;
mod shop;

pub use config::Config;
pub use shop::{Shop, run};
