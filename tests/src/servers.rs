//! Where the servers of a test run come from.

use anyhow::{Context, Result};
use sqlx::Connection;
use uuid::Uuid;

/// The URL of an empty PostgreSQL database of this test's own.
///
/// # Errors
/// When no server can be had.
pub async fn postgres_database() -> Result<String> {
    let server = std::env::var("GOZON_TEST_POSTGRES_URL").context("set GOZON_TEST_POSTGRES_URL")?;
    let name = format!("t_{}", Uuid::new_v4().simple());
    let mut admin = sqlx::PgConnection::connect(&server).await?;
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .execute(&mut admin)
        .await?;
    let (base, _) = server.rsplit_once('/').context("no database in the URL")?;
    Ok(format!("{base}/{name}"))
}

/// The URL of the shared RabbitMQ; use [`amqp_prefix`] for names.
///
/// # Errors
/// When no server can be had.
pub async fn amqp_url() -> Result<String> {
    std::env::var("GOZON_TEST_AMQP_URL").context("set GOZON_TEST_AMQP_URL")
}

/// A prefix for exchange and queue names, of this test's own.
pub fn amqp_prefix() -> String {
    format!("t{}.", &Uuid::new_v4().simple().to_string()[..12])
}
