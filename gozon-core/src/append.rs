use async_trait::async_trait;

use crate::{ErrorClass, NewMessage};

/// Puts messages into the caller's transaction: the outbox's front door.
///
/// `Tx` is the database connection type that holds the open transaction
/// (`sqlx::PgConnection` or `sqlx::SqliteConnection`); it stands on the trait
/// so that `Arc<dyn Append<Tx>>` works and no lifetime enters the contract.
///
/// **Atomicity.** Joins the caller's transaction: a rollback, also of a
/// savepoint around the call, removes the messages; after a commit they leave
/// at least once. **Order.** Per key, messages of one call keep the order of
/// the slice, and messages of two transactions keep the order of their commits.
/// Messages without a key have no order.
/// **Locks.** An implementation may lock the keys until the transaction ends;
/// call it once, late, with all messages of the transaction, or two
/// transactions may wait for each other in a circle.
/// **Concurrency.** Safe to call from many tasks at once, each with a
/// transaction of its own. **Cancellation.** After a dropped future the
/// transaction is in an unknown state: roll it back.
/// **Errors.** Nothing was appended; the transaction is unusable.
#[async_trait]
pub trait Append<Tx: Send>: Send + Sync {
    /// Writes all messages in one statement. An empty slice does nothing.
    ///
    /// # Errors
    /// After an error the transaction is unusable; roll it back and act by
    /// [`AppendError::class`].
    async fn append(&self, tx: &mut Tx, messages: &[NewMessage]) -> Result<(), AppendError>;

    /// Called after the transaction committed: wakes whoever relays these
    /// messages. A hint, never needed for correctness, so it cannot fail.
    fn committed(&self, messages: &[NewMessage]);
}

/// The outbox of a consumer whose handlers send nothing. A message that is sent
/// all the same is refused as a bug: nothing is dropped in silence.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoOutbox;

#[async_trait]
impl<Tx: Send> Append<Tx> for NoOutbox {
    async fn append(&self, _tx: &mut Tx, messages: &[NewMessage]) -> Result<(), AppendError> {
        match messages.first() {
            None => Ok(()),
            Some(message) => Err(AppendError::Store {
                class: ErrorClass::Bug,
                source: format!(
                    "message {} of type {} was sent, and there is no outbox",
                    message.envelope.id, message.envelope.kind
                )
                .into(),
            }),
        }
    }

    fn committed(&self, _messages: &[NewMessage]) {}
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
    /// An attribute of a message is one that the outbox could not keep in every
    /// state, or that no broker takes.
    #[error("message {id}: its {field} {reason}")]
    Unfit {
        /// The message.
        id: crate::MessageId,
        /// The field of [`crate::Envelope`].
        field: &'static str,
        /// What to do about it.
        reason: String,
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
            Self::TooLarge { .. } | Self::Unfit { .. } => ErrorClass::Reject,
            Self::Store { class, .. } => *class,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::{Envelope, MessageId};

    #[test]
    fn what_is_sent_without_an_outbox_is_refused_and_named() {
        let stored = r#"{"id": "0190a3a0-0000-7000-8000-000000000000", "source": "/tests",
            "type": "paid", "time": "2026-01-01T00:00:00Z", "datacontenttype": "text/plain"}"#;
        let message = NewMessage {
            envelope: Envelope::from_stored(stored, &b""[..]).unwrap(),
            delay: None,
        };
        let append = |messages: &[NewMessage]| {
            let mut context = Context::from_waker(Waker::noop());
            match pin!(NoOutbox.append(&mut (), messages)).poll(&mut context) {
                Poll::Ready(appended) => appended,
                Poll::Pending => panic!("it waits for nothing"),
            }
        };

        append(&[]).unwrap();
        let error = append(&[message]).unwrap_err();

        assert_eq!(error.class(), ErrorClass::Bug);
        assert!(error.to_string().contains("of type paid"), "{error}");
    }

    #[test]
    fn what_is_too_large_stays_so_and_the_store_speaks_for_itself() {
        let too_large = AppendError::TooLarge {
            id: MessageId::generate(),
            bytes: 11,
            limit: 10,
        };
        assert_eq!(too_large.class(), ErrorClass::Reject);
        let unfit = AppendError::Unfit {
            id: MessageId::generate(),
            field: "key",
            reason: "must not hold NUL".to_owned(),
        };
        assert_eq!(unfit.class(), ErrorClass::Reject);

        for class in [ErrorClass::Retry, ErrorClass::Reject, ErrorClass::Bug] {
            let source = "deadlock detected".into();
            assert_eq!(AppendError::Store { class, source }.class(), class);
        }
    }
}
