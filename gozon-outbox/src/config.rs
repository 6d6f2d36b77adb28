use std::time::Duration;

/// How an outbox takes messages and how its relay works. Every field has a
/// default that fits; [`OutboxConfig::validate`] names the field that does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxConfig {
    /// The largest payload in bytes; a larger one is refused with
    /// [`gozon_core::AppendError::TooLarge`]. Stay below what the broker takes
    /// (RabbitMQ 4: 16 MiB). At least 1. Default 1 MiB.
    pub max_payload_bytes: usize,
    /// This process is certainly the only one that works on this database (an
    /// embedded service whose files are locked), so its relay takes over the
    /// leases of its predecessor at once instead of waiting until they end.
    /// Default false.
    pub sole_process: bool,
    /// How long a partition lease lasts, in database time; renewed at a third.
    /// After a relay died its partitions rest for this long at most, and a second
    /// until another notices. Shorter: a faster take-over, and a process that pauses
    /// for longer loses its share. 100 ms to a day. Default 10 s.
    pub term: Duration,
    /// Batches being published at once. More than the transport publishes at
    /// once only wait there. At least 1. Default 64.
    pub max_batches: usize,
    /// Messages being published at once, over all batches: what a crash may
    /// repeat. At least `max_batches`. Default 1,024.
    pub max_in_flight: usize,
    /// Messages in one batch, of each key at most one. At least 1. Default 64.
    pub max_batch: usize,
    /// Messages read ahead and held in memory. The next read waits until there is
    /// room for `read_limit`, or for a quarter of these if that is less. At least 1.
    /// Default 2,048.
    pub max_buffered: usize,
    /// Payload bytes read ahead and held in memory; a read that found room for
    /// one more may exceed it by that one. At least 1. Default 64 MiB.
    pub max_buffered_bytes: usize,
    /// Keys, and messages without a key, that wait in memory after a failure, some
    /// 500 bytes each; dead letters come on top. What is beyond waits in the table
    /// alone, and is looked for when three quarters are free, and every ten seconds.
    /// Event types that do not get through have half of it together. At least 1.
    /// Default 10,000.
    pub max_held: usize,
    /// Messages that one read takes in all. At least 1. Default 512.
    pub read_limit: u32,
    /// Messages that one read takes from one partition at most, so that a busy one
    /// leaves room for the others; fewer while every partition has more than fills
    /// the read. At least 1. Default 64.
    pub read_per_partition: u32,
    /// Messages that one read takes of one key, so that a busy one leaves room
    /// for the others. At least 1. Default 16.
    pub read_per_key: u32,
    /// The shortest pause between two polls, after a read that found something.
    /// Above zero, at most `poll_max`. Default 5 ms.
    pub poll_min: Duration,
    /// The longest pause between two polls; it doubles while nothing is found.
    /// What a message may wait that another process committed.
    /// `poll_min` to a day. Default 250 ms.
    pub poll_max: Duration,
    /// The safety net below the transport's own timeout: a batch without an
    /// answer for this long counts as unknown. Longer than the transport's own
    /// timeout, above zero, at most a day. Default 30 s.
    pub publish_timeout: Duration,
    /// The first pause before a nacked or unknown message is repeated; it
    /// doubles. Above zero, at most `retry_max`. Default 100 ms.
    pub retry_min: Duration,
    /// The longest such pause. `retry_min` to a day. Default 5 s.
    pub retry_max: Duration,
    /// The first pause before a returned message is repeated; it doubles.
    /// Above zero, at most `returned_max`. Default 1 s.
    pub returned_min: Duration,
    /// The longest such pause. `returned_min` to a day. Default 30 s.
    pub returned_max: Duration,
    /// How long the delete of a confirmed message waits for company. Zero
    /// deletes at once; after a crash everything confirmed in this time is
    /// repeated. At most 1 s. Default 5 ms.
    pub delete_linger: Duration,
    /// How often delayed messages that are due are looked for: how late one may
    /// be; up to 2 s later beside transactions that keep keys of others for long.
    /// Above zero, at most a day. Default 500 ms.
    pub delay_poll: Duration,
    /// How often the gauges are refreshed; each time the outbox is counted.
    /// Where that takes long, less often: it takes a fiftieth of the time at
    /// most. Above zero, at most a day. Default 15 s.
    pub stats_interval: Duration,
    /// How often the gauges per event type are refreshed, by one relay for all. That
    /// reads the whole table, so it too takes a fiftieth of the time at most.
    /// Above zero, at most a day, or `Duration::MAX`: never, there are no such gauges.
    /// Default 60 s.
    pub kinds_interval: Duration,
    /// Tell relays in other processes of new messages, by NOTIFY over one connection
    /// per process, beside its pool and at most a hundred times a second; where
    /// the database has no such thing (SQLite), without effect. Without it they find
    /// them when they poll, up to `poll_max` later. Switch it off behind a pooler
    /// that shares sessions (PgBouncer in transaction mode). Default true.
    pub notify: bool,
    /// Keep what was published in an archive, readable by message and by key.
    /// Costs about as much to write as appending did. Default false.
    pub archive: bool,
    /// How long the archive keeps a message. Older ones are removed in small bites;
    /// `Duration::MAX` keeps them for ever. Above zero. Default 30 days.
    pub archive_retention: Duration,
    /// Messages that one such bite removes. From 1 to 100,000. Default 1,000.
    pub archive_bite: u32,
    /// How long a stopping relay waits for outcomes; what has none by then is
    /// repeated by its successor. At most a day. Default 15 s.
    pub drain_timeout: Duration,
}

