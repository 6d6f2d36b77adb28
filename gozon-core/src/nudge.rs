use std::sync::Arc;

use tokio::sync::Notify;

/// A coalescing wake-up between tasks of one process: any number of `wake`
/// before the next `woken` count as one.
///
/// A hint. Whoever waits for it also polls.
#[derive(Debug, Clone, Default)]
pub struct Nudge(Arc<Notify>);

impl Nudge {
    /// A nudge that no one has given yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Wakes the waiter, or lets its next wait return at once.
    pub fn wake(&self) {
        self.0.notify_one();
    }

    /// Waits for a wake-up. Safe to drop and call again.
    pub async fn woken(&self) {
        self.0.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn is_woken(nudge: &Nudge) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        pin!(nudge.woken()).poll(&mut context) == Poll::Ready(())
    }

    #[test]
    fn any_number_of_nudges_before_the_next_wait_count_as_one() {
        let nudge = Nudge::new();
        assert!(!is_woken(&nudge));

        nudge.wake();
        nudge.wake();
        nudge.wake();

        assert!(is_woken(&nudge));
        assert!(!is_woken(&nudge));
    }

    #[test]
    fn a_nudge_is_not_lost_with_a_wait_that_was_dropped() {
        let nudge = Nudge::new();
        {
            let mut waiting = Box::pin(nudge.woken());
            let mut context = Context::from_waker(Waker::noop());
            assert!(waiting.as_mut().poll(&mut context).is_pending());
            nudge.wake();
        }

        assert!(is_woken(&nudge));
    }

    #[test]
    fn clones_wake_each_other() {
        let nudge = Nudge::new();

        nudge.clone().wake();

        assert!(is_woken(&nudge));
    }
}
