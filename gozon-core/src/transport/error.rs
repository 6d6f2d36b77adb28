use std::time::Duration;

use crate::ErrorClass;

/// Why a transport could not be used.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The broker cannot be reached, or did not answer in time.
    #[error("the broker is not available: {reason}")]
    Unavailable {
        /// What failed.
        reason: String,
    },
    /// A queue or exchange exists with other properties than asked for.
    #[error("{what} exists with other properties: {reason}")]
    Mismatch {
        /// The queue, exchange or subscription.
        what: String,
        /// What the broker said.
        reason: String,
    },
    /// A setting makes no sense.
    #[error("{field}: {reason}")]
    Config {
        /// The setting.
        field: &'static str,
        /// What to do about it.
        reason: String,
    },
    /// The transport was closed.
    #[error("the transport is closed")]
    Closed,
    /// No answer within this time.
    #[error("the broker did not answer within {0:?}")]
    Timeout(Duration),
}

impl TransportError {
    /// What the caller can do.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Unavailable { .. } | Self::Timeout(_) => ErrorClass::Retry,
            Self::Mismatch { .. } | Self::Config { .. } => ErrorClass::Reject,
            Self::Closed => ErrorClass::Bug,
        }
    }
}
