use std::thread;
use std::time::{Duration, Instant};

/// No step may take longer, however busy the machine is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// What `look` finds, as soon as it finds something; else why it did not.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) => assert!(
                Instant::now() < end,
                "{what}: not within {PATIENCE:?}; seen instead:\n{seen}"
            ),
        }
        thread::sleep(PAUSE);
    }
}
