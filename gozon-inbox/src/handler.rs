use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use gozon_core::{AppendError, DecodeError, EncodeError, Envelope, ErrorClass, NewMessage, trace};
use gozon_sqlx::DbError;
use tracing::Instrument;

use crate::tracing_of::{span_of, trace_of};

/// Handles one message.
///
/// **Atomicity.** What it writes through `tx`, the mark that the message was
/// handled, and the messages that it pushes to `out` commit together, and the
/// message is acknowledged after. **Repeats.** It may run again: the batch that
/// the message was in can fail for another's sake. So it has no side effect
/// outside `tx`. **Transaction.** It neither commits nor rolls back; after a
/// failed statement it returns the error. **Order.** Messages come in the order
/// in which they arrived; several consumers of one queue, `concurrency` above 1
/// and retries give that up, unless the subscription asks for order
/// ([`gozon_core::Subscription::with_order`]). **Concurrency.** Called from
/// several tasks at once if `concurrency` is above 1, and beside them for
/// retries; each call has a transaction of its own. **Time and cancellation.** After
/// [`crate::InboxConfig::handler_timeout`] its future is dropped, the
/// transaction rolled back, and the message counts as to be retried. Shutdown
/// does not interrupt it. **Acknowledgement.** Is the consumer's affair: after
/// the commit, or after the message was put aside. **Refusals.** A business
/// refusal (no money) is a successful handling that emits its event, not an
/// error.
#[async_trait]
pub trait Handler<Tx: Send>: Send + Sync {
    /// Handles `message` in the open transaction `tx`.
    ///
    /// # Errors
    /// See [`HandleError`]: the kind decides what becomes of the message.
    async fn handle(
        &self,
        tx: &mut Tx,
        message: &Envelope,
        out: &mut Vec<NewMessage>,
    ) -> Result<(), HandleError>;
}

/// Handles many messages at once, in one transaction: for whoever can do the
/// work of many in one statement.
///
/// The promises of [`Handler`] hold. No message comes twice in one batch;
/// messages stand in the order in which they arrived. An error fails the batch,
/// which then runs one by one, so an implementation need not say which message
/// it was. Mark outgoing messages with [`NewMessage::caused_by`]: those of a
/// larger batch take their trace from their cause.
#[async_trait]
pub trait BatchHandler<Tx: Send>: Send + Sync {
    /// Handles all `messages` (at least one) in the open transaction `tx`.
    ///
    /// # Errors
    /// As for [`Handler::handle`].
    async fn handle(
        &self,
        tx: &mut Tx,
        messages: &[Envelope],
        out: &mut Vec<NewMessage>,
    ) -> Result<(), HandleError>;
}

/// Makes a [`BatchHandler`] of a [`Handler`]: one message after the other, each
/// in the trace that it came with.
#[derive(Debug, Clone, Copy)]
pub struct Each<H>(pub H);

#[async_trait]
impl<Tx: Send, H: Handler<Tx>> BatchHandler<Tx> for Each<H> {
    async fn handle(
        &self,
        tx: &mut Tx,
        messages: &[Envelope],
        out: &mut Vec<NewMessage>,
    ) -> Result<(), HandleError> {
        for message in messages {
            let trace = trace_of(message);
            let span = span_of(message, &trace);
            let handling = self.0.handle(tx, message, out).instrument(span);
            trace::scope(trace, handling).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl<Tx: Send, H: Handler<Tx> + ?Sized> Handler<Tx> for Arc<H> {
    async fn handle(
        &self,
        tx: &mut Tx,
        message: &Envelope,
        out: &mut Vec<NewMessage>,
    ) -> Result<(), HandleError> {
        (**self).handle(tx, message, out).await
    }
}

/// Why a message was not handled. The transaction is rolled back.
///
/// `?` works on what handlers usually meet: database errors, decoding and
/// encoding errors.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandleError {
    /// Not now, perhaps later: the attempt counts, the message waits in the
    /// inbox and is tried again after a growing pause.
    #[error("{0}")]
    Retry(String),
    /// The database asked to repeat (a deadlock, a lost connection). The same
    /// work is repeated at once, and nothing is counted against the message.
    #[error("{0}")]
    Transient(String),
    /// Never: the message becomes a dead letter with this reason.
    #[error("{0}")]
    Reject(String),
    /// Never, and it is our fault: a dead letter and an alarm.
    #[error("{0}")]
    Bug(String),
}

impl HandleError {
    /// Something outside the database was not ready; counts as an attempt.
    pub fn retry(reason: impl fmt::Display) -> Self {
        Self::Retry(reason.to_string())
    }

    /// The message will never be handled.
    pub fn reject(reason: impl fmt::Display) -> Self {
        Self::Reject(reason.to_string())
    }

    /// The handler is wrong.
    pub fn bug(reason: impl fmt::Display) -> Self {
        Self::Bug(reason.to_string())
    }

    /// Takes over the class of an error of one of Gozon's crates, such as the
    /// ledger's: its `Retry` means to repeat and not to count.
    pub fn by_class(class: ErrorClass, reason: impl fmt::Display) -> Self {
        match class {
            ErrorClass::Retry => Self::Transient(reason.to_string()),
            ErrorClass::Reject => Self::Reject(reason.to_string()),
            ErrorClass::Bug => Self::Bug(reason.to_string()),
        }
    }

    /// What can be done about it.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Retry(_) | Self::Transient(_) => ErrorClass::Retry,
            Self::Reject(_) => ErrorClass::Reject,
            Self::Bug(_) => ErrorClass::Bug,
        }
    }

    pub(crate) fn is_transient(&self) -> bool {
        matches!(self, Self::Transient(_))
    }
}

impl From<DbError> for HandleError {
    fn from(error: DbError) -> Self {
        Self::by_class(error.class(), error)
    }
}

impl From<sqlx::Error> for HandleError {
    fn from(error: sqlx::Error) -> Self {
        DbError::from(error).into()
    }
}

impl From<AppendError> for HandleError {
    fn from(error: AppendError) -> Self {
        Self::by_class(error.class(), error)
    }
}

impl From<DecodeError> for HandleError {
    fn from(error: DecodeError) -> Self {
        Self::by_class(error.class(), error)
    }
}

impl From<EncodeError> for HandleError {
    fn from(error: EncodeError) -> Self {
        Self::bug(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_database_asks_for_is_repeated_uncounted() {
        assert!(HandleError::from(sqlx::Error::PoolTimedOut).is_transient());
        assert!(!HandleError::retry("later").is_transient());
        assert_eq!(HandleError::retry("later").class(), ErrorClass::Retry);
    }

    #[test]
    fn a_message_of_an_unknown_type_is_rejected() {
        let error = DecodeError::Type {
            expected: "a",
            found: "b".into(),
        };

        assert_eq!(HandleError::from(error).class(), ErrorClass::Reject);
    }
}
