use std::time::Duration;

use crate::ConfigError;

/// How a [`Poster`](super::Poster) works.
#[derive(Debug, Clone)]
pub struct PosterConfig {
    /// Transfers in one transaction at most; not more than the ledger's own
    /// `max_batch`. A transaction never waits to become this large. At least 1.
    /// Default 500.
    pub max_batch: usize,
    /// Groups (calls) that wait at most; the next is answered `Overloaded`.
    /// At least 1. Default 10,000.
    pub queue_groups: usize,
    /// Legs of all waiting groups together at most: what bounds the memory
    /// when groups are large. At least 2. Default 50,000.
    pub queue_legs: usize,
    /// How long a call waits for its answer, unless it names another deadline.
    /// A group whose deadline passes before its transaction begins is not
    /// posted. Above zero, at most [`Self::LONGEST_WAIT`]. Default 5 s.
    pub deadline: Duration,
    /// How often a batch is tried while other transactions are in its way, the
    /// first time included, before its groups are posted one by one; each of
    /// them then has as many attempts. On top of the attempts of the ledger,
    /// which do not wait in between. At least 1. Default 3.
    pub attempts: u32,
    /// The pause after the first failed attempt; it doubles with every further
    /// one and is shortened at random by up to a half. Above zero; the longest is
    /// [`Self::MAX_BACKOFF`]. Default 10 ms.
    pub backoff: Duration,
    /// How long the poster goes on after shutdown was asked for, to post what
    /// waits already. Above zero, at most [`Self::LONGEST_WAIT`]. Default 10 s.
    pub drain: Duration,
}

impl PosterConfig {
    /// The longest pause between two attempts.
    pub const MAX_BACKOFF: Duration = Duration::from_millis(500);
    /// A day: no clock takes a time of any length.
    pub const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3_600);

    /// Says what cannot work.
    ///
    /// # Errors
    /// Names the first field that is wrong and what it must be.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let rules = [
            ("poster.max_batch", self.max_batch >= 1, "at least 1"),
            ("poster.queue_groups", self.queue_groups >= 1, "at least 1"),
            ("poster.queue_legs", self.queue_legs >= 2, "at least 2"),
            ("poster.deadline", !self.deadline.is_zero(), "above 0"),
            ("poster.attempts", self.attempts >= 1, "at least 1"),
            ("poster.backoff", !self.backoff.is_zero(), "above 0"),
            ("poster.drain", !self.drain.is_zero(), "above 0"),
            (
                "poster.deadline",
                self.deadline <= Self::LONGEST_WAIT,
                "a day at most",
            ),
            (
                "poster.drain",
                self.drain <= Self::LONGEST_WAIT,
                "a day at most",
            ),
        ];
        match rules.into_iter().find(|(_, holds, _)| !holds) {
            None => Ok(()),
            Some((field, _, must)) => Err(ConfigError { field, must }),
        }
    }
}

impl Default for PosterConfig {
    fn default() -> Self {
        Self {
            max_batch: 500,
            queue_groups: 10_000,
            queue_legs: 50_000,
            deadline: Duration::from_secs(5),
            attempts: 3,
            backoff: Duration::from_millis(10),
            drain: Duration::from_secs(10),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_no_clock_takes_is_refused() {
        let fine = PosterConfig::default();
        let late = PosterConfig {
            deadline: Duration::MAX,
            ..fine.clone()
        };
        let slow = PosterConfig {
            drain: Duration::MAX,
            ..fine.clone()
        };

        assert!(fine.validate().is_ok());
        assert_eq!(late.validate().unwrap_err().field, "poster.deadline");
        assert_eq!(slow.validate().unwrap_err().field, "poster.drain");
    }
}
