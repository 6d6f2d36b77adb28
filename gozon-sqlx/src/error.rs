use gozon_core::ErrorClass;

/// A database call failed.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The driver or the server said so.
    #[error(transparent)]
    Sqlx(#[from] sqlx::Error),
    /// Migrations could not be applied.
    #[error("migrations of {table} failed: {source}")]
    Migrate {
        /// The migration history table.
        table: &'static str,
        /// Why.
        source: sqlx::migrate::MigrateError,
    },
    /// The database is not one that this crate can keep promises on.
    #[error("{0}")]
    Unsuitable(String),
    /// The task that opened the transaction did not end properly.
    #[error("the task that opened a transaction was lost: {0}")]
    TaskLost(String),
}

impl DbError {
    /// What the caller can do.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Sqlx(error) => class_of(error),
            Self::Migrate { source, .. } => match source {
                sqlx::migrate::MigrateError::Execute(error)
                | sqlx::migrate::MigrateError::ExecuteMigration(error, _) => class_of(error),
                _ => ErrorClass::Bug,
            },
            Self::Unsuitable(_) => ErrorClass::Reject,
            // The runtime is shutting down; nothing was committed.
            Self::TaskLost(_) => ErrorClass::Retry,
        }
    }
}

/// Classifies a driver error by its kind and SQLSTATE, never by its text.
///
/// Constraint violations are `Bug` here: whoever expects one asks
/// [`violated_constraint`] first.
pub fn class_of(error: &sqlx::Error) -> ErrorClass {
    match error {
        sqlx::Error::Database(error) => match error.code() {
            Some(code) if is_sqlite(error.as_ref()) => sqlite_class(&code),
            Some(code) => postgres_class(&code),
            None => ErrorClass::Bug,
        },
        // The connection is gone or none could be had. A protocol error is a
        // connection that broke in the middle of an answer.
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => ErrorClass::Retry,
        _ => ErrorClass::Bug,
    }
}

/// The name of the constraint that a write violated; `None` for every other
/// error, and always on SQLite, whose driver does not tell the name.
pub fn violated_constraint(error: &sqlx::Error) -> Option<&str> {
    match error {
        sqlx::Error::Database(error) => error.constraint(),
        _ => None,
    }
}

fn is_sqlite(error: &dyn sqlx::error::DatabaseError) -> bool {
    #[cfg(feature = "sqlite")]
    {
        error
            .try_downcast_ref::<sqlx::sqlite::SqliteError>()
            .is_some()
    }
    #[cfg(not(feature = "sqlite"))]
    {
        let _ = error;
        false
    }
}

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn postgres_class(code: &str) -> ErrorClass {
    match code {
        // Serialization failure, deadlock, lock timeout, statement cancelled
        // by a timeout, read-only after a failover, transaction timeouts.
        "40001" | "40P01" | "55P03" | "57014" | "25006" | "25P03" | "25P04" => ErrorClass::Retry,
        // Connection lost, out of resources, operator intervention, I/O.
        _ if ["08", "53", "57", "58"]
            .iter()
            .any(|class| code.starts_with(class)) =>
        {
            ErrorClass::Retry
        }
        _ => ErrorClass::Bug,
    }
}

/// <https://www.sqlite.org/rescode.html>: the low byte is the primary code.
fn sqlite_class(code: &str) -> ErrorClass {
    const BUSY: u32 = 5;
    const LOCKED: u32 = 6;
    const INTERRUPT: u32 = 9;
    const IOERR: u32 = 10;
    const FULL: u32 = 13;
    const CANTOPEN: u32 = 14;
    match code.parse::<u32>().map(|code| code & 0xff) {
        Ok(BUSY | LOCKED | INTERRUPT | IOERR | FULL | CANTOPEN) => ErrorClass::Retry,
        _ => ErrorClass::Bug,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outages_and_conflicts_are_worth_a_retry() {
        for code in ["40001", "40P01", "08006", "57P01", "53300", "57014"] {
            assert_eq!(postgres_class(code), ErrorClass::Retry, "{code}");
        }
        for code in ["5", "6", "517", "10"] {
            assert_eq!(sqlite_class(code), ErrorClass::Retry, "{code}");
        }
        assert_eq!(class_of(&sqlx::Error::PoolTimedOut), ErrorClass::Retry);
    }

    #[test]
    fn wrong_sql_and_violated_constraints_are_bugs() {
        for code in ["42601", "23505", "23514", "22003"] {
            assert_eq!(postgres_class(code), ErrorClass::Bug, "{code}");
        }
        assert_eq!(sqlite_class("2067"), ErrorClass::Bug);
        assert_eq!(class_of(&sqlx::Error::RowNotFound), ErrorClass::Bug);
    }
}
