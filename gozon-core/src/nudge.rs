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
