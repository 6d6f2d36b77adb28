use async_trait::async_trait;

use crate::{ErrorClass, NewMessage};

/// Puts messages into the caller's transaction: the outbox's front door.
///
/// `Tx` is the database connection type that holds the open transaction
/// (`sqlx::PgConnection` or `sqlx::SqliteConnection`); it stands on the trait
/// so that `Arc<dyn Append<Tx>>` works and no lifetime enters the contract.
///
/// **Atomicity.** Joins the caller's transaction: a rollback removes the
/// messages. **Order.** Per key, messages of one call keep the order of the
/// slice, and messages of two transactions keep the order of their commits.
/// **Locks.** An implementation may lock the keys until the transaction ends;
/// call it once, late, with all messages of the transaction.
#[async_trait]
pub trait Append<Tx: Send>: Send + Sync {
    /// Writes all messages in one statement.
    ///
    /// # Errors
    /// After an error the transaction is unusable; roll it back and act by
    /// [`AppendError::class`].
    async fn append(&self, tx: &mut Tx, messages: &[NewMessage]) -> Result<(), AppendError>;

    /// Called after the transaction committed: wakes whoever relays these
    /// messages. A hint, never needed for correctness, so it cannot fail.
    fn committed(&self, messages: &[NewMessage]);
}

/// Why messages could not be appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// A message is larger than the outbox takes.
    #[error("message {id} has {bytes} bytes, more than the limit of {limit}")]
    TooLarge {
        /// The message.
        id: crate::MessageId,
        /// Its size.
        bytes: usize,
        /// The outbox's `max_payload_bytes`.
        limit: usize,
    },
    /// The store failed; `class` says what to do.
    #[error("outbox append failed: {source}")]
    Store {
        /// Retry for outages, deadlocks and serialization failures.
        class: ErrorClass,
        /// What the store said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl AppendError {
    /// What the caller can do.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::TooLarge { .. } => ErrorClass::Reject,
            Self::Store { class, .. } => *class,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MessageId;

    #[test]
    fn what_is_too_large_stays_so_and_the_store_speaks_for_itself() {
        let too_large = AppendError::TooLarge {
            id: MessageId::generate(),
            bytes: 11,
            limit: 10,
        };
        assert_eq!(too_large.class(), ErrorClass::Reject);

        for class in [ErrorClass::Retry, ErrorClass::Reject, ErrorClass::Bug] {
            let source = "deadlock detected".into();
            assert_eq!(AppendError::Store { class, source }.class(), class);
        }
    }
}
