use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use gozon_core::{NewMessage, Nudge};

use crate::key::partition_of;

/// What the outbox and the relay of one process know together.
#[derive(Debug, Default)]
pub(crate) struct Local {
    nudge: Nudge,
    /// How many partitions the database has; never changes once read.
    partitions: OnceLock<u32>,
    /// The partitions that this process relays.
    owned: RwLock<Arc<[i32]>>,
    next: AtomicUsize,
}

impl Local {
    pub(crate) fn nudge(&self) -> &Nudge {
        &self.nudge
    }

    pub(crate) fn partitions(&self) -> Option<u32> {
        self.partitions.get().copied()
    }

    pub(crate) fn set_partitions(&self, partitions: u32) -> u32 {
        *self.partitions.get_or_init(|| partitions)
    }

    pub(crate) fn set_owned(&self, owned: Vec<i32>) {
        *self.owned.write().unwrap_or_else(PoisonError::into_inner) = owned.into();
    }

    fn owned(&self) -> Arc<[i32]> {
        Arc::clone(&self.owned.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Where a message goes: its key decides; without one, a partition that
    /// this process relays is the fastest.
    pub(crate) fn place(&self, key: Option<&str>, partitions: u32) -> i32 {
        if let Some(key) = key {
            return partition_of(key, partitions);
        }
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let owned = self.owned();
        if !owned.is_empty() {
            return owned[turn % owned.len()];
        }
        let partitions = usize::try_from(partitions).unwrap_or(1).max(1);
        i32::try_from(turn % partitions).unwrap_or(0)
    }

    /// Wakes this process's relay if one of the messages may be its own.
    pub(crate) fn committed(&self, messages: &[NewMessage]) {
        let owned = self.owned();
        let ours = messages.iter().any(|message| {
            match (message.envelope.key.as_deref(), self.partitions()) {
                (Some(key), Some(partitions)) => owned.contains(&partition_of(key, partitions)),
                _ => true,
            }
        });
        if ours {
            self.nudge.wake();
        }
    }
}
