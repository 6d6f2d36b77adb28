//! Every metric of this crate, by name. Label `consumer` is the subscription's
//! name, a set that is closed at wiring.

use gozon_core::ErrorClass;

use crate::dead::Ruling;
use crate::health::Cause;
use crate::store::InboxStats;

/// Deliveries and retries that got an outcome. Labels `consumer` and `outcome`:
/// `done`, `duplicate`, `retry`, `dead`, or `held`: kept behind an earlier message
/// of its key.
pub const HANDLED: &str = "gozon_inbox_handled_total";
/// Messages that are not envelopes and were kept as dead letters. Label
/// `consumer`. Alert on this one.
pub const MALFORMED: &str = "gozon_inbox_malformed_total";
/// Messages in one optimistic batch. Label `consumer`.
pub const BATCH: &str = "gozon_inbox_batch_messages";
/// Batches that a handler's error took apart, to run one by one. Label
/// `consumer`.
pub const FALLBACKS: &str = "gozon_inbox_fallbacks_total";
/// Work that was repeated because the database asked for it or was away.
/// Label `consumer`.
pub const REPEATS: &str = "gozon_inbox_repeats_total";
/// Acknowledgements that the broker could no longer hear; each message comes
/// again and is recognised. Label `consumer`.
pub const LOST_ACKS: &str = "gozon_inbox_lost_acks_total";
/// Messages that are kept, at the last look. Label `state`: `retry`, `held` or
/// `dead`. Alert on `dead`.
pub const KEPT: &str = "gozon_inbox_kept_messages";
/// Workers of consumers that are at work: receiving, or looking for retries.
/// Label `consumer`. Alert when it stays below [`EXPECTED`].
pub const LIVE: &str = "gozon_inbox_workers_live";
/// Workers that should be at work. Label `consumer`.
pub const EXPECTED: &str = "gozon_inbox_workers_expected";
/// Workers that wait for the database with messages in their hands. Label
/// `consumer`.
pub const PAUSED: &str = "gozon_inbox_workers_paused";
/// Workers that were started again. Labels `consumer` and `cause`: `panicked`,
/// `ended` (the deliveries stopped without the transport being closed) or
/// `resumed` (the transport rebuilt the subscription). Alert on `panicked`.
pub const RESTARTS: &str = "gozon_inbox_restarts_total";
/// Dead letters that a person decided about. Labels `consumer` and `decision`:
/// `replayed` or `discarded`.
pub const DECIDED: &str = "gozon_inbox_decided_total";
/// Keyed HTTP requests. Label `outcome`: `fresh`, `replay`, `mismatch` or
/// `in_progress`.
pub const REQUESTS: &str = "gozon_inbox_requests_total";

/// What became of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Duplicate,
    Retry,
    Held,
    Dead(ErrorClass),
}

impl Outcome {
    fn label(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Duplicate => "duplicate",
            Self::Retry => "retry",
            Self::Held => "held",
            Self::Dead(_) => "dead",
        }
    }
}

pub(crate) fn handled(consumer: &str, outcome: Outcome, messages: usize) {
    if messages > 0 {
        let count = u64::try_from(messages).unwrap_or(u64::MAX);
        metrics::counter!(HANDLED, "consumer" => consumer.to_owned(), "outcome" => outcome.label())
            .increment(count);
    }
}

pub(crate) fn batch(consumer: &str, messages: usize) {
    let size = f64::from(u32::try_from(messages).unwrap_or(u32::MAX));
    metrics::histogram!(BATCH, "consumer" => consumer.to_owned()).record(size);
}

pub(crate) fn count(name: &'static str, consumer: &str) {
    metrics::counter!(name, "consumer" => consumer.to_owned()).increment(1);
}

pub(crate) fn decided(consumer: &str, ruling: Ruling) {
    metrics::counter!(DECIDED, "consumer" => consumer.to_owned(), "decision" => ruling.as_str())
        .increment(1);
}

pub(crate) fn request(outcome: &'static str) {
    metrics::counter!(REQUESTS, "outcome" => outcome).increment(1);
}

pub(crate) fn restarted(consumer: &str, cause: Cause) {
    metrics::counter!(RESTARTS, "consumer" => consumer.to_owned(), "cause" => cause.label())
        .increment(1);
}

pub(crate) fn workers(gauge: &'static str, consumer: &str, change: i32) {
    metrics::gauge!(gauge, "consumer" => consumer.to_owned()).increment(f64::from(change));
}

pub(crate) fn kept(stats: &InboxStats) {
    let states = [
        ("retry", stats.retry),
        ("held", stats.held),
        ("dead", stats.dead),
    ];
    for (state, messages) in states {
        let messages = f64::from(u32::try_from(messages).unwrap_or(u32::MAX));
        metrics::gauge!(KEPT, "state" => state).set(messages);
    }
}
