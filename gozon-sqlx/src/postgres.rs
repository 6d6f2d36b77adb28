//! PostgreSQL 15 or later.

use std::str::FromStr;
use std::time::Duration;

use sqlx::Executor;
use sqlx::PgPool;
use sqlx::migrate::{Migrate, MigrateError};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};

use crate::{Database, Db, DbError};

/// PostgreSQL, 15 or later, at READ COMMITTED.
#[derive(Debug, Clone, Copy)]
pub struct Postgres;

impl Database for Postgres {
    type Driver = sqlx::Postgres;
    type Tx = PgConnection;
    const NAME: &'static str = "postgres";
    const BEGIN: &'static str = "BEGIN";
    const TURN_ENDS_SESSION: bool = true;

    async fn take_turn(session: &mut PgConnection) -> Result<(), MigrateError> {
        // Limits that suit requests do not suit an index over all that there
        // is: it would be cancelled, at this start and at the next. An older
        // server has no transaction_timeout to lift.
        session
            .execute(
                "SELECT set_config(name, '0', false) FROM pg_settings \
                 WHERE name IN ('statement_timeout', 'transaction_timeout')",
            )
            .await?;
        let lock_timeout: String = sqlx::query_scalar("SELECT current_setting('lock_timeout')")
            .fetch_one(&mut *session)
            .await?;
        set_lock_timeout(session, &millis(LONGEST_TURN)).await?;
        wait_for_turn(session).await?;
        // The steps keep the service's: whoever waits for a table makes all
        // who come later wait for it as well.
        set_lock_timeout(session, &lock_timeout).await
    }
}

/// How long an instance waits for another that applies a schema.
const LONGEST_TURN: Duration = Duration::from_secs(15 * 60);

async fn set_lock_timeout(session: &mut PgConnection, value: &str) -> Result<(), MigrateError> {
    sqlx::query("SELECT set_config('lock_timeout', $1, false)")
        .bind(value)
        .execute(session)
        .await?;
    Ok(())
}

async fn wait_for_turn(session: &mut PgConnection) -> Result<(), MigrateError> {
    let mut lock = session.lock();
    match tokio::time::timeout(Duration::from_secs(2), &mut lock).await {
        Ok(locked) => locked,
        Err(_) => {
            tracing::info!("another session applies a schema to this database, waiting for it");
            lock.await
        }
    }
}

/// How [`connect`] builds a pool. Beside what is set here, the server ends a
/// transaction that idles for 30 s: the net below one that somebody forgot.
#[derive(Debug, Clone)]
pub struct PoolSettings {
    /// Connections at most; at least 2 where a relay or a consumer runs beside
    /// requests. Default 10.
    pub max_connections: u32,
    /// How long a caller waits for a connection before its call fails with
    /// class `Retry`; above 0. Default 5 s.
    pub acquire_timeout: Duration,
    /// The longest statement; the server cancels it then, class `Retry`. In
    /// milliseconds at the server; zero: no limit. The steps of a schema have
    /// none, see [`Migrations::run`](crate::Migrations::run). Default 30 s.
    pub statement_timeout: Duration,
    /// The longest wait for a lock; the statement fails then, class `Retry`.
    /// Zero: no limit. Default 10 s.
    pub lock_timeout: Duration,
    /// The schema to work in, created if missing; `None` for the server's
    /// `search_path`. Letters, digits and underscores, 63 at most. Default none.
    pub schema: Option<String>,
    /// What `pg_stat_activity` shows; the server cuts it at 63 bytes. Default `gozon`.
    pub application_name: String,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            max_connections: 10,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
            lock_timeout: Duration::from_secs(10),
            schema: None,
            application_name: "gozon".to_owned(),
        }
    }
}

/// Connects, creates the schema if one is named, and checks the server.
///
/// # Errors
/// [`DbError::Unsuitable`] for a malformed URL or schema name and for servers
/// older than 15; [`DbError::Sqlx`] when the server cannot be reached.
pub async fn connect(url: &str, settings: &PoolSettings) -> Result<Db<Postgres>, DbError> {
    // The URL may hold a password, so the error does not repeat it.
    let mut options = PgConnectOptions::from_str(url)
        .map_err(|error| DbError::Unsuitable(format!("not a PostgreSQL URL: {error}")))?
        .application_name(&settings.application_name)
        .options([
            (
                "statement_timeout",
                millis(settings.statement_timeout).as_str(),
            ),
            ("lock_timeout", millis(settings.lock_timeout).as_str()),
            // The safety net below a transaction that someone forgot.
            ("idle_in_transaction_session_timeout", "30000"),
            ("synchronous_commit", "on"),
        ]);
    if let Some(schema) = &settings.schema {
        check_schema_name(schema)?;
        options = options.options([("search_path", schema.as_str())]);
    }
    let pool = PgPoolOptions::new()
        .max_connections(settings.max_connections)
        .acquire_timeout(settings.acquire_timeout)
        // A ping per acquire would be a round trip per request. Only a
        // connection that idled for long is asked whether it still lives.
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for < Duration::from_secs(5) {
                    return Ok(true);
                }
                // Bounded: a silent peer must not keep the pool's permit.
                let probe = connection.execute("SELECT 1");
                Ok(tokio::time::timeout(Duration::from_secs(2), probe)
                    .await
                    .is_ok_and(|answer| answer.is_ok()))
            })
        })
        .connect_with(options)
        .await?;
    if let Some(schema) = &settings.schema {
        create_schema(&pool, schema).await?;
    }
    let version: i32 = sqlx::query_scalar("SELECT current_setting('server_version_num')::int4")
        .fetch_one(&pool)
        .await?;
    if version < 150_000 {
        return Err(DbError::Unsuitable(format!(
            "PostgreSQL 15 or later is needed, this server says {version}"
        )));
    }
    Ok(Db::new(pool))
}

fn millis(duration: Duration) -> String {
    duration.as_millis().to_string()
}

fn check_schema_name(name: &str) -> Result<(), DbError> {
    let plain = name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if plain && (1..=63).contains(&name.len()) && !name.as_bytes()[0].is_ascii_digit() {
        return Ok(());
    }
    Err(DbError::Unsuitable(format!(
        "schema `{name}`: use 1 to 63 lower-case letters, digits and underscores, not starting with a digit"
    )))
}

/// `CREATE SCHEMA IF NOT EXISTS` from two instances at once can fail with a
/// unique violation in the catalogue, so it is done under a lock.
async fn create_schema(pool: &PgPool, schema: &str) -> Result<(), DbError> {
    let statement = format!(
        "DO $$ BEGIN PERFORM pg_advisory_xact_lock(hashtext('gozon.schema')); \
         CREATE SCHEMA IF NOT EXISTS \"{schema}\"; END $$"
    );
    // Safe: the name was checked to be letters, digits and underscores.
    pool.execute(sqlx::AssertSqlSafe(statement)).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_name_cannot_carry_sql() {
        for bad in ["", "a\"b", "A", "1a", "a-b", "a; drop"] {
            assert!(check_schema_name(bad).is_err(), "{bad}");
        }
        assert!(check_schema_name("orders_2").is_ok());
    }
}
