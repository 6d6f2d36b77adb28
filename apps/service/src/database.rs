//! Opening the database that the settings name.
//!
//! A service may start before its database, as under Compose; it waits, says
//! so, and gives up with one line after `GOZON_DB_START_TIMEOUT`.

use std::path::Path;
use std::time::Duration;

use gozon_core::ErrorClass;
use gozon_sqlx::{Db, DbError, Postgres, Sqlite, postgres, sqlite};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::process::Interrupted;
use crate::settings::{DatabaseSettings, Secret, SettingsError};

const VARIABLE: &str = "DATABASE_URL";
const PAUSE: Duration = Duration::from_secs(1);

/// Connects to PostgreSQL. `application` is what `pg_stat_activity` shows.
///
/// # Errors
/// [`SettingsError`] when the database cannot be had, [`Interrupted`] when
/// `shutdown` comes first.
pub async fn connect_postgres(
    application: &str,
    url: &Secret,
    settings: &DatabaseSettings,
    shutdown: &CancellationToken,
) -> anyhow::Result<Db<Postgres>> {
    let place = settings.url.place();
    let pool = postgres::PoolSettings {
        max_connections: settings.pool,
        acquire_timeout: settings.acquire_timeout,
        schema: settings.schema.clone(),
        application_name: application.to_owned(),
        ..postgres::PoolSettings::default()
    };
    let connecting = async {
        let give_up = Instant::now() + settings.start_timeout;
        loop {
            match postgres::connect(url.expose(), &pool).await {
                Ok(db) => return Ok(db),
                Err(error) if error.class() != ErrorClass::Retry || Instant::now() >= give_up => {
                    return Err(refusal(&place, &error));
                }
                Err(error) => {
                    warn!(database = place, %error, "the database does not answer yet; trying again");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    };
    let db = shutdown
        .run_until_cancelled(connecting)
        .await
        .ok_or(Interrupted)??;
    info!(
        database = place,
        schema = settings.schema,
        "connected to PostgreSQL"
    );
    Ok(db)
}

/// Opens a SQLite file, creating it and its folder if missing.
///
/// # Errors
/// [`SettingsError`] when that is not possible.
pub async fn open_sqlite(path: &Path, settings: &DatabaseSettings) -> anyhow::Result<Db<Sqlite>> {
    let place = path.display().to_string();
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| {
            SettingsError::new(VARIABLE, format!("cannot create the folder of {place}: {error}; choose a path that can be written"))
        })?;
    }
    let pools = sqlite::PoolSettings {
        max_readers: settings.pool.min(16),
        acquire_timeout: settings.acquire_timeout,
        ..sqlite::PoolSettings::default()
    };
    let db = sqlite::open(path, &pools)
        .await
        .map_err(|error| refusal(&place, &error))?;
    info!(database = place, "opened SQLite");
    Ok(db)
}

fn refusal(place: &str, error: &DbError) -> SettingsError {
    let reason = match error {
        // What the pool says when every attempt to connect was refused.
        DbError::Sqlx(sqlx::Error::PoolTimedOut) => "nothing answers".to_owned(),
        error => error.to_string(),
    };
    SettingsError::new(
        VARIABLE,
        format!("no database can be used at {place}: {reason}; start it or mend the URL"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::DatabaseUrl;

    /// A port of this machine where nobody listens.
    fn nobody() -> (Secret, DatabaseSettings) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = Secret::new(format!("postgres://u:hunter2@127.0.0.1:{port}/d"));
        let mut settings = DatabaseSettings::new(DatabaseUrl::Postgres(url.clone()));
        settings.acquire_timeout = Duration::from_millis(50);
        (url, settings)
    }

    #[tokio::test]
    async fn an_unreachable_database_is_one_line_with_the_variable() {
        let (url, mut settings) = nobody();
        settings.start_timeout = Duration::ZERO;

        let error = connect_postgres("probe", &url, &settings, &CancellationToken::new())
            .await
            .unwrap_err();

        let error = error.downcast_ref::<SettingsError>().unwrap();
        assert_eq!(error.variable(), "DATABASE_URL");
        let line = error.to_string();
        assert!(line.contains("127.0.0.1"), "{line}");
        assert!(!line.contains("hunter2") && !line.contains('\n'), "{line}");
    }

    #[tokio::test]
    async fn a_start_that_waits_can_be_stopped() {
        let (url, settings) = nobody();
        let shutdown = CancellationToken::new();
        shutdown.cancel();

        let error = connect_postgres("probe", &url, &settings, &shutdown)
            .await
            .unwrap_err();

        assert!(error.is::<Interrupted>());
    }

    #[tokio::test]
    async fn a_sqlite_file_is_created_with_its_folder_or_refused_in_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data/probe.db");
        let settings = DatabaseSettings::new(DatabaseUrl::Sqlite(path.clone()));

        open_sqlite(&path, &settings).await.unwrap().close().await;

        assert!(path.exists());
        let below_a_file = path.join("nothing/probe.db");
        let error = open_sqlite(&below_a_file, &settings).await.unwrap_err();
        let error = error.downcast_ref::<SettingsError>().unwrap();
        assert_eq!(error.variable(), "DATABASE_URL");
    }
}
