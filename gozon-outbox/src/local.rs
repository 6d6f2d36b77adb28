use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

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
    /// Partitions of others that have new messages of ours.
    foreign: Mutex<BTreeSet<i32>>,
    told: Nudge,
    /// Somebody decided about dead letters.
    decided: AtomicBool,
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

    /// Wakes this process's relay because somebody decided about dead letters.
    pub(crate) fn decided(&self) {
        self.decided.store(true, Ordering::Release);
        self.nudge.wake();
    }

    /// Whether somebody did since the last question.
    pub(crate) fn take_decided(&self) -> bool {
        self.decided.swap(false, Ordering::AcqRel)
    }

    /// Wakes this process's relay if one of the messages may be its own, and
    /// notes those that others relay.
    pub(crate) fn committed(&self, messages: &[NewMessage]) {
        let owned = self.owned();
        let mut ours = false;
        let mut foreign = Vec::new();
        for message in messages.iter().filter(|message| message.delay.is_none()) {
            match (message.envelope.key.as_deref(), self.partitions()) {
                (Some(key), Some(partitions)) => {
                    let partition = partition_of(key, partitions);
                    match owned.contains(&partition) {
                        true => ours = true,
                        false => foreign.push(partition),
                    }
                }
                // Without a key it went to a partition of ours if we have one,
                // otherwise to any.
                (None, Some(partitions)) if owned.is_empty() => {
                    foreign.extend(0..i32::try_from(partitions).unwrap_or(0));
                }
                _ => ours = true,
            }
        }
        if ours {
            self.nudge.wake();
        }
        self.add_foreign(foreign);
    }

    pub(crate) fn add_foreign(&self, partitions: Vec<i32>) {
        if !partitions.is_empty() {
            self.foreign().extend(partitions);
            self.told.wake();
        }
    }

    fn foreign(&self) -> std::sync::MutexGuard<'_, BTreeSet<i32>> {
        self.foreign.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until others have something of ours. Safe to drop and call again.
    pub(crate) async fn foreign_waiting(&self) {
        while self.foreign().is_empty() {
            self.told.woken().await;
        }
    }

    /// The partitions of others that have something new.
    pub(crate) fn take_foreign(&self) -> Vec<i32> {
        std::mem::take(&mut *self.foreign()).into_iter().collect()
    }

    /// Another process says that these partitions have new messages; with none,
    /// that something was decided.
    pub(crate) fn heard(&self, partitions: &[i32]) {
        let owned = self.owned();
        if partitions.is_empty() {
            self.decided();
        } else if partitions.iter().any(|partition| owned.contains(partition)) {
            self.nudge.wake();
        }
    }
}
