//! Everything that can be set, each setting one environment variable.
//!
//! The structs here are clap argument groups: an application flattens those it
//! needs into a struct of its own, and their documentation is what `--help`
//! prints. Settings come from the environment alone, because an argument shows
//! up in every process listing. An empty variable counts as unset. A secret may
//! stand in a file instead, which the variable with `_FILE` at its end names.

mod amqp;
mod database;
mod http;
mod program;
mod read;
mod secret_file;
mod shop;
mod telemetry;
mod value;

pub use amqp::AmqpSettings;
pub use database::{DatabaseSettings, DatabaseUrl};
pub use http::HttpSettings;
pub use program::{Invocation, Probe, Service, SettingsError, Stop};
pub use read::{parse, parse_from};
pub use secret_file::file_variable;
pub use shop::{Currency, ShopSettings};
pub use telemetry::{LogFormat, TelemetrySettings};
pub use value::{Secret, duration};

/// What [`crate::process::main`] needs to know of every application's settings.
pub trait Settings: clap::Args {
    /// How the application serves HTTP; `healthcheck` asks there.
    fn http(&self) -> &HttpSettings;
    /// What it logs.
    fn telemetry(&self) -> &TelemetrySettings;
    /// Where its outbox is, if it has one; `dead-letters` looks there.
    fn database(&self) -> Option<&DatabaseSettings> {
        None
    }
}
