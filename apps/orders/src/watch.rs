//! Who is watching orders on this instance, and how changes reach them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use gozon_events::OrderStatusChanged;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::metrics;

/// Updates that may wait for one socket. A client that reads slower than its
/// orders change for so long is disconnected; the snapshot at its next
/// connection makes good for what it missed.
const QUEUE: usize = 256;
/// Sockets of one user on this instance.
const PER_USER: usize = 32;
/// Sockets of all users on this instance.
const IN_ALL: usize = 10_000;

/// All open sockets of this instance. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watchers(Arc<Mutex<Registry>>);

#[derive(Debug, Default)]
struct Registry {
    next_id: u64,
    count: usize,
    by_user: HashMap<String, Vec<Watcher>>,
}

#[derive(Debug)]
struct Watcher {
    id: u64,
    /// `None`: all orders of the user.
    order: Option<Uuid>,
    sender: mpsc::Sender<Update>,
}

/// What a socket hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Update {
    /// An order changed.
    Changed(Arc<OrderStatusChanged>),
    /// Changes may have been missed: read the state again.
    Resync,
}

/// This instance, or this user, has as many sockets as are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many open sockets")]
pub(crate) struct TooManyWatchers;

impl Watchers {
    /// Starts to listen. What changes from now on is heard, so a snapshot read
    /// after this call misses nothing.
    ///
    /// # Errors
    /// [`TooManyWatchers`] beyond 32 sockets a user or 10,000 in all.
    pub(crate) fn watch(&self, user: &str, order: Option<Uuid>) -> Result<Watch, TooManyWatchers> {
        let (sender, updates) = mpsc::channel(QUEUE);
        let mut registry = self.lock();
        if registry.count >= IN_ALL {
            return Err(TooManyWatchers);
        }
        let id = registry.next_id;
        let of_user = registry.by_user.entry(user.to_owned()).or_default();
        if of_user.len() >= PER_USER {
            return Err(TooManyWatchers);
        }
        of_user.push(Watcher { id, order, sender });
        registry.next_id += 1;
        registry.count += 1;
        metrics::watchers(registry.count);
        Ok(Watch {
            updates,
            id,
            user: user.to_owned(),
            watchers: self.clone(),
        })
    }

    /// Tells everyone who watches this order.
    pub(crate) fn publish(&self, change: OrderStatusChanged) {
        let mut registry = self.lock();
        let Some(of_user) = registry.by_user.get_mut(&change.user_id) else {
            return;
        };
        let order_id = change.order_id;
        let update = Update::Changed(Arc::new(change));
        // A full queue drops its sender here: the socket sees the end of its
        // updates and closes.
        let before = of_user.len();
        of_user.retain(|watcher| {
            watcher.order.is_some_and(|order| order != order_id)
                || watcher.sender.try_send(update.clone()).is_ok()
        });
        let dropped = before - of_user.len();
        registry.count -= dropped;
        metrics::too_slow(dropped);
    }

    /// Tells everyone to read again.
    pub(crate) fn resync(&self) {
        let mut registry = self.lock();
        for of_user in registry.by_user.values_mut() {
            // A full queue is no harm: its end is a resync as well.
            of_user.retain(|watcher| watcher.sender.try_send(Update::Resync).is_ok());
        }
        registry.count = registry.by_user.values().map(Vec::len).sum();
    }

    fn leave(&self, user: &str, id: u64) {
        let mut registry = self.lock();
        if let Some(of_user) = registry.by_user.get_mut(user) {
            let before = of_user.len();
            of_user.retain(|watcher| watcher.id != id);
            let left = before - of_user.len();
            if of_user.is_empty() {
                registry.by_user.remove(user);
            }
            registry.count -= left;
        }
        metrics::watchers(registry.count);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Registry> {
        // Nothing in here panics halfway, so a poisoned registry is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One listener; dropping it ends the listening.
#[derive(Debug)]
pub(crate) struct Watch {
    updates: mpsc::Receiver<Update>,
    id: u64,
    user: String,
    watchers: Watchers,
}

impl Watch {
    /// The next update; `None` when this listener was too slow.
    pub(crate) async fn next(&mut self) -> Option<Update> {
        self.updates.recv().await
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.watchers.leave(&self.user, self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gozon_events::OrderStatus;

    fn change(user: &str, order_id: Uuid) -> OrderStatusChanged {
        OrderStatusChanged {
            order_id,
            user_id: user.to_owned(),
            status: OrderStatus::Finished,
            reason: None,
            version: 2,
            updated_at: time::OffsetDateTime::UNIX_EPOCH,
        }
    }

    #[tokio::test]
    async fn a_watcher_hears_only_its_own_users_orders() {
        let watchers = Watchers::default();
        let mine = Uuid::now_v7();
        let mut all = watchers.watch("a", None).unwrap();
        let mut one = watchers.watch("a", Some(mine)).unwrap();

        watchers.publish(change("b", Uuid::now_v7()));
        watchers.publish(change("a", Uuid::now_v7()));
        watchers.publish(change("a", mine));

        let expected = Update::Changed(Arc::new(change("a", mine)));
        assert_eq!(one.next().await, Some(expected.clone()));
        assert!(matches!(all.next().await, Some(Update::Changed(c)) if c.order_id != mine));
        assert_eq!(all.next().await, Some(expected));
    }

    #[tokio::test]
    async fn a_watcher_that_does_not_read_is_dropped_at_its_queue_limit() {
        let watchers = Watchers::default();
        let mut slow = watchers.watch("a", None).unwrap();
        let order = Uuid::now_v7();

        for _ in 0..=QUEUE {
            watchers.publish(change("a", order));
        }

        for _ in 0..QUEUE {
            assert!(slow.next().await.is_some());
        }
        assert_eq!(slow.next().await, None);
    }

    #[tokio::test]
    async fn sockets_are_counted_in_and_out() {
        let watchers = Watchers::default();
        let open: Vec<_> = (0..PER_USER)
            .map(|_| watchers.watch("a", None).unwrap())
            .collect();
        assert_eq!(watchers.watch("a", None).unwrap_err(), TooManyWatchers);

        drop(open);

        assert!(watchers.watch("a", None).is_ok());
        assert_eq!(watchers.lock().count, 0);
    }
}