const DAY: Duration = Duration::from_secs(24 * 3_600);

impl Default for OutboxConfig {
    fn default() -> Self {
        Self {
            max_payload_bytes: 1024 * 1024,
            sole_process: false,
            term: Duration::from_secs(10),
            max_batches: 64,
            max_in_flight: 1_024,
            max_batch: 64,
            max_buffered: 2_048,
            max_buffered_bytes: 64 * 1024 * 1024,
            max_held: 10_000,
            read_limit: 512,
            read_per_partition: 64,
            read_per_key: 16,
            poll_min: Duration::from_millis(5),
            poll_max: Duration::from_millis(250),
            publish_timeout: Duration::from_secs(30),
            retry_min: Duration::from_millis(100),
            retry_max: Duration::from_secs(5),
            returned_min: Duration::from_secs(1),
            returned_max: Duration::from_secs(30),
            delete_linger: Duration::from_millis(5),
            delay_poll: Duration::from_millis(500),
            stats_interval: Duration::from_secs(15),
            kinds_interval: Duration::from_secs(60),
            notify: true,
            archive: false,
            archive_retention: Duration::from_secs(30 * 24 * 3_600),
            archive_bite: 1_000,
            drain_timeout: Duration::from_secs(15),
        }
    }
}

/// A setting makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("outbox setting {field}: {reason}")]
pub struct ConfigError {
    /// The field of [`OutboxConfig`].
    pub field: &'static str,
    /// What to do about it.
    pub reason: &'static str,
}

impl OutboxConfig {
    /// The longest ordering key: indexes of the outbox hold keys, and one of
    /// PostgreSQL takes 2,704 bytes. A longer one is refused with
    /// [`gozon_core::AppendError::Unfit`]; use a hash of it.
    pub const KEY_BYTES: usize = 1_024;
    /// The longest event type, which AMQP 0-9-1 routes by.
    pub const KIND_BYTES: usize = 255;

