//! The servers of the whole test run, and each test's own part of them.

use anyhow::{Context, Result};
use sqlx::Connection;
use uuid::Uuid;

/// The URL of an empty PostgreSQL database of this test's own.
///
/// # Errors
/// When no server was given (the message says what to do), or it refuses.
pub async fn postgres_database() -> Result<String> {
    create_database(&given("GOZON_TEST_POSTGRES_URL")?).await
}

/// The URL of the shared RabbitMQ; use [`amqp_prefix`] for names.
///
/// # Errors
/// When no server was given; the message says what to do.
pub async fn amqp_url() -> Result<String> {
    given("GOZON_TEST_AMQP_URL")
}

/// A prefix for exchange and queue names, of this test's own.
pub fn amqp_prefix() -> String {
    format!("t{}.", &Uuid::new_v4().simple().to_string()[..12])
}

/// Creates a database with a name of its own on the server behind `server`,
/// and returns its URL.
pub(crate) async fn create_database(server: &str) -> Result<String> {
    let name = format!("t_{}", Uuid::new_v4().simple());
    let mut admin = sqlx::PgConnection::connect(server)
        .await
        .context("PostgreSQL does not answer")?;
    // Names cannot be parameters; this one is hexadecimal digits.
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .execute(&mut admin)
        .await?;
    admin.close().await?;
    with_database(server, &name)
}

fn with_database(server: &str, name: &str) -> Result<String> {
    let (address, options) = match server.split_once('?') {
        Some((address, options)) => (address, format!("?{options}")),
        None => (server, String::new()),
    };
    let (base, _) = address
        .rsplit_once('/')
        .context("the URL of PostgreSQL names no database")?;
    Ok(format!("{base}/{name}{options}"))
}

fn given(variable: &str) -> Result<String> {
    std::env::var(variable).with_context(|| {
        format!("{variable} is not set: run `cargo xtask test`, which starts the servers")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_of_the_database_changes() {
        let url = with_database("postgres://u:p@h:1/postgres?sslmode=disable", "t_1").unwrap();

        assert_eq!(url, "postgres://u:p@h:1/t_1?sslmode=disable");
    }
}
