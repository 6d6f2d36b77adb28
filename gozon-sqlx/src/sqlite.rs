//! SQLite 3.51.3 or later, bundled.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::{Database, Db, DbError};

/// SQLite in WAL mode with one writer.
#[derive(Debug, Clone, Copy)]
pub struct Sqlite;

impl Database for Sqlite {
    type Driver = sqlx::Sqlite;
    type Tx = sqlx::SqliteConnection;
    const NAME: &'static str = "sqlite";
    // A deferred transaction that turns into a writer gets BUSY at once,
    // whatever the busy timeout says.
    const BEGIN: &'static str = "BEGIN IMMEDIATE";
}

/// How [`open`] builds its pools.
#[derive(Debug, Clone)]
pub struct PoolSettings {
    /// Reading connections at most. Default 4. There is always one writer.
    pub max_readers: u32,
    /// How long a caller waits for a connection. Default 5 s.
    pub acquire_timeout: Duration,
    /// Page cache of each connection in KiB. Default 2,000.
    pub cache_kib: u32,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            max_readers: 4,
            acquire_timeout: Duration::from_secs(5),
            cache_kib: 2_000,
        }
    }
}

/// Opens `file`, creating it if missing: WAL, `synchronous=FULL`, one writer
/// connection and a few readers.
///
/// # Errors
/// [`DbError::Unsuitable`] for a SQLite older than 3.51.3, whose WAL can
/// corrupt; [`DbError::Sqlx`] when the file cannot be opened.
pub async fn open(file: &Path, settings: &PoolSettings) -> Result<Db<Sqlite>, DbError> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(10))
        .pragma("cache_size", format!("-{}", settings.cache_kib));
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(settings.acquire_timeout)
        .test_before_acquire(false)
        // The one writer must not be closed and reopened under traffic.
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options.clone())
        .await?;
    let version: String = sqlx::query_scalar("SELECT sqlite_version()")
        .fetch_one(&writer)
        .await?;
    if !is_sound(&version) {
        return Err(DbError::Unsuitable(format!(
            "SQLite 3.51.3 or later is needed, this is {version}"
        )));
    }
    let reader = SqlitePoolOptions::new()
        .max_connections(settings.max_readers)
        .acquire_timeout(settings.acquire_timeout)
        .test_before_acquire(false)
        .connect_with(options.read_only(true))
        .await?;
    Ok(Db::new(writer).with_reader(reader))
}

fn is_sound(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().ok());
    let mut next = || parts.next().flatten().unwrap_or(0);
    (next(), next(), next()) >= (3, 51, 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Migration, Migrations};

    const STEPS: Migrations = Migrations {
        history_table: "probe_migrations",
        steps: &[Migration {
            version: 1,
            name: "probe",
            sql: "CREATE TABLE probe (id INTEGER PRIMARY KEY) STRICT;",
        }],
    };

    #[test]
    fn a_sqlite_whose_wal_can_corrupt_is_refused() {
        assert!(is_sound("3.51.3") && is_sound("3.52.0") && is_sound("4.0.0"));
        assert!(!is_sound("3.51.2") && !is_sound("3.46.0") && !is_sound("x"));
    }

    #[tokio::test]
    async fn migrations_run_twice_and_a_dropped_transaction_rolls_back() {
        let folder = tempfile::tempdir().unwrap();
        let db = open(&folder.path().join("probe.db"), &PoolSettings::default())
            .await
            .unwrap();
        STEPS.run(&db).await.unwrap();
        STEPS.run(&db).await.unwrap();

        let mut tx = db.begin().await.unwrap();
        sqlx::query("INSERT INTO probe VALUES (1)")
            .execute(&mut *tx)
            .await
            .unwrap();
        drop(tx);
        let mut tx = db.begin().await.unwrap();
        sqlx::query("INSERT INTO probe VALUES (1)")
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();

        let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM probe")
            .fetch_one(db.reader())
            .await
            .unwrap();
        assert_eq!(rows, 1);
        db.close().await;
    }
}
