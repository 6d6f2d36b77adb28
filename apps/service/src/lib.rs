//! What the shop's services share: settings, telemetry, problems, identity,
//! health, serve and drain.
//!
//! A service is three functions. `main` hands over to [`process::main`], which
//! reads the settings, starts telemetry and turns signals into one
//! `CancellationToken`. `run(settings, shutdown)` connects, owns its
//! background work in [`Tasks`] and serves with [`serve::serve`]. `app(state)`
//! only builds: routes, wrapped by [`Shell`] with everything that all services
//! have (trace, access log, problems, health, metrics, documentation), so that
//! tests call it without a socket.

pub mod body;
pub mod database;
pub mod dead_letters;
pub mod drain;
pub mod health;
pub mod idempotency;
pub mod identity;
pub mod once;
pub mod openapi;
pub mod origin;
pub mod page;
pub mod problem;
pub mod process;
pub mod serve;
pub mod settings;
pub mod standalone;
pub mod telemetry;

mod connection;
mod entrance;
mod framing;
mod healthcheck;
mod metrics;
mod path;
mod shell;
mod tasks;
mod trace;

pub use body::{Amount, Description, Json};
pub use entrance::Entrance;
pub use health::Health;
pub use idempotency::{IdempotencyKey, fingerprint};
pub use identity::{SocketUser, UserId};
pub use page::Page;
pub use path::PathId;
pub use problem::{Code, Problem};
pub use shell::Shell;
pub use tasks::Tasks;
pub use trace::Unlogged;
