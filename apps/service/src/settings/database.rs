use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::{Secret, duration};

/// Where a service keeps its data.
#[derive(Debug, Clone, clap::Args)]
pub struct DatabaseSettings {
    /// The database: postgres://user:password@host:5432/name or
    /// sqlite:path/to/file.
    #[arg(
        id = "database_url",
        long = "database-url",
        env = "DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub url: DatabaseUrl,

    /// The PostgreSQL schema to work in, created if missing. Unset: the
    /// server's `search_path`.
    #[arg(id = "db_schema", long = "db-schema", env = "GOZON_DB_SCHEMA", value_name = "NAME", value_parser = schema_name)]
    pub schema: Option<String>,

    /// Connections of the pool at most. SQLite has one writer and this many
    /// readers.
    #[arg(id = "db_pool", long = "db-pool", env = "GOZON_DB_POOL", default_value = "10", value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub pool: u32,

    /// How long a request waits for a connection of the pool.
    #[arg(id = "db_acquire_timeout", long = "db-acquire-timeout", env = "GOZON_DB_ACQUIRE_TIMEOUT", default_value = "5s", value_name = "DURATION", value_parser = duration)]
    pub acquire_timeout: Duration,

    /// How long a start waits for the database to come up.
    #[arg(id = "db_start_timeout", long = "db-start-timeout", env = "GOZON_DB_START_TIMEOUT", default_value = "30s", value_name = "DURATION", value_parser = duration)]
    pub start_timeout: Duration,
}

impl DatabaseSettings {
    /// Default settings for `url`.
    pub fn new(url: DatabaseUrl) -> Self {
        Self {
            url,
            schema: None,
            pool: 10,
            acquire_timeout: Duration::from_secs(5),
            start_timeout: Duration::from_secs(30),
        }
    }
}

/// A checked `DATABASE_URL`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// `postgres:` or `postgresql:`, with its password.
    Postgres(Secret),
    /// `sqlite:` and the path of a file.
    Sqlite(PathBuf),
}

impl DatabaseUrl {
    /// Host and port, or the file: what a log line may show.
    pub fn place(&self) -> String {
        match self {
            Self::Postgres(url) => host_of(url.expose()),
            Self::Sqlite(path) => path.display().to_string(),
        }
    }
}

/// What stands between the credentials and the path.
pub(crate) fn host_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    if host.is_empty() { "localhost" } else { host }.to_owned()
}

const FORMS: &str = "use postgres://user:password@host:5432/name or sqlite:path/to/file";

impl FromStr for DatabaseUrl {
    type Err = String;

    // The messages never repeat what follows the scheme: it may be a password.
    fn from_str(url: &str) -> Result<Self, Self::Err> {
        let Some((scheme, rest)) = url.split_once(':') else {
            return Err(format!("has no scheme; {FORMS}"));
        };
        match scheme {
            "postgres" | "postgresql" if rest.starts_with("//") => {
                Ok(Self::Postgres(Secret::new(url)))
            }
            "postgres" | "postgresql" => Err(format!("lacks `//` after the scheme; {FORMS}")),
            "sqlite" => sqlite_path(rest).map(Self::Sqlite),
            _ if scheme.bytes().all(|b| b.is_ascii_alphanumeric()) => {
                Err(format!("unknown scheme `{scheme}`; {FORMS}"))
            }
            _ => Err(format!("unknown scheme; {FORMS}")),
        }
    }
}

fn sqlite_path(rest: &str) -> Result<PathBuf, String> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    // `mode=rwc` is what sqlx's own URLs say; it is what we do anyway.
    let path = path.strip_suffix("?mode=rwc").unwrap_or(path);
    if path.is_empty() || path.contains(":memory:") || path.contains('?') {
        return Err(
            "names no file; use sqlite:path/to/file, without parameters, not in memory".to_owned(),
        );
    }
    Ok(PathBuf::from(path))
}

/// Letters that need no quoting, so that a schema cannot carry SQL.
fn schema_name(name: &str) -> Result<String, String> {
    let plain = name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    let starts_well = name.bytes().next().is_some_and(|b| !b.is_ascii_digit());
    if plain && starts_well && name.len() <= 63 {
        return Ok(name.to_owned());
    }
    Err(
        "use 1 to 63 lower-case letters, digits and underscores, not starting with a digit"
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_databases_are_known_by_their_scheme() {
        for url in ["postgres://u:p@h/d", "postgresql://h/d"] {
            assert_eq!(url.parse(), Ok(DatabaseUrl::Postgres(Secret::new(url))));
        }
        for (url, path) in [
            ("sqlite:a/b.db", "a/b.db"),
            ("sqlite://b.db", "b.db"),
            ("sqlite:///var/b.db?mode=rwc", "/var/b.db"),
        ] {
            assert_eq!(url.parse(), Ok(DatabaseUrl::Sqlite(path.into())));
        }
    }

    #[test]
    fn a_refused_url_says_what_to_write_and_keeps_the_password() {
        for url in [
            "mysql://u:hunter2@h/d",
            "hunter2",
            "",
            "sqlite:",
            "sqlite::memory:",
            "postgres:hunter2",
        ] {
            let message = url.parse::<DatabaseUrl>().unwrap_err();

            assert!(message.contains("use "), "{message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn the_place_of_a_database_shows_no_credentials() {
        let url: DatabaseUrl = "postgres://user:p@ss@db:5432/shop?x=1".parse().unwrap();

        assert_eq!(url.place(), "db:5432");
    }

    #[test]
    fn a_schema_name_cannot_carry_sql() {
        assert!(schema_name("orders_2").is_ok());
        for bad in ["", "a\"b", "A", "1a", "a-b"] {
            assert!(schema_name(bad).is_err(), "{bad}");
        }
    }
}
