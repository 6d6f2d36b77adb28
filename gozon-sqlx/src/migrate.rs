use sqlx::SqlSafeStr;
use sqlx::migrate::{Migrate, MigrateError, MigrationType, Migrator};
use sqlx::pool::PoolConnection;

use crate::{Database, Db, DbError};

/// One step of a schema.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Ascending, never reused.
    pub version: i64,
    /// A word or two.
    pub name: &'static str,
    /// The statements; the text of the file that is also shipped as plain SQL.
    pub sql: &'static str,
}

/// The schema of one crate: its steps, and the table that remembers which of
/// them were applied. Every crate has a history table of its own, so that
/// several live in one database beside an application's migrations.
///
/// Applied steps never change: a changed one stops the start.
#[derive(Debug, Clone, Copy)]
pub struct Migrations {
    /// Such as `gozon_outbox_migrations`.
    pub history_table: &'static str,
    /// In ascending order of version.
    pub steps: &'static [Migration],
}

impl Migrations {
    /// Applies what is missing. Safe to call from several instances at once:
    /// on PostgreSQL one of them works while the others wait, for up to 15
    /// minutes, whatever the pool's `lock_timeout` is.
    ///
    /// On PostgreSQL a step may take as long as it takes: `statement_timeout`
    /// (and `transaction_timeout`) do not hold for it. Its waits for tables
    /// keep to the pool's `lock_timeout`, because behind them every other user
    /// of the table waits. The session is closed afterwards, not given back.
    ///
    /// Safe to cancel: the session ends, and with it the step that was under
    /// way and the lock that the others wait for.
    ///
    /// # Errors
    /// [`DbError::Migrate`] names the history table; what was applied stays.
    /// Class `Retry` when a lock could not be had in time.
    pub async fn run<D: Database>(&self, db: &Db<D>) -> Result<(), DbError> {
        self.apply(db, false).await
    }

    /// Writes into the history that all steps were applied, and applies none:
    /// once, for tables that were created from the plain `.sql` files without a
    /// history. From then on [`Migrations::run`] can take over.
    ///
    /// # Errors
    /// As for [`Migrations::run`].
    pub async fn record<D: Database>(&self, db: &Db<D>) -> Result<(), DbError> {
        self.apply(db, true).await
    }

    /// The steps above version `after` (0: all) as plain SQL, for whoever
    /// applies schemas by hand or with another tool: in one transaction, with
    /// the rows of the history table, so that [`Migrations::run`] and
    /// [`Migrations::missing`] then find them applied.
    ///
    /// For a client that takes several statements at once, such as
    /// `psql --set ON_ERROR_STOP=1` or `sqlite3 -bail`. Applied twice it fails
    /// and changes nothing.
    pub fn script<D: Database>(&self, after: i64) -> String {
        let table = self.history_table;
        let (time, bytes) = match D::NAME {
            "postgres" => ("TIMESTAMPTZ NOT NULL DEFAULT now()", "BYTEA"),
            _ => ("TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP", "BLOB"),
        };
        // What sqlx creates, word for word.
        let mut script = format!(
            "BEGIN;\n\n\
             CREATE TABLE IF NOT EXISTS {table} (\n    \
             version BIGINT PRIMARY KEY,\n    \
             description TEXT NOT NULL,\n    \
             installed_on {time},\n    \
             success BOOLEAN NOT NULL,\n    \
             checksum {bytes} NOT NULL,\n    \
             execution_time BIGINT NOT NULL\n);\n"
        );
        for step in self.sqlx_steps().filter(|step| step.version > after) {
            let digits: String = step
                .checksum
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            let checksum = match D::NAME {
                "postgres" => format!("'\\x{digits}'"),
                _ => format!("x'{digits}'"),
            };
            script.push_str(&format!(
                "\n{}\nINSERT INTO {table} (version, description, success, checksum, execution_time)\n\
                 VALUES ({}, '{}', TRUE, {checksum}, -1);\n",
                step.sql.as_str().trim_end(),
                step.version,
                step.description.replace('\'', "''"),
            ));
        }
        script.push_str("\nCOMMIT;\n");
        script
    }

    /// The versions that were not applied yet, in ascending order. Only reads:
    /// for a service whose database role may not create tables, to be asked at
    /// its start instead of [`Migrations::run`].
    ///
    /// # Errors
    /// [`DbError::Migrate`] when an applied step is not the one that this
    /// program knows; [`DbError::Sqlx`] when the database fails.
    pub async fn missing<D: Database>(&self, db: &Db<D>) -> Result<Vec<i64>, DbError> {
        let mut connection = db.reader().acquire().await?;
        let applied = match connection.list_applied_migrations(self.history_table).await {
            Ok(applied) => applied,
            // There is no history yet.
            Err(MigrateError::Execute(error)) if is_undefined_table(&error) => Vec::new(),
            Err(source) => return Err(self.failed(source)),
        };
        let mut missing = Vec::new();
        for step in self.sqlx_steps() {
            match applied
                .iter()
                .find(|applied| applied.version == step.version)
            {
                None => missing.push(step.version),
                Some(applied) if applied.checksum == step.checksum => {}
                Some(_) => return Err(self.failed(MigrateError::VersionMismatch(step.version))),
            }
        }
        Ok(missing)
    }

    async fn apply<D: Database>(&self, db: &Db<D>, only_record: bool) -> Result<(), DbError> {
        let mut migrator = Migrator::with_migrations(self.sqlx_steps().collect());
        migrator.dangerous_set_table_name(self.history_table);
        // A newer version of the program may have been here: rolling upgrades
        // run old and new side by side, and steps only ever add.
        migrator.set_ignore_missing(true);
        // Taken below, under limits of its own.
        migrator.set_locking(false);
        let mut session = Session::<D>::of(db.writer().acquire().await?);
        let applied = async {
            let connection = &mut *session.connection;
            D::take_turn(connection).await?;
            migrator.run_direct(None, connection, only_record).await?;
            connection.unlock().await
        };
        applied.await.map_err(|source| self.failed(source))?;
        session.ended_well();
        Ok(())
    }

    fn sqlx_steps(&self) -> impl Iterator<Item = sqlx::migrate::Migration> {
        self.steps.iter().map(|step| {
            sqlx::migrate::Migration::new(
                step.version,
                step.name.into(),
                MigrationType::Simple,
                step.sql.into_sql_str(),
                false,
            )
        })
    }

    fn failed(&self, source: MigrateError) -> DbError {
        DbError::Migrate {
            table: self.history_table,
            source,
        }
    }
}

/// A connection that applies a schema. Left early, by an error or because the
/// caller is gone, it holds a lock and perhaps an open transaction: it does not
/// go back to the pool then, where no one would ever look for them.
struct Session<D: Database> {
    connection: PoolConnection<D::Driver>,
    reusable: bool,
}

impl<D: Database> Session<D> {
    fn of(connection: PoolConnection<D::Driver>) -> Self {
        Self {
            connection,
            reusable: false,
        }
    }

    fn ended_well(mut self) {
        self.reusable = !D::TURN_ENDS_SESSION;
    }
}

impl<D: Database> Drop for Session<D> {
    fn drop(&mut self) {
        if !self.reusable {
            self.connection.close_on_drop();
        }
    }
}

/// SQLite has one code for everything that is wrong with a statement, and the
/// statement asks for nothing but that table.
fn is_undefined_table(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| matches!(code.as_ref(), "42P01" | "1"))
}
