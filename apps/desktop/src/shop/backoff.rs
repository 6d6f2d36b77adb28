use std::time::Duration;

use uuid::Uuid;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(15);

/// The pauses between attempts to connect: doubled each time.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Backoff {
    /// How long to wait now: between half and the whole of the pause, so that
    /// windows that lost the shop together do not come back together.
    pub(super) fn pause(&mut self) -> Duration {
        let [random, ..] = *Uuid::new_v4().as_bytes();
        self.pause_with(random)
    }

    fn pause_with(&mut self, random: u8) -> Duration {
        let half = self.next / 2;
        self.next = self.next.saturating_mul(2).min(LONGEST);
        half + half * u32::from(random) / u32::from(u8::MAX)
    }

    /// It was connected: begin anew.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_anew() {
        let mut backoff = Backoff::default();
        let millis: Vec<_> = (0..8)
            .map(|_| backoff.pause_with(255).as_millis())
            .collect();
        assert_eq!(
            millis,
            [500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]
        );

        backoff.reset();
        assert_eq!(backoff.pause_with(0), FIRST / 2);
    }

    #[test]
    fn a_pause_is_at_least_half_of_itself() {
        for _ in 0..100 {
            let pause = Backoff::default().pause();
            assert!((FIRST / 2..=FIRST).contains(&pause), "{pause:?}");
        }
    }
}
