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

/// How a message may be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    Free,
    /// With so many others of its type at most, to see whether it gets through.
    Test(usize),
    Denied,
}

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
    /// A test is under way: no other begins before it has its answer, or a
    /// destination that answers nothing would fill every batch with tests.
    testing: bool,
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
            testing: false,
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

    /// How a message of this type may be published now.
    pub(super) fn admit(&self, kind: &str) -> Admission {
        match self.kinds.get(kind) {
            Some(breaker) if breaker.open => match breaker.tokens {
                0 => Admission::Denied,
                tokens => Admission::Test(tokens),
            },
            _ => Admission::Free,
        }
    }

    /// A test of this type begins: its breaker is open, and no other message of the
    /// type goes before [`Breakers::tested`].
    pub(super) fn test(&mut self, kind: &str) {
        if let Some(breaker) = self.kinds.get_mut(kind) {
            breaker.tokens = 0;
            breaker.testing = true;
        }
    }

    /// The test of this type has its answers.
    pub(super) fn tested(&mut self, kind: &str) {
        if let Some(breaker) = self.kinds.get_mut(kind) {
            breaker.testing = false;
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
            .filter(|(_, breaker)| breaker.open && !breaker.testing && breaker.probe_at <= now);
        due.map(|(kind, breaker)| {
            breaker.tokens = PROBE;
            breaker.probing = true;
            breaker.probe_at = now + self.max;
            (kind.clone(), PROBE)
        })
        .collect()
    }

    pub(super) fn next_probe(&self) -> Option<Instant> {
        let waiting = |breaker: &&Breaker| breaker.open && !breaker.testing;
        self.kinds
            .values()
            .filter(waiting)
            .map(|breaker| breaker.probe_at)
            .min()
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
        assert_eq!(breakers.admit("a"), Admission::Free);

        assert!(breakers.failed("a", now));

        assert_eq!(breakers.admit("a"), Admission::Denied);
        assert_eq!(breakers.admit("b"), Admission::Free);
        assert!(breakers.probe(now).is_empty());
        assert_eq!(breakers.probe(now + MIN), [("a".to_owned(), PROBE)]);
        assert_eq!(breakers.admit("a"), Admission::Test(PROBE));
        assert!(!breakers.failed("a", now + MIN));
        assert_eq!(breakers.admit("a"), Admission::Denied);
        assert!(breakers.probe(now + 2 * MIN).is_empty());
        assert!(breakers.confirmed("a"));
        assert_eq!(breakers.admit("a"), Admission::Free);
    }

    #[test]
    fn no_test_begins_before_the_last_one_has_its_answer() {
        let mut breakers = Breakers::new(MIN, MAX);
        let now = Instant::now();
        for _ in 0..THRESHOLD {
            breakers.failed("a", now);
        }
        assert_eq!(breakers.probe(now + MIN).len(), 1);

        breakers.test("a");

        assert_eq!(breakers.admit("a"), Admission::Denied);
        assert!(breakers.probe(now + 10 * MAX).is_empty());
        assert_eq!(breakers.next_probe(), None);
        breakers.tested("a");
        assert_eq!(breakers.probe(now + 10 * MAX).len(), 1);
    }
}
