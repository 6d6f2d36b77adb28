//! Waiting for a condition instead of for time.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::{Instant, sleep, timeout_at};

const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Asks `probe` until it answers `Ok`, and returns that answer.
///
/// An error means "not yet": write what is still missing into it, with
/// `anyhow::ensure!(paid == 10, "{paid} of 10 are paid")`, because the last one
/// becomes the test's message when time runs out. The probe may not change
/// variables around it; count in an atomic.
///
/// # Errors
/// When `bound` has passed without an `Ok`: `what` did not happen, and why.
// Not `AsyncFnMut`, whose futures the compiler cannot yet prove to be `Send`:
// waiting must be possible in spawned tasks too.
pub async fn eventually<T, F: Future<Output = Result<T>>>(
    bound: Duration,
    what: &str,
    mut probe: impl FnMut() -> F,
) -> Result<T> {
    let end = Instant::now() + bound;
    let mut pause = SHORTEST_PAUSE;
    let mut last = None;
    loop {
        match timeout_at(end, probe()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => last = Some(error),
            // A probe that hangs says less than the one before it.
            Err(elapsed) => last = last.or_else(|| Some(elapsed.into())),
        }
        if Instant::now() + pause >= end {
            let last = last.unwrap_or_else(|| anyhow::anyhow!("never asked"));
            return Err(last).with_context(|| format!("not within {bound:?}: {what}"));
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
