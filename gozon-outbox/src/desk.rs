//! What people ask of the outbox: which messages are dead and why, what is to
//! become of them, who decided what, and what was published.

mod outbox;

use std::time::Duration;

use async_trait::async_trait;
use gozon_core::{Envelope, ErrorClass, MessageId, SignatureError};
use gozon_sqlx::DbError;
use time::OffsetDateTime;

pub use gozon_core::{Ruling, Signature};

/// A message that the broker refused for its own sake. It holds its key until
/// it is replayed or discarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its number: what `replay` and `discard` take, and the cursor of the list.
    pub seq: i64,
    /// Its id.
    pub id: MessageId,
    /// The ordering key that it holds; without one it holds nothing.
    pub key: Option<String>,
    /// Its event type.
    pub kind: String,
    /// How often publishing it was tried.
    pub attempts: u32,
    /// What the broker said.
    pub reason: String,
    /// The size of its payload in bytes.
    pub bytes: u64,
    /// Since it was appended, or became due.
    pub age: Duration,
    /// Since it was refused; `None` if a version before 0002 wrote that.
    pub dead_for: Option<Duration>,
}

/// Which dead letters are listed. The default lists the first 50 of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterPage {
    /// Only of this event type.
    pub kind: Option<String>,
    /// Only of this ordering key.
    pub key: Option<String>,
    /// Only those after this [`DeadLetter::seq`]: the last of the page before.
    pub after: Option<i64>,
    /// At most so many. Default 50.
    pub limit: u32,
}

impl Default for DeadLetterPage {
    fn default() -> Self {
        Self {
            kind: None,
            key: None,
            after: None,
            limit: 50,
        }
    }
}

/// One decision about one dead letter. Kept for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Grows in the order in which the decisions were committed.
    pub number: i64,
    /// When.
    pub at: OffsetDateTime,
    /// What was decided.
    pub ruling: Ruling,
    /// By whom and why.
    pub signature: Signature,
    /// The message's number at that time.
    pub seq: i64,
    /// The message.
    pub id: MessageId,
    /// Its ordering key.
    pub key: Option<String>,
    /// Its event type.
    pub kind: String,
    /// How often publishing it had been tried.
    pub attempts: u32,
    /// What the broker had said.
    pub refused: String,
}

/// A message that the broker has confirmed, from the archive.
#[derive(Debug, Clone, PartialEq)]
pub struct Archived {
    /// Its number: per key, the order of publishing.
    pub seq: i64,
    /// The message.
    pub envelope: Envelope,
    /// When it was appended, or became due.
    pub appended_at: OffsetDateTime,
    /// When the confirmation was written down.
    pub published_at: OffsetDateTime,
    /// How often publishing it had failed before.
    pub failures: u32,
}

/// What people ask of the outbox's database. The relay works on
/// [`crate::store::OutboxStore`] of the same database.
///
/// **Decisions** take effect on dead letters alone, are recorded in the same
/// transaction, and their numbers grow in the order of their commits, so that
/// [`crate::store::OutboxStore::decided`] misses none. **Order.** A replayed
/// message is *held*, to be tried at once; it is never made ready, or one of its
/// followers could overtake it. **Concurrency.** Safe to call from many tasks and
/// processes; of two decisions about one dead letter the first counts.
/// **Cancellation.** A dropped decision was taken and recorded, or neither; the
/// decisions tell which, and asking again is harmless. **Errors.** Of class `Retry`
/// likewise. A row that cannot be read is a [`DbError::Unsuitable`], and no other
/// row of the same page is answered then.
#[async_trait]
pub trait OutboxDesk: Send + Sync {
    /// Dead letters in order of their numbers.
    async fn dead_letters(&self, page: &DeadLetterPage) -> Result<Vec<DeadLetter>, DbError>;

    /// Holds these dead letters, to be published at once. Returns the numbers of
    /// those that were dead; the others are left alone.
    async fn replay(&self, seqs: &[i64], signature: &Signature) -> Result<Vec<i64>, DbError>;

    /// Removes these dead letters from the outbox and keeps them with the
    /// decision. Returns the numbers of those that were dead.
    async fn discard(&self, seqs: &[i64], signature: &Signature) -> Result<Vec<i64>, DbError>;

    /// Decisions, newest first: of one message or of all, with a number below
    /// `before`, at most `limit`.
    async fn decisions(
        &self,
        message: Option<MessageId>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Decision>, DbError>;

    /// A discarded message as it was.
    async fn discarded(&self, message: MessageId) -> Result<Option<Envelope>, DbError>;

    /// A published message, if the archive has it.
    async fn archived(&self, message: MessageId) -> Result<Option<Archived>, DbError>;

    /// The published messages of a key that the archive has, in the order of
    /// publishing, those after number `after`, at most `limit`.
    async fn archived_of_key(
        &self,
        key: &str,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Archived>, DbError>;
}

/// A question or a decision came to nothing; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// A decision must say who decides and why.
    #[error(transparent)]
    Unsigned(#[from] SignatureError),
    /// The database failed. After an error of class `Retry` the decision may
    /// have been taken: look at the decisions.
    #[error(transparent)]
    Store(#[from] DbError),
}

impl DeskError {
    /// What the caller can do.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Unsigned(_) => ErrorClass::Reject,
            Self::Store(error) => error.class(),
        }
    }
}

/// What is stored as an envelope must read as one.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) fn envelope(attributes: &str, data: Vec<u8>) -> Result<Envelope, DbError> {
    Envelope::from_stored(attributes, data)
        .map_err(|error| DbError::Unsuitable(format!("gozon_outbox: {error}")))
}

#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) fn ruling(text: &str) -> Result<Ruling, DbError> {
    Ruling::parse(text)
        .ok_or_else(|| DbError::Unsuitable(format!("gozon_outbox_decisions says `{text}`")))
}
