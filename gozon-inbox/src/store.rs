//! The contracts between the engine and a database.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use gozon_core::{Malformed, MessageId};
use gozon_sqlx::DbError;

use crate::dead::{DeadLetter, DeadPosition, Decision, DecisionOutcome, Signature};
use crate::line::{Behind, Line};
use crate::requests::{RequestKey, StoredAnswer};

/// What a consumer knows about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// An attempt was committed, its outcome was not.
    Trying,
    /// The effect was committed together with the mark; or a person has
    /// discarded the message, which is recorded.
    Done,
    /// Kept in the inbox; tried again when its time comes.
    Retry,
    /// Kept in the inbox until a person decides.
    Dead,
}

impl State {
    /// As it stands in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trying => "trying",
            Self::Done => "done",
            Self::Retry => "retry",
            Self::Dead => "dead",
        }
    }

    /// Reads what stands in the table.
    ///
    /// # Errors
    /// When it is none of the four.
    pub fn parse(text: &str) -> Result<Self, DbError> {
        [Self::Trying, Self::Done, Self::Retry, Self::Dead]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| {
                let unknown = format!("unknown inbox state `{text}`");
                DbError::Sqlx(sqlx::Error::Decode(unknown.into()))
            })
    }
}

/// The marks, as far as they share a transaction with their effect.
///
/// **Locks.** Every method locks the marks that it writes until the
/// transaction ends, in the order of their ids. **Concurrency.** A mark that
/// another open transaction is inserting is waited for, not skipped. Safe to
/// call from many tasks at once, each with a transaction of its own.
/// **Cancellation.** After a dropped future the transaction is in an unknown
/// state: roll it back.
#[async_trait]
pub trait Marks<Tx: Send>: Send + Sync {
    /// Marks the messages as done, in one statement; answers which of them had
    /// no mark. A repeated id counts once.
    ///
    /// # Errors
    /// When the database fails; the transaction is then unusable.
    async fn insert_done(
        &self,
        tx: &mut Tx,
        consumer: &str,
        ids: &[MessageId],
    ) -> Result<HashSet<MessageId>, DbError>;

    /// The marks that exist among `ids`. Sees what `insert_done` waited for.
    ///
    /// # Errors
    /// As for `insert_done`.
    async fn states(
        &self,
        tx: &mut Tx,
        consumer: &str,
        ids: &[MessageId],
    ) -> Result<HashMap<MessageId, State>, DbError>;

    /// Turns `trying` into `done`, in one statement; answers for which.
    ///
    /// # Errors
    /// As for `insert_done`.
    async fn finish_tried(
        &self,
        tx: &mut Tx,
        consumer: &str,
        ids: &[MessageId],
    ) -> Result<HashSet<MessageId>, DbError>;

    /// Turns `trying`, or a `retry` with exactly these `attempts`, into `done`;
    /// false if the message has its outcome or belongs to someone else.
    ///
    /// # Errors
    /// As for `insert_done`.
    async fn finish(
        &self,
        tx: &mut Tx,
        consumer: &str,
        id: MessageId,
        attempts: u32,
    ) -> Result<bool, DbError>;
}

