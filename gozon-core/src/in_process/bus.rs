use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::routing::Routing;

/// The state that all clones share, behind its only lock.
pub(super) struct Bus(Mutex<Routing>);

impl Bus {
    pub(super) fn new(queue_capacity: usize, broadcast_capacity: usize) -> Self {
        Self(Mutex::new(Routing::new(queue_capacity, broadcast_capacity)))
    }

    /// Runs `work` under the lock, then wakes whom it named.
    ///
    /// Waking may run a runtime's code, and even drop a task that owns one of
    /// our deliveries, which takes this lock; so it happens after the lock is
    /// released.
    pub(super) fn with<R>(&self, work: impl FnOnce(&mut Routing, &mut Wakes) -> R) -> R {
        let mut wakes = Wakes::default();
        let result = work(
            &mut self.0.lock().unwrap_or_else(PoisonError::into_inner),
            &mut wakes,
        );
        for wake in wakes.0 {
            wake.notify_one();
        }
        result
    }
}

/// Who must wake up once the lock is released.
///
/// Every waiter has a `Notify` of its own, which keeps one permit: a wake-up
/// between a waiter's look at the state and its wait is not lost.
#[derive(Default)]
pub(super) struct Wakes(Vec<Arc<Notify>>);

impl Wakes {
    /// Adds a waiter, once.
    pub(super) fn add(&mut self, wake: &Arc<Notify>) {
        if !self.0.iter().any(|known| Arc::ptr_eq(known, wake)) {
            self.0.push(Arc::clone(wake));
        }
    }
}
