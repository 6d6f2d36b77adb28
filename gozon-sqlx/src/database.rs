use std::fmt;
use std::ops::{Deref, DerefMut};

use sqlx::Pool;
use sqlx::migrate::{Migrate, MigrateError};

use crate::DbError;

/// A database that Gozon runs on. Chosen by one `match` in `main`; the only
/// type parameter that names a database. A marker: it has no value and no state, and
/// what is called through it may be called from many tasks at once.
pub trait Database: fmt::Debug + Send + Sync + Sized + 'static {
    /// The sqlx driver.
    type Driver: sqlx::Database<Connection = Self::Tx>;
    /// The connection that holds an open transaction: what joins a caller's
    /// transaction is generic over this.
    type Tx: sqlx::Connection<Database = Self::Driver>
        + sqlx::migrate::Migrate
        + Send
        + Sync
        + 'static;
    /// For logs: `postgres` or `sqlite`.
    const NAME: &'static str;
    /// How a transaction that will write begins.
    const BEGIN: &'static str;
    /// Whether the session that applied a schema ends with it, because
    /// [`Database::take_turn`] changed what it would bring back to the pool.
    const TURN_ENDS_SESSION: bool = false;

    /// Prepares a session to apply a schema: the service's limits on a
    /// statement do not hold in it, and of several instances one has its turn,
    /// until it unlocks or its session ends.
    ///
    /// # Errors
    /// When the database fails, or the turn did not come in time.
    fn take_turn(session: &mut Self::Tx) -> impl Future<Output = Result<(), MigrateError>> + Send {
        session.lock()
    }
}

/// A database to work on: where to write and where to read. Cheap to clone.
pub struct Db<D: Database> {
    writer: Pool<D::Driver>,
    reader: Pool<D::Driver>,
}

impl<D: Database> Db<D> {
    /// Works on your own pool, for writing and reading.
    ///
    /// On SQLite give a writer pool of *one* connection: two writers of one
    /// file only make each other wait. See [`Db::with_reader`].
    pub fn new(pool: Pool<D::Driver>) -> Self {
        Self {
            reader: pool.clone(),
            writer: pool,
        }
    }

    /// Reads from another pool of the same database.
    ///
    /// Never a replica: what was just committed must be visible.
    #[must_use]
    pub fn with_reader(self, reader: Pool<D::Driver>) -> Self {
        Self { reader, ..self }
    }

    /// For single statements that write.
    pub fn writer(&self) -> &Pool<D::Driver> {
        &self.writer
    }

    /// For single statements that read.
    pub fn reader(&self) -> &Pool<D::Driver> {
        &self.reader
    }

    /// Opens a transaction that may write. Dropped, it rolls back.
    ///
    /// Safe to cancel: a cancelled `begin` of sqlx 0.9 leaves a transaction
    /// open in the pool (launchbadge/sqlx#4385), so it runs in a task of its
    /// own that always finishes.
    ///
    /// # Errors
    /// When no connection could be had in the pool's acquire timeout.
    pub async fn begin(&self) -> Result<Transaction<D>, DbError> {
        let pool = self.writer.clone();
        tokio::spawn(async move { pool.begin_with(D::BEGIN).await })
            .await
            .map_err(|lost| DbError::TaskLost(lost.to_string()))?
            .map(Transaction)
            .map_err(DbError::from)
    }

    /// Closes both pools and waits until their connections are closed.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

impl<D: Database> Clone for Db<D> {
    fn clone(&self) -> Self {
        Self {
            writer: self.writer.clone(),
            reader: self.reader.clone(),
        }
    }
}

impl<D: Database> fmt::Debug for Db<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Db")
            .field("database", &D::NAME)
            .finish_non_exhaustive()
    }
}

/// An open transaction; dereferences to the connection. Dropped, it rolls back.
pub struct Transaction<D: Database>(sqlx::Transaction<'static, D::Driver>);

impl<D: Database> Transaction<D> {
    /// Commits.
    ///
    /// # Errors
    /// After a `Retry` error the outcome is unknown: the commit may have
    /// happened. Find out by an id of your own before you repeat.
    pub async fn commit(self) -> Result<(), DbError> {
        Ok(self.0.commit().await?)
    }

    /// Rolls back and waits for it.
    ///
    /// # Errors
    /// When the connection is gone, in which case the server rolls back.
    pub async fn rollback(self) -> Result<(), DbError> {
        Ok(self.0.rollback().await?)
    }
}

impl<D: Database> fmt::Debug for Transaction<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Transaction").field(&D::NAME).finish()
    }
}

impl<D: Database> Deref for Transaction<D> {
    type Target = D::Tx;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<D: Database> DerefMut for Transaction<D> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}
