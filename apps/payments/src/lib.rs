//! The shop's payments: accounts, top-ups, and one decision about the money of
//! each order.
//!
//! See `ARCHITECTURE.md` for the path of one order.

mod accounts;
mod chart;
mod config;
mod decide;
mod decision;
mod metrics;
mod postgres;
mod refusals;
mod routes;
mod service;
mod sqlite;
mod store;
mod view;

pub use config::Config;
pub use service::{PaymentsService, PaymentsSettings, run};
pub use store::PaymentStore;

/// CloudEvents `source` of what this service says.
pub const SOURCE: &str = "/gozon/payments";
