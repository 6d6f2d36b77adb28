//! How long to wait after a failure, and when not to try at all.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// A pause that doubles with every failure, a quarter shorter or longer by
/// `seed`, so that what failed together does not come back together.
pub(super) fn pause(min: Duration, max: Duration, failures: u32, seed: i64) -> Duration {
    let doubled = 2_u32
        .checked_pow(failures.saturating_sub(1))
        .and_then(|factor| min.checked_mul(factor))
        .map_or(max, |pause| pause.min(max));
    let percent = 75 + u32::try_from(seed.rem_euclid(51)).unwrap_or(0);
    doubled.saturating_mul(percent) / 100
}

/// This many batches in a row without a confirm open the breaker.
const THRESHOLD: u32 = 3;
/// So many messages test whether an open breaker may close.
const PROBE: usize = 16;

/// One breaker per event type: while the broker confirms nothing of a type,
/// only a few messages at a time test it, instead of the whole backlog being
/// published, held and repeated one by one.
#[derive(Debug)]
pub(super) struct Breakers {
    min: Duration,
    max: Duration,
    kinds: HashMap<String, Breaker>,
}

#[derive(Debug)]
struct Breaker {
    failures: u32,
    /// Closed until the threshold is reached.
    open: bool,
    probe_at: Instant,
    tokens: usize,
    /// Tokens were given out since the last failure.
    probing: bool,
}

impl Breakers {
    pub(super) fn new(min: Duration, max: Duration) -> Self {
        Self {
            min,
            max,
            kinds: HashMap::new(),
        }
    }

    /// Something of this type was confirmed. True if that closed the breaker.
    pub(super) fn confirmed(&mut self, kind: &str) -> bool {
        self.kinds.remove(kind).is_some_and(|breaker| breaker.open)
    }

    /// A batch brought failures of this type and no confirm. True if that
    /// opened the breaker.
    pub(super) fn failed(&mut self, kind: &str, now: Instant) -> bool {
        let (min, max) = (self.min, self.max);
        let breaker = self.kinds.entry(kind.to_owned()).or_insert(Breaker {
            failures: 0,
            open: false,
            probe_at: now,
            tokens: 0,
            probing: false,
        });
        // What was in flight when the breaker opened tells nothing new.
        if breaker.open && !breaker.probing {
            return false;
        }
        breaker.failures = breaker.failures.saturating_add(1);
        if breaker.failures < THRESHOLD {
            return false;
        }
        let opened = !breaker.open;
        breaker.open = true;
        breaker.tokens = 0;
        breaker.probing = false;
        breaker.probe_at = now + pause(min, max, breaker.failures - THRESHOLD + 1, 25);
        opened
    }

    /// Whether a message of this type may be published now; spends a token of
    /// a breaker that is being tested.
    pub(super) fn admit(&mut self, kind: &str) -> bool {
        match self.kinds.get_mut(kind) {
            Some(breaker) if breaker.open => {
                let admitted = breaker.tokens > 0;
                breaker.tokens = breaker.tokens.saturating_sub(1);
                admitted
            }
            _ => true,
        }
    }

    /// Whether nothing of this type gets through.
    pub(super) fn is_open(&self, kind: &str) -> bool {
        self.kinds.get(kind).is_some_and(|breaker| breaker.open)
    }

    /// Whether a message of this type would be admitted.
    pub(super) fn may_try(&self, kind: &str) -> bool {
        let breaker = self.kinds.get(kind);
        breaker.is_none_or(|breaker| !breaker.open || breaker.tokens > 0)
    }

    /// The open breakers that may be tested now, each with a few tokens.
    pub(super) fn probe(&mut self, now: Instant) -> Vec<(String, usize)> {
        let due = self
            .kinds
            .iter_mut()
            .filter(|(_, breaker)| breaker.open && breaker.probe_at <= now);
        due.map(|(kind, breaker)| {
            breaker.tokens = PROBE;
            breaker.probing = true;
            breaker.probe_at = now + self.max;
            (kind.clone(), PROBE)
        })
        .collect()
    }

    pub(super) fn next_probe(&self) -> Option<Instant> {
        let open = self.kinds.values().filter(|breaker| breaker.open);
        open.map(|breaker| breaker.probe_at).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: Duration = Duration::from_millis(100);
    const MAX: Duration = Duration::from_secs(5);

    #[test]
    fn pauses_double_up_to_the_limit() {
        assert_eq!(pause(MIN, MAX, 1, 25), MIN);
        assert_eq!(pause(MIN, MAX, 3, 25), 4 * MIN);
        assert_eq!(pause(MIN, MAX, 40, 25), MAX);
        assert!(pause(MIN, MAX, 1, 0) < MIN && pause(MIN, MAX, 1, -1) > MIN);
    }

    #[test]
    fn a_breaker_opens_after_three_failures_and_closes_with_a_confirm() {
        let mut breakers = Breakers::new(MIN, MAX);
        let now = Instant::now();
        for _ in 0..2 {
            assert!(!breakers.failed("a", now));
        }
        assert!(breakers.admit("a"));

        assert!(breakers.failed("a", now));

        assert!(!breakers.admit("a"));
        assert!(breakers.admit("b"));
        assert!(breakers.probe(now).is_empty());
        assert_eq!(breakers.probe(now + MIN), [("a".to_owned(), PROBE)]);
        assert!(breakers.admit("a"));
        assert!(!breakers.failed("a", now + MIN));
        assert!(!breakers.admit("a"));
        assert!(breakers.probe(now + 2 * MIN).is_empty());
        assert!(breakers.confirmed("a"));
        assert!(breakers.admit("a"));
    }
}
