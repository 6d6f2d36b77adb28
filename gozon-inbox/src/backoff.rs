use std::time::Duration;

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::health::{ConsumerHealth, Counted};

/// The pause before try number `failures + 1`: doubles from `initial` up to
/// `max`; one half is fixed and one half is random, so that many who failed
/// together do not come back together.
pub(crate) fn pause(failures: u32, initial: Duration, max: Duration) -> Duration {
    let full = longest_pause(failures, initial, max);
    let [a, b, c, d, ..] = *Uuid::new_v4().as_bytes();
    let random = u128::from(u32::from_le_bytes([a, b, c, d]));
    let half = full.as_micros() / 2;
    let micros = half + ((half * random) >> 32);
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX)).max(Duration::from_micros(1))
}

/// A [`pause`] whose random half is whole.
pub(crate) fn longest_pause(failures: u32, initial: Duration, max: Duration) -> Duration {
    let doublings = failures.saturating_sub(1).min(20);
    initial.saturating_mul(1 << doublings).min(max)
}

/// Growing pauses while something is away.
#[derive(Debug)]
pub(crate) struct Backoff {
    failures: u32,
    max: Duration,
    pausing: Option<Counted>,
}

impl Backoff {
    pub(crate) fn up_to(max: Duration) -> Self {
        Self {
            failures: 0,
            max,
            pausing: None,
        }
    }

    /// From now on, for as long as this lives, the worker counts as paused.
    pub(crate) fn pausing(&mut self, health: &ConsumerHealth) {
        self.pausing.get_or_insert_with(|| health.pausing());
    }

    /// Waits for the next pause; false if `stop` was called meanwhile.
    pub(crate) async fn wait(&mut self, stop: &CancellationToken) -> bool {
        self.failures = self.failures.saturating_add(1);
        let pause = pause(self.failures, self.max / 100, self.max);
        rest(pause, stop).await
    }
}

/// Waits; false if `stop` was called meanwhile.
pub(crate) async fn rest(time: Duration, stop: &CancellationToken) -> bool {
    tokio::select! {
        biased;
        () = stop.cancelled() => false,
        () = tokio::time::sleep(time) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_pause_grows_and_never_passes_its_limit(failures in 1_u32..u32::MAX) {
            let initial = Duration::from_secs(1);
            let max = Duration::from_secs(600);

            let found = pause(failures, initial, max);

            let full = initial.saturating_mul(1 << (failures - 1).min(20)).min(max);
            prop_assert!(found >= full / 2 && found <= full);
        }
    }
}
