use std::time::Duration;

use gozon_core::ErrorClass;

use crate::backoff::longest_pause;

/// How an inbox works. Every field has a limit and a unit; the defaults suit a
/// service that handles small messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxConfig {
    /// Messages in one transaction at most, 1–1,000. A batch is what is there;
    /// nobody waits for more. Default 128.
    pub max_batch: usize,
    /// How often a message is tried before it becomes a dead letter, 1–1,000.
    /// Counts what the handler asked to retry and what ended the process;
    /// outages of the database do not count. Default 10.
    pub max_attempts: u32,
    /// The wait before the second attempt, 1 ms–1 h; doubles with each further
    /// attempt, and half of it is random. Default 1 s.
    pub retry_initial: Duration,
    /// The longest wait between two attempts, up to 7 days. Default 10 min.
    pub retry_max: Duration,
    /// How often to look for retries that are due, 1 ms–1 min. Default 500 ms.
    pub retry_poll: Duration,
    /// How long one call of a handler may take, up to 10 min; after that it
    /// counts as a retry. Keep it below the broker's acknowledgement timeout
    /// and above the database's statement timeout. Default 30 s.
    pub handler_timeout: Duration,
    /// How long a retry belongs to the instance that took it. If the instance
    /// dies, the message comes back after this time. Longer than
    /// `handler_timeout`. Default 60 s.
    pub claim_lease: Duration,
    /// How often a batch, or a message alone, is repeated after deadlocks and
    /// lost connections before it is taken apart, or put aside for a retry,
    /// 1–100. With the database gone the consumer waits without end. Default 5.
    pub conflict_repeats: u32,
    /// The longest pause between two tries while the database or the broker is
    /// away, up to 1 min; the first pause is a hundredth of it. Default 5 s.
    pub outage_backoff: Duration,
    /// How many batches of one consumer run at once in this process, 1–32.
    /// More than one gives up the order in which messages arrived, except in a
    /// subscription with order, where each has partitions of its own. Default 1.
    pub concurrency: usize,
    /// How long a mark is kept after its message was handled: a repeat that
    /// comes later has an effect again. Never shorter than
    /// [`InboxConfig::retry_horizon`], and longer than whoever publishes may
    /// repeat a message (an outbox can replay one that was dead for days).
    /// 1 min–10 years. Default 30 days.
    pub retention: Duration,
    /// How often to delete what is older than `retention`, and expired
    /// requests, 1 s–1 day. Default 1 h.
    pub prune_interval: Duration,
    /// Rows that one such statement deletes at most, 1–100,000. Default 1,000.
    pub prune_bite: u32,
    /// How long the answer to an idempotent request is kept, 1 min–365 days.
    /// Default 24 h.
    pub request_keep: Duration,
    /// How long a repeated request waits for the first one, 10 ms–30 s.
    /// Default 2 s.
    pub request_wait: Duration,
}

impl Default for InboxConfig {
    fn default() -> Self {
        Self {
            max_batch: 128,
            max_attempts: 10,
            retry_initial: Duration::from_secs(1),
            retry_max: Duration::from_secs(10 * 60),
            retry_poll: Duration::from_millis(500),
            handler_timeout: Duration::from_secs(30),
            claim_lease: Duration::from_secs(60),
            conflict_repeats: 5,
            outage_backoff: Duration::from_secs(5),
            concurrency: 1,
            retention: Duration::from_secs(30 * DAY),
            prune_interval: Duration::from_secs(60 * 60),
            prune_bite: 1_000,
            request_keep: Duration::from_secs(DAY),
            request_wait: Duration::from_secs(2),
        }
    }
}

const DAY: u64 = 24 * 60 * 60;

impl InboxConfig {
    /// How long a message may be on its way from its first attempt to its last:
    /// every pause between two attempts, and every attempt with its lease.
    ///
    /// The least that [`InboxConfig::retention`] may be: who repeats a message is
    /// taken to be as patient as we are.
    pub fn retry_horizon(&self) -> Duration {
        let pauses = 1..self.max_attempts;
        let waiting = pauses.fold(Duration::ZERO, |sum, failures| {
            sum.saturating_add(longest_pause(failures, self.retry_initial, self.retry_max))
        });
        waiting.saturating_add(self.claim_lease.saturating_mul(self.max_attempts))
    }

