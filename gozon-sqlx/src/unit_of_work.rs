use std::fmt;
use std::sync::Arc;

use gozon_core::{Append, AppendError, ErrorClass, NewMessage};

use crate::{Database, Db, DbError, Transaction};

/// A transaction together with the messages that it will send.
///
/// The messages are appended to the outbox just before the commit, all in one
/// statement: ordering keys stay locked for the shortest time, and no two units
/// of work can wait for each other's keys in opposite orders. Dropped, it rolls
/// back and sends nothing.
pub struct UnitOfWork<D: Database> {
    tx: Transaction<D>,
    outgoing: Vec<NewMessage>,
    outbox: Arc<dyn Append<D::Tx>>,
}

impl<D: Database> UnitOfWork<D> {
    /// Opens the transaction.
    ///
    /// # Errors
    /// As [`Db::begin`].
    pub async fn begin(db: &Db<D>, outbox: Arc<dyn Append<D::Tx>>) -> Result<Self, DbError> {
        Ok(Self {
            tx: db.begin().await?,
            outgoing: Vec::new(),
            outbox,
        })
    }

    /// The connection that holds the transaction.
    pub fn tx(&mut self) -> &mut D::Tx {
        &mut self.tx
    }

    /// Sends `message` if the transaction commits.
    pub fn emit(&mut self, message: NewMessage) {
        self.outgoing.push(message);
    }

    /// The transaction and the buffer of outgoing messages, side by side.
    pub fn parts(&mut self) -> (&mut D::Tx, &mut Vec<NewMessage>) {
        (&mut self.tx, &mut self.outgoing)
    }

    /// Appends the messages, commits, and wakes the relay.
    ///
    /// # Errors
    /// [`CommitError::Append`]: nothing was committed.
    /// [`CommitError::Commit`] with class `Retry`: the outcome is unknown.
    pub async fn commit(mut self) -> Result<(), CommitError> {
        if !self.outgoing.is_empty() {
            self.outbox.append(&mut self.tx, &self.outgoing).await?;
        }
        self.tx.commit().await.map_err(CommitError::Commit)?;
        if !self.outgoing.is_empty() {
            self.outbox.committed(&self.outgoing);
        }
        Ok(())
    }

    /// Gives everything up and waits until the database knows.
    ///
    /// # Errors
    /// When the connection is gone, in which case the server rolls back.
    pub async fn rollback(self) -> Result<(), DbError> {
        self.tx.rollback().await
    }
}

impl<D: Database> fmt::Debug for UnitOfWork<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnitOfWork")
            .field("outgoing", &self.outgoing.len())
            .finish_non_exhaustive()
    }
}

/// A unit of work did not end well.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The messages could not be appended; nothing was committed.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The commit failed; with class `Retry` its outcome is unknown.
    #[error("commit failed: {0}")]
    Commit(#[source] DbError),
}

impl CommitError {
    /// What the caller can do.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Append(error) => error.class(),
            Self::Commit(error) => error.class(),
        }
    }
}
