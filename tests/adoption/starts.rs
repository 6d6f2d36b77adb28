//! Instances that start together, and steps that take their time.

use std::time::Duration;

use gozon_core::ErrorClass;
use gozon_sqlx::postgres::{PoolSettings, connect};
use gozon_sqlx::{Db, Migration, Migrations, Postgres};
use gozon_tests::eventually;
use gozon_tests::servers::postgres_database;
use sqlx::migrate::Migrate;
use sqlx::{Connection, PgConnection};

const BOUND: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(100);

/// One connection, so that whatever a run leaves behind meets the next one.
async fn with_limits(
    statement: Duration,
    lock: Duration,
) -> anyhow::Result<(Db<Postgres>, String)> {
    let url = postgres_database().await?;
    let settings = PoolSettings {
        max_connections: 1,
        statement_timeout: statement,
        lock_timeout: lock,
        ..PoolSettings::default()
    };
    Ok((connect(&url, &settings).await?, url))
}

const fn schema(steps: &'static [Migration]) -> Migrations {
    Migrations {
        history_table: "probe_migrations",
        steps,
    }
}

const PROBE: Migrations = schema(&[Migration {
    version: 1,
    name: "probe",
    sql: "CREATE TABLE probe (id BIGINT PRIMARY KEY);",
}]);

const CHANGES_BUSY: Migrations = schema(&[Migration {
    version: 1,
    name: "busy",
    sql: "ALTER TABLE busy ADD COLUMN more BIGINT;",
}]);

/// A table that someone reads in a transaction which has not ended.
async fn a_table_in_use(url: &str) -> anyhow::Result<PgConnection> {
    let mut user = PgConnection::connect(url).await?;
    for statement in [
        "CREATE TABLE busy (id BIGINT)",
        "BEGIN",
        "SELECT id FROM busy",
    ] {
        sqlx::query(statement).execute(&mut user).await?;
    }
    Ok(user)
}

/// Until a session has waited for a lock of `kind` for longer than [`SHORT`].
async fn someone_waits(watcher: &str, kind: &str) -> anyhow::Result<()> {
    eventually(
        BOUND,
        "a session waits for longer than its limit",
        async || {
            let mut watcher = PgConnection::connect(watcher).await?;
            let waiting: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
             WHERE datname = current_database() AND locktype = $1
             AND clock_timestamp() - waitstart > interval '300 milliseconds'",
            )
            .bind(kind)
            .fetch_one(&mut watcher)
            .await?;
            anyhow::ensure!(waiting == 1, "{waiting} wait");
            Ok(())
        },
    )
    .await
}

#[tokio::test]
async fn a_step_may_take_longer_than_a_request() -> anyhow::Result<()> {
    // An index over all that there is.
    let slow = schema(&[Migration {
        version: 1,
        name: "slow",
        sql: "SELECT pg_sleep(0.5);",
    }]);
    let (db, _url) = with_limits(SHORT, SHORT).await?;

    slow.run(&db).await?;

    assert_eq!(slow.missing(&db).await?, Vec::<i64>::new());
    // The limits hold again for whoever takes a connection from the pool.
    let limits: (String, String) = sqlx::query_as(
        "SELECT current_setting('statement_timeout'), current_setting('lock_timeout')",
    )
    .fetch_one(db.writer())
    .await?;
    assert_eq!(limits, ("100ms".to_owned(), "100ms".to_owned()));
    Ok(())
}

#[tokio::test]
async fn an_instance_waits_for_another_beyond_its_lock_timeout() -> anyhow::Result<()> {
    let (db, url) = with_limits(SHORT, SHORT).await?;
    let mut other = PgConnection::connect(&url).await?;
    other.lock().await?;

    let start = tokio::spawn(async move { PROBE.run(&db).await });
    someone_waits(&url, "advisory").await?;
    other.unlock().await?;

    start.await??;
    Ok(())
}

#[tokio::test]
async fn a_step_waits_for_a_table_no_longer_than_lock_timeout() -> anyhow::Result<()> {
    let (db, url) = with_limits(Duration::ZERO, SHORT).await?;
    let mut user = a_table_in_use(&url).await?;

    let refused = CHANGES_BUSY.run(&db).await.unwrap_err();
    sqlx::query("COMMIT").execute(&mut user).await?;

    assert_eq!(refused.class(), ErrorClass::Retry, "{refused:?}");
    CHANGES_BUSY.run(&db).await?;
    Ok(())
}

#[tokio::test]
async fn a_start_that_was_given_up_leaves_no_lock_behind() -> anyhow::Result<()> {
    let (db, url) = with_limits(Duration::ZERO, Duration::ZERO).await?;
    let mut user = a_table_in_use(&url).await?;
    let given_up = tokio::spawn({
        let db = db.clone();
        async move { CHANGES_BUSY.run(&db).await }
    });
    someone_waits(&url, "relation").await?;

    given_up.abort();
    assert!(given_up.await.unwrap_err().is_cancelled());
    sqlx::query("COMMIT").execute(&mut user).await?;

    let mut other = PgConnection::connect(&url).await?;
    tokio::time::timeout(BOUND, other.lock()).await??;
    other.unlock().await?;
    // Nor was half of the step applied.
    CHANGES_BUSY.run(&db).await?;
    Ok(())
}