    /// Checks every field and the fields against each other.
    ///
    /// # Errors
    /// Names the first field that makes no sense, and what to do about it.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let millis = Duration::from_millis;
        let secs = Duration::from_secs;
        between("max_batch", self.max_batch, 1, 1_000)?;
        between("max_attempts", self.max_attempts, 1, 1_000)?;
        between("retry_initial", self.retry_initial, millis(1), secs(3_600))?;
        let longest = secs(7 * DAY);
        between("retry_max", self.retry_max, self.retry_initial, longest)?;
        between("retry_poll", self.retry_poll, millis(1), secs(60))?;
        let longest = secs(600);
        between("handler_timeout", self.handler_timeout, millis(1), longest)?;
        let shortest = self.handler_timeout + millis(1);
        between("claim_lease", self.claim_lease, shortest, secs(DAY))?;
        between("conflict_repeats", self.conflict_repeats, 1, 100)?;
        between("outage_backoff", self.outage_backoff, millis(1), secs(60))?;
        between("concurrency", self.concurrency, 1, 32)?;
        between("retention", self.retention, secs(60), secs(3_650 * DAY))?;
        let horizon = self.retry_horizon();
        if self.retention < horizon {
            return Err(ConfigError {
                field: "retention",
                problem: format!(
                    "{:?} is shorter than a message may wait for its last attempt, {horizon:?}: \
                     raise it, or lower max_attempts or retry_max",
                    self.retention
                ),
            });
        }
        between("prune_interval", self.prune_interval, secs(1), secs(DAY))?;
        between("prune_bite", self.prune_bite, 1, 100_000)?;
        let longest = secs(365 * DAY);
        between("request_keep", self.request_keep, secs(60), longest)?;
        between("request_wait", self.request_wait, millis(10), secs(30))
    }
}

fn between<T: PartialOrd + std::fmt::Debug>(
    field: &'static str,
    value: T,
    least: T,
    most: T,
) -> Result<(), ConfigError> {
    if value >= least && value <= most {
        return Ok(());
    }
    Err(ConfigError {
        field,
        problem: format!("{value:?} is not between {least:?} and {most:?}"),
    })
}

/// A setting makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("inbox setting {field}: {problem}")]
pub struct ConfigError {
    /// The field of [`InboxConfig`].
    pub field: &'static str,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl ConfigError {
    /// [`ErrorClass::Reject`]: it will not get better by itself.
    pub fn class(&self) -> ErrorClass {
        ErrorClass::Reject
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(InboxConfig::default().validate(), Ok(()));
    }

    #[test]
    fn a_lease_that_ends_before_the_handler_is_refused() {
        let config = InboxConfig {
            claim_lease: Duration::from_secs(5),
            ..InboxConfig::default()
        };

        assert_eq!(config.validate().unwrap_err().field, "claim_lease");
    }

    #[test]
    fn marks_that_go_before_the_last_attempt_are_refused() {
        let hours = |hours: u64| Duration::from_secs(hours * 3_600);
        let config = InboxConfig {
            max_attempts: 4,
            retry_initial: hours(1),
            retry_max: hours(2),
            claim_lease: hours(1),
            // One, two and two hours between the attempts, four of an hour each.
            retention: hours(9),
            ..InboxConfig::default()
        };
        assert_eq!(config.retry_horizon(), hours(9));
        assert_eq!(config.validate(), Ok(()));

        let short = InboxConfig {
            retention: hours(9) - Duration::from_secs(1),
            ..config
        };

        let error = short.validate().unwrap_err();
        assert_eq!(error.field, "retention");
        assert!(error.to_string().contains("max_attempts"), "{error}");
    }

    #[test]
    fn nothing_may_be_without_a_limit() {
        let config = InboxConfig {
            max_batch: 0,
            ..InboxConfig::default()
        };

        assert_eq!(config.validate().unwrap_err().field, "max_batch");
    }
}