/// What the inbox writes and reads in transactions of its own: each method is
/// durable when it returns.
///
/// **Time.** Due times, leases and ages are in the database's time.
/// **Concurrency.** Safe to call from many tasks and instances at once.
/// **Cancellation.** A dropped call may or may not have happened.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait InboxStore: Send + Sync {
    /// Notes that messages are tried in company; answers which were new, and
    /// the state of the others. Counts nothing.
    ///
    /// # Errors
    /// When the database fails; repeating is harmless.
    async fn note_trying(&self, consumer: &str, ids: &[MessageId]) -> Result<Noted, DbError>;

    /// Counts one more attempt of a message without an outcome and answers how
    /// many there are now; `None` if it has its outcome.
    ///
    /// # Errors
    /// When the database fails; repeating may count once too often.
    async fn attempt(&self, consumer: &str, id: MessageId) -> Result<Option<u32>, DbError>;

    /// Keeps a message that was tried, with a place in its line if it has one,
    /// in one transaction; false if it has its outcome or belongs
    /// to someone else.
    ///
    /// # Errors
    /// When the database fails; repeating is harmless.
    async fn keep(&self, consumer: &str, kept: &Kept) -> Result<bool, DbError>;

    /// Keeps what is no envelope as dead letters, in one statement; answers
    /// which were new.
    ///
    /// # Errors
    /// When the database fails; repeating is harmless.
    async fn keep_malformed(
        &self,
        consumer: &str,
        malformed: &[Malformed],
    ) -> Result<HashSet<MessageId>, DbError>;

    /// Takes one retry that is due, counts its attempt and gives it to the
    /// caller for `lease`. No two callers get the same one in that time.
    ///
    /// # Errors
    /// When the database fails.
    async fn claim_due(&self, consumer: &str, lease: Duration) -> Result<Option<Due>, DbError>;

    /// How much is kept, over all consumers.
    ///
    /// # Errors
    /// When the database fails.
    async fn stats(&self) -> Result<InboxStats, DbError>;

    /// The dead letters of a consumer behind `after`, newest first, at most
    /// `limit`.
    ///
    /// # Errors
    /// When the database fails.
    async fn dead_letters(
        &self,
        consumer: &str,
        after: Option<DeadPosition>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, DbError>;

    /// Turns a dead letter into a retry that is due, with its full budget of
    /// attempts ([`Due::forgiven`]), and records the decision, or does neither.
    ///
    /// # Errors
    /// When the database fails; repeating is harmless.
    async fn replay(
        &self,
        consumer: &str,
        id: MessageId,
        signature: &Signature,
    ) -> Result<DecisionOutcome, DbError>;

    /// Turns a dead letter into a mark that is done, and moves its content into
    /// the record of the decision, or does neither.
    ///
    /// # Errors
    /// When the database fails; repeating is harmless.
    async fn discard(
        &self,
        consumer: &str,
        id: MessageId,
        signature: &Signature,
    ) -> Result<DecisionOutcome, DbError>;

    /// Decisions about messages of a consumer with ids below `before`, newest
    /// first, at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    async fn decisions(
        &self,
        consumer: &str,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Decision>, DbError>;

    /// Those of `lines` in which someone stands.
    ///
    /// # Errors
    /// When the database fails.
    async fn occupied_lines(
        &self,
        consumer: &str,
        lines: &[Line],
    ) -> Result<HashSet<Line>, DbError>;

    /// Keeps, in the order of `messages`, those whose line is occupied, behind
    /// it; answers for which, with those that are known already. The others are
    /// not touched. No line changes while this looks at it.
    ///
    /// # Errors
    /// When the database fails; repeating is harmless.
    async fn queue_up(
        &self,
        consumer: &str,
        messages: &[Behind],
    ) -> Result<HashSet<MessageId>, DbError>;

    /// Takes a message that has its outcome out of its line, if it stands in
    /// one, and gives the one that is then in front its turn.
    ///
    /// # Errors
    /// When the database fails; repeating is harmless.
    async fn leave_line(&self, consumer: &str, id: MessageId) -> Result<(), DbError>;

    /// Who stands in front of a line and should not, because a process ended
    /// before it could call [`InboxStore::leave_line`]; at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    async fn stuck_lines(&self, consumer: &str, limit: u32) -> Result<Vec<MessageId>, DbError>;

    /// Deletes at most `bite` marks that have been `done` for longer than
    /// `older`; answers how many.
    ///
    /// # Errors
    /// When the database fails.
    async fn prune_marks(&self, older: Duration, bite: u32) -> Result<u64, DbError>;

    /// Deletes at most `bite` requests older than `older`; answers how many.
    ///
    /// # Errors
    /// When the database fails.
    async fn prune_requests(&self, older: Duration, bite: u32) -> Result<u64, DbError>;
}

/// The keys of idempotent requests, in the transaction of the business: a
/// rollback frees the key. Safe to call from many tasks at once, each with a
/// transaction of its own; after a dropped future that transaction is to be
/// rolled back.
#[async_trait]
pub trait RequestStore<Tx: Send>: Send + Sync {
    /// Takes the key, waiting at most `wait` for whoever has it in an open
    /// transaction. An answer older than `keep` does not count.
    ///
    /// # Errors
    /// When the database fails; the transaction is then unusable.
    async fn claim(
        &self,
        tx: &mut Tx,
        key: &RequestKey,
        keep: Duration,
        wait: Duration,
    ) -> Result<Claim, DbError>;

    /// Stores the answer under a key that was taken in this transaction.
    ///
    /// # Errors
    /// As for `claim`.
    async fn store(
        &self,
        tx: &mut Tx,
        key: &RequestKey,
        answer: &StoredAnswer,
    ) -> Result<(), DbError>;
}

/// What became of a wish for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The key is ours until the transaction ends.
    Fresh,
    /// It was used before.
    Taken {
        /// Of the request that used it.
        fingerprint: Vec<u8>,
        /// What was answered.
        answer: StoredAnswer,
    },
    /// Someone still has it. The transaction is unusable.
    InProgress,
}

/// The answer of [`InboxStore::note_trying`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Noted {
    /// Had no mark before.
    pub new: HashSet<MessageId>,
    /// Had one.
    pub known: HashMap<MessageId, State>,
}

/// A message that could not be handled, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The message.
    pub id: MessageId,
    /// The attempts that the keeper knows of; guards against a late one.
    pub attempts: u32,
    /// When to try again; `None`: a dead letter.
    pub retry_in: Option<Duration>,
    /// Why it was not handled.
    pub reason: String,
    /// The envelope's attributes, see [`gozon_core::Envelope::attributes_json`].
    pub attributes: String,
    /// The envelope's data.
    pub data: Bytes,
    /// The line of its key, which it will hold up; none where order does not
    /// matter.
    pub line: Option<Line>,
    /// True if `attributes` are not those of an envelope.
    pub malformed: bool,
}

/// A retry whose time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The message.
    pub id: MessageId,
    /// Attempts, this one included. Grows for as long as the message is known.
    pub attempts: u32,
    /// So many of them were made before a person replayed the message, and no
    /// longer count against it.
    pub forgiven: u32,
    /// The envelope's attributes as JSON text.
    pub attributes: String,
    /// The envelope's data.
    pub data: Vec<u8>,
}

/// How much an inbox keeps that has not been handled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InboxStats {
    /// Messages that wait for their next attempt.
    pub retry: u64,
    /// Messages that wait behind an earlier one of their key.
    pub held: u64,
    /// Messages that wait for a person.
    pub dead: u64,
}
