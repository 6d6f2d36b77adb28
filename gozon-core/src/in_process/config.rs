use std::time::Duration;

use crate::TransportError;

/// The settings of [`crate::InProcess`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InProcessConfig {
    /// How long a publish waits for the acknowledgements of all subscriptions
    /// before it answers `Unknown`. Longer than a handler needs for a batch;
    /// a message that took longer is not delivered twice, its repeat joins the
    /// delivery in flight. Above zero, at most a day. Defaults to 10 s.
    pub publish_timeout: Duration,
    /// How many messages wait in the queue of one durable subscription before
    /// publishers wait for room. At least 1. Defaults to 4096.
    pub queue_capacity: usize,
    /// How many messages wait for one broadcast subscriber before it loses the
    /// oldest. At least 1. Defaults to 1024.
    pub broadcast_capacity: usize,
}

impl Default for InProcessConfig {
    fn default() -> Self {
        Self {
            publish_timeout: Duration::from_secs(10),
            queue_capacity: 4096,
            broadcast_capacity: 1024,
        }
    }
}

impl InProcessConfig {
    /// Checks that every setting makes sense.
    ///
    /// # Errors
    /// [`TransportError::Config`] names the first that does not.
    pub fn validate(&self) -> Result<(), TransportError> {
        let wrong = |field, reason: &str| {
            Err(TransportError::Config {
                field,
                reason: reason.to_owned(),
            })
        };
        if self.publish_timeout.is_zero() {
            return wrong("publish_timeout", "must be longer than zero");
        }
        // No clock takes a time of any length.
        if self.publish_timeout > Duration::from_secs(24 * 3_600) {
            return wrong("publish_timeout", "must not be longer than a day");
        }
        if self.queue_capacity == 0 {
            return wrong("queue_capacity", "must be at least 1");
        }
        if self.broadcast_capacity == 0 {
            return wrong("broadcast_capacity", "must be at least 1");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_makes_no_sense_is_named() {
        let fine = InProcessConfig::default();
        let wrong = [
            (
                "publish_timeout",
                InProcessConfig {
                    publish_timeout: Duration::ZERO,
                    ..fine
                },
            ),
            (
                "publish_timeout",
                InProcessConfig {
                    publish_timeout: Duration::MAX,
                    ..fine
                },
            ),
            (
                "queue_capacity",
                InProcessConfig {
                    queue_capacity: 0,
                    ..fine
                },
            ),
            (
                "broadcast_capacity",
                InProcessConfig {
                    broadcast_capacity: 0,
                    ..fine
                },
            ),
        ];

        assert!(fine.validate().is_ok());
        for (name, config) in wrong {
            assert!(config.validate().unwrap_err().to_string().contains(name));
        }
    }
}
