use sqlx::SqlSafeStr;
use sqlx::migrate::{MigrationType, Migrator};

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
    /// on PostgreSQL one of them works while the others wait.
    ///
    /// # Errors
    /// [`DbError::Migrate`] names the history table; what was applied stays.
    pub async fn run<D: Database>(&self, db: &Db<D>) -> Result<(), DbError> {
        let steps = self.steps.iter().map(|step| {
            sqlx::migrate::Migration::new(
                step.version,
                step.name.into(),
                MigrationType::Simple,
                step.sql.into_sql_str(),
                false,
            )
        });
        let mut migrator = Migrator::with_migrations(steps.collect());
        migrator.dangerous_set_table_name(self.history_table);
        // A newer version of the program may have been here: rolling upgrades
        // run old and new side by side, and steps only ever add.
        migrator.set_ignore_missing(true);
        let failed = |source| DbError::Migrate {
            table: self.history_table,
            source,
        };
        let mut connection = db.writer().acquire().await?;
        let result = migrator.run_direct(None, &mut *connection, false).await;
        if result.is_err() {
            // A failed run leaves its session lock behind; end the session.
            connection.close_on_drop();
        }
        result.map_err(failed)
    }
}
