//! Servers that are installed on this machine, run privately: ports, folders
//! and node names of their own, nothing shared with a system service.

mod folder;
mod postgres;
mod process;
mod rabbitmq;

pub use self::postgres::LocalPostgres;
pub use self::rabbitmq::{LocalRabbitMq, Tls};

/// Whether both servers are installed.
#[must_use]
pub fn available() -> bool {
    missing().is_empty()
}

/// What is not installed, in words for a person.
#[must_use]
pub fn missing() -> Vec<&'static str> {
    let mut missing = vec![];
    if LocalPostgres::find().is_none() {
        missing.push("PostgreSQL 15 or later");
    }
    if LocalRabbitMq::find().is_none() {
        missing.push("RabbitMQ");
    }
    missing
}
