//! The shop's orders: accepts them, sees them settled, shows them live.
//!
//! An order is `NEW` until payments has decided, then `FINISHED` or `CANCELLED`
//! for ever. See `ARCHITECTURE.md` for the path of one order.

mod broadcast;
mod config;
mod journey;
mod journey_view;
mod metrics;
mod order;
mod orders;
mod postgres;
mod reconciler;
mod refusals;
mod routes;
mod service;
mod settle;
mod snapshot;
mod socket;
mod sqlite;
mod store;
mod view;
mod watch;

pub use config::Config;
pub use order::Order;
pub use service::{OrdersService, OrdersSettings, run};
pub use store::OrderStore;

/// CloudEvents `source` of what this service says.
pub const SOURCE: &str = "/gozon/orders";
