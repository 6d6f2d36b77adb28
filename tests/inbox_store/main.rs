//! The inbox's rules on PostgreSQL.

// A failure here is a failed test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use gozon_sqlx::postgres::{PoolSettings, connect};
use gozon_sqlx::{Db, Postgres};
use gozon_tests::servers::postgres_database;

async fn database() -> (Db<Postgres>, ()) {
    let url = postgres_database().await.unwrap();
    let settings = PoolSettings {
        max_connections: 5,
        lock_timeout: Duration::from_secs(7),
        ..PoolSettings::default()
    };
    (connect(&url, &settings).await.unwrap(), ())
}

gozon_inbox::inbox_conformance!(database());

mod broken;
mod lock_timeout;
mod occupied;
mod ordered;
mod outage;
mod retention;
mod vanished;
