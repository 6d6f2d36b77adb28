use std::sync::Arc;

use gozon_core::ErrorClass;

use crate::{LedgerError, PostError};

/// A call to a [`Poster`](super::Poster) did not end with a posted transfer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PosterError {
    /// The rules refused the transfer; it wrote nothing.
    #[error(transparent)]
    Refused(#[from] PostError),
    /// The queue is full. Answered at once; nothing was posted.
    #[error("the poster is overloaded: {groups} groups with {legs} legs are waiting")]
    Overloaded {
        /// Groups that wait.
        groups: usize,
        /// Their legs.
        legs: usize,
    },
    /// The group could never be posted: larger than a batch or than the queue.
    #[error(
        "a group of {transfers} transfers with {legs} legs never fits; {max_transfers} transfers and {max_legs} legs do"
    )]
    TooLarge {
        /// Its transfers.
        transfers: usize,
        /// Their legs.
        legs: usize,
        /// Transfers that fit into a batch.
        max_transfers: usize,
        /// Legs that fit into the queue.
        max_legs: usize,
    },
    /// No answer before the deadline. What still waited is not posted, but a
    /// transaction that had begun may have posted the group: repeat it with the
    /// same ids.
    #[error("no answer before the deadline; repeat with the same ids")]
    TimedOut,
    /// The poster has stopped, or stops; nothing was posted.
    #[error("the poster has stopped")]
    Stopped,
    /// The poster stopped in the middle of the group's transaction, which may
    /// have posted it: repeat it with the same ids.
    #[error("the poster was lost in the middle of a transaction; repeat with the same ids")]
    Lost,
    /// The ledger failed, for this group alone or for everyone.
    #[error(transparent)]
    Failed(Arc<LedgerError>),
}

impl PosterError {
    /// What the caller can do.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Refused(refused) => refused.class(),
            Self::Overloaded { .. } | Self::TimedOut | Self::Stopped | Self::Lost => {
                ErrorClass::Retry
            }
            Self::TooLarge { .. } => ErrorClass::Bug,
            Self::Failed(error) => error.class(),
        }
    }

    /// One word for logs and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Overloaded { .. } => "overloaded",
            Self::TooLarge { .. } => "too_large",
            Self::TimedOut => "timed_out",
            Self::Stopped => "stopped",
            Self::Lost => "lost",
            Self::Failed(_) => "failed",
        }
    }
}
