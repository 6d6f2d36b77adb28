//! Messages that were given up, and what people decided about them.

use gozon_core::{ErrorClass, MessageId};
use gozon_sqlx::DbError;
use time::OffsetDateTime;

use crate::store::State;

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

/// Who decides about a dead letter, and why. Both are recorded for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// A person, or a tool that a person answers for; 1–200 characters.
    pub by: String,
    /// For those who come later; 1–2,000 characters.
    pub why: String,
}

impl Decision {
    /// `by` decides so because of `why`.
    pub fn new(by: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            by: by.into(),
            why: why.into(),
        }
    }

    pub(crate) fn validate(&self) -> Result<(), DecisionError> {
        for (field, text, most) in [("by", &self.by, 200), ("why", &self.why, 2_000)] {
            let length = text.trim().chars().count();
            if length == 0 || text.chars().count() > most || text.contains('\0') {
                return Err(DecisionError::Incomplete { field, most });
            }
        }
        Ok(())
    }
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecisionKind {
    /// It was given to its consumer once more.
    Replayed,
    /// It will not be handled. The record holds it.
    Discarded,
}

impl DecisionKind {
    /// As it stands in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Replayed => "replayed",
            Self::Discarded => "discarded",
        }
    }

    /// Reads what stands in the table.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(text: &str) -> Result<Self, DbError> {
        [Self::Replayed, Self::Discarded]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| {
                let unknown = format!("unknown decision `{text}`");
                DbError::Sqlx(sqlx::Error::Decode(unknown.into()))
            })
    }
}

/// A decision, as it is remembered.
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionRecord {
    /// Grows with each decision; the page after this one begins behind it.
    pub id: i64,
    /// What was decided.
    pub kind: DecisionKind,
    /// When.
    pub decided_at: OffsetDateTime,
    /// By whom, and why.
    pub decision: Decision,
    /// The letter as it stood. Of a replayed one without attributes and data:
    /// its message went on.
    pub letter: DeadLetter,
}

/// What a store answers to a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruling {
    /// It is done, and recorded.
    Decided,
    /// The letter is no envelope, so no handler can get it. Nothing changed.
    Malformed,
    /// The message is no dead letter, but this. Nothing changed.
    NotDead(Option<State>),
}

#[cfg(any(feature = "postgres", feature = "sqlite"))]
impl Ruling {
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
    #[error("a decision needs `{field}`: 1 to {most} characters")]
    Incomplete {
        /// The field of [`Decision`].
        field: &'static str,
        /// Its longest text, in characters.
        most: usize,
    },
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
    pub(crate) fn check(ruling: Ruling) -> Result<(), Self> {
        match ruling {
            Ruling::Decided => Ok(()),
            Ruling::Malformed => Err(Self::Malformed),
            Ruling::NotDead(None) => Err(Self::Unknown),
            Ruling::NotDead(Some(state)) => Err(Self::NotDead { state }),
        }
    }

    /// What the caller can do.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Incomplete { .. } | Self::Unknown | Self::NotDead { .. } | Self::Malformed => {
                ErrorClass::Reject
            }
            Self::Db(error) => error.class(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_without_a_name_or_a_reason_is_refused() {
        let fine = Decision::new("anna", "the price list was wrong");
        assert!(fine.validate().is_ok());

        for (field, wrong) in [
            ("by", Decision::new("  ", "x")),
            ("by", Decision::new("a".repeat(201), "x")),
            ("why", Decision::new("anna", "")),
            ("why", Decision::new("anna", "\0")),
        ] {
            let error = wrong.validate().unwrap_err();
            assert!(error.to_string().contains(field), "{error}");
            assert_eq!(error.class(), ErrorClass::Reject);
        }
    }
}
