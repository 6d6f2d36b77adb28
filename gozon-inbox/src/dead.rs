//! Messages that were given up, and what people decided about them.

use gozon_core::{ErrorClass, MessageId, SignatureError};
use gozon_sqlx::DbError;
use time::OffsetDateTime;

use crate::store::State;

pub use gozon_core::{Ruling, Signature};

/// A message that was given up.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    /// Who could not handle it.
    pub consumer: String,
    /// The message.
    pub id: MessageId,
    /// How often it was tried, over all of its lives: a replay begins a new one.
    pub attempts: u32,
    /// True if it is no envelope at all; then it cannot be replayed.
    pub malformed: bool,
    /// When it first came.
    pub received_at: OffsetDateTime,
    /// When it was given up.
    pub died_at: OffsetDateTime,
    /// Why.
    pub reason: String,
    /// Its attributes (or raw headers) as JSON text.
    pub attributes: String,
    /// Its body.
    pub data: Vec<u8>,
}

impl DeadLetter {
    /// Where it stands; the page after it begins behind this.
    pub fn position(&self) -> DeadPosition {
        DeadPosition {
            died_at: self.died_at,
            id: self.id,
        }
    }
}

/// A place among the dead letters of a consumer, which stand newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeadPosition {
    /// When the letter there was given up.
    pub died_at: OffsetDateTime,
    /// The letter there.
    pub id: MessageId,
}

/// Reads what stands in the table.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) fn ruling(text: &str) -> Result<Ruling, DbError> {
    Ruling::parse(text).ok_or_else(|| {
        let unknown = format!("unknown decision `{text}`");
        DbError::Sqlx(sqlx::Error::Decode(unknown.into()))
    })
}

/// A decision, as it is remembered.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Grows with each decision; the page after this one begins behind it.
    pub id: i64,
    /// What was decided.
    pub ruling: Ruling,
    /// When.
    pub decided_at: OffsetDateTime,
    /// By whom, and why.
    pub signature: Signature,
    /// The letter as it stood. Of a replayed one without attributes and data:
    /// its message went on.
    pub letter: DeadLetter,
}

/// What a store answers to a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecisionOutcome {
    /// It is done, and recorded.
    Decided,
    /// The letter is no envelope, so no handler can get it. Nothing changed.
    Malformed,
    /// The message is no dead letter, but this. Nothing changed.
    NotDead(Option<State>),
}

#[cfg(any(feature = "postgres", feature = "sqlite"))]
impl DecisionOutcome {
    /// Why nothing was there to decide about: `standing` is the message's state
    /// and whether it is malformed.
    pub(crate) fn of(standing: Option<(String, bool)>) -> Result<Self, DbError> {
        let Some((state, malformed)) = standing else {
            return Ok(Self::NotDead(None));
        };
        match State::parse(&state)? {
            State::Dead if malformed => Ok(Self::Malformed),
            state => Ok(Self::NotDead(Some(state))),
        }
    }
}

/// A decision could not be carried out; nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum DecisionError {
    /// Decisions are signed and have a reason.
    #[error(transparent)]
    Unsigned(#[from] SignatureError),
    /// The consumer has no mark of this message.
    #[error("the consumer knows no such message")]
    Unknown,
    /// It has its outcome, or was already decided about.
    #[error("the message is no dead letter, it is `{}`", state.as_str())]
    NotDead {
        /// What it is.
        state: State,
    },
    /// It is no envelope: no handler could ever get it.
    #[error("what was kept is no message, so it cannot be replayed; it can be discarded")]
    Malformed,
    /// The database failed. Whether the decision was carried out is then
    /// unknown; to repeat it is harmless.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl DecisionError {
    pub(crate) fn check(outcome: DecisionOutcome) -> Result<(), Self> {
        match outcome {
            DecisionOutcome::Decided => Ok(()),
            DecisionOutcome::Malformed => Err(Self::Malformed),
            DecisionOutcome::NotDead(None) => Err(Self::Unknown),
            DecisionOutcome::NotDead(Some(state)) => Err(Self::NotDead { state }),
        }
    }

    /// What the caller can do.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Unsigned(_) | Self::Unknown | Self::NotDead { .. } | Self::Malformed => {
                ErrorClass::Reject
            }
            Self::Db(error) => error.class(),
        }
    }
}
