use async_trait::async_trait;

use crate::Envelope;

/// What became of one published message. Five answers that a relay treats in
/// five ways; an adapter never folds one into another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The broker has it and answers for it. The only success.
    Confirmed,
    /// The broker declined it for now. Repeat after a backoff; an outage.
    Nacked {
        /// What the broker said.
        reason: String,
    },
    /// The broker has no queue for it. Keep it, raise an alarm, repeat slowly.
    Returned {
        /// What the broker said.
        reason: String,
    },
    /// Nobody knows: timeout, channel or connection gone. It may have arrived,
    /// so callers repeat and consumers tolerate repeats.
    Unknown {
        /// What was lost.
        reason: String,
    },
    /// The broker refused this very message for its own sake (too large, say)
    /// and would refuse it again. Only for a message that fails when it is
    /// published alone.
    Refused {
        /// What the broker said.
        reason: String,
    },
}

/// Hands messages to a broker.
///
/// **Outcomes.** One per envelope, in order; the length always matches.
/// **Order.** Messages of one batch may overtake each other; a caller that
/// needs order has at most one message of a key in flight.
/// **Concurrency.** Safe to call from many tasks at once; batches do not wait
/// for each other. **Time.** Answers within the adapter's own publish timeout.
/// **Cancellation.** Dropping the future makes every outcome unknown: each
/// message may arrive or not.
/// **Close.** After the transport was closed every message is answered
/// [`Outcome::Unknown`], at once. **Errors.** There are none beside the
/// outcomes: an outage is `Unknown` for each message, and the adapter mends its
/// connection by itself.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Publisher: Send + Sync {
    /// Publishes all messages of `batch` and waits for what became of each.
    async fn publish(&self, batch: &[Envelope]) -> Vec<Outcome>;
}