    /// Checks every field, and those that depend on each other.
    ///
    /// # Errors
    /// Names the first field that is wrong, and the mend.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let checks = [
            (
                self.max_payload_bytes > 0,
                "max_payload_bytes",
                "must be at least 1",
            ),
            (
                self.term >= Duration::from_millis(100),
                "term",
                "must be at least 100 ms, or no renewal arrives in time",
            ),
            (self.max_batches > 0, "max_batches", "must be at least 1"),
            (self.max_batch > 0, "max_batch", "must be at least 1"),
            (
                self.max_in_flight >= self.max_batches,
                "max_in_flight",
                "must not be less than max_batches",
            ),
            (self.max_buffered > 0, "max_buffered", "must be at least 1"),
            (
                self.max_buffered_bytes > 0,
                "max_buffered_bytes",
                "must be at least 1",
            ),
            (self.max_held > 0, "max_held", "must be at least 1"),
            (self.read_limit > 0, "read_limit", "must be at least 1"),
            (
                self.read_per_partition > 0,
                "read_per_partition",
                "must be at least 1",
            ),
            (self.read_per_key > 0, "read_per_key", "must be at least 1"),
            (
                !self.poll_min.is_zero() && self.poll_min <= self.poll_max,
                "poll_min",
                "must be above zero and not above poll_max",
            ),
            (
                !self.publish_timeout.is_zero(),
                "publish_timeout",
                "must be above zero",
            ),
            (
                !self.retry_min.is_zero() && self.retry_min <= self.retry_max,
                "retry_min",
                "must be above zero and not above retry_max",
            ),
            (
                !self.returned_min.is_zero() && self.returned_min <= self.returned_max,
                "returned_min",
                "must be above zero and not above returned_max",
            ),
            (
                self.delete_linger <= Duration::from_secs(1),
                "delete_linger",
                "must not be above 1 s",
            ),
            (
                !self.delay_poll.is_zero(),
                "delay_poll",
                "must be above zero",
            ),
            (
                !self.stats_interval.is_zero(),
                "stats_interval",
                "must be above zero",
            ),
            (
                !self.kinds_interval.is_zero(),
                "kinds_interval",
                "must be above zero",
            ),
            (
                self.kinds_interval <= DAY || self.kinds_interval == Duration::MAX,
                "kinds_interval",
                "must not be above a day; Duration::MAX switches it off",
            ),
            (
                !self.archive_retention.is_zero(),
                "archive_retention",
                "must be above zero; switch the archive off instead",
            ),
            (
                (1..=100_000).contains(&self.archive_bite),
                "archive_bite",
                "must be between 1 and 100,000",
            ),
        ];
        // No clock takes an interval of any length.
        let times = [
            (self.term, "term"),
            (self.poll_max, "poll_max"),
            (self.publish_timeout, "publish_timeout"),
            (self.retry_max, "retry_max"),
            (self.returned_max, "returned_max"),
            (self.delay_poll, "delay_poll"),
            (self.stats_interval, "stats_interval"),
            (self.drain_timeout, "drain_timeout"),
        ];
        let times = times.map(|(time, field)| (time <= DAY, field, "must not be above a day"));
        match checks.into_iter().chain(times).find(|(holds, ..)| !holds) {
            None => Ok(()),
            Some((_, field, reason)) => Err(ConfigError { field, reason }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_hold_and_a_wrong_field_is_named() {
        assert_eq!(OutboxConfig::default().validate(), Ok(()));

        let wrong = OutboxConfig {
            poll_min: Duration::from_secs(1),
            ..OutboxConfig::default()
        };

        assert_eq!(wrong.validate().unwrap_err().field, "poll_min");
    }

    /// A relay adds them to the time of day.
    #[test]
    fn a_time_that_no_clock_takes_is_refused() {
        type Field = fn(&mut OutboxConfig) -> &mut Duration;
        let fields: [(&str, Field); 9] = [
            ("term", |it| &mut it.term),
            ("poll_max", |it| &mut it.poll_max),
            ("publish_timeout", |it| &mut it.publish_timeout),
            ("retry_max", |it| &mut it.retry_max),
            ("returned_max", |it| &mut it.returned_max),
            ("delay_poll", |it| &mut it.delay_poll),
            ("stats_interval", |it| &mut it.stats_interval),
            ("kinds_interval", |it| &mut it.kinds_interval),
            ("drain_timeout", |it| &mut it.drain_timeout),
        ];
        for (name, field) in fields {
            let mut config = OutboxConfig::default();
            *field(&mut config) = Duration::from_secs(24 * 3_600);
            assert_eq!(config.validate(), Ok(()), "{name}");
            *field(&mut config) = Duration::MAX / 2;
            assert_eq!(config.validate().unwrap_err().field, name);
        }
        let never = OutboxConfig {
            kinds_interval: Duration::MAX,
            archive_retention: Duration::MAX,
            ..OutboxConfig::default()
        };
        assert_eq!(never.validate(), Ok(()));
    }
}
