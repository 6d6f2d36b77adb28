//! Held keys in the table: they are taken out of the way of reads, and those that
//! only the table knows come back.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::engine::Engine;
use super::jobs::{self, Done, Swept};
use super::starting::KEPT_PAGE;
use super::territory::Stage;
use crate::store::{Kept, KeptFrom};

/// How often the rows of held keys are taken out of the ready set.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// How often the table is searched for held keys that may have their turn
/// although the room is not wide; longer, where that takes long.
const RECALL_EVERY: Duration = Duration::from_secs(10);
/// How much slower than the search itself it comes back.
const RECALL_SHARE: u32 = 20;
/// The least that one statement brings of a partition.
const SMALL_PAGE: usize = 16;

impl Engine {
    pub(super) fn start_sweep(&mut self, now: Instant) -> bool {
        if now < self.next.sweep || self.stopping.is_some() {
            return false;
        }
        self.next.sweep = now + SWEEP_EVERY;
        let keys = self.lanes.held_keys();
        // The table alone knows some of them.
        let behind = self.lanes.left_any() || !self.recalling.is_empty();
        if keys.is_empty() && !behind {
            return false;
        }
        let mut partitions = self.lanes.partitions_of(&keys);
        if behind {
            partitions.extend(self.lanes.left());
            partitions.extend(self.recalling.iter().map(|from| from.partition));
        }
        // No other is swept: these alone are given up when nobody knows whether it
        // was done, and the leases of the others are free to be renewed.
        let mut leases = self.territory.writable();
        leases
            .held
            .retain(|lease| partitions.contains(&lease.partition));
        let (named, swept) = match behind {
            true => (Vec::new(), Swept::Behind(partitions)),
            false => (keys.clone(), Swept::Keys(keys)),
        };
        let (store, bound) = (Arc::clone(&self.store), self.store_timeout());
        self.jobs.spawn(async move {
            let result = jobs::bounded(bound, store.sweep(&leases, &named)).await;
            Done::Swept(swept, result)
        });
        true
    }

    /// Starts the search, or its next page.
    pub(super) fn start_recall(&mut self, now: Instant) -> bool {
        if self.recalling.is_empty() {
            let due = now >= self.next.recall || self.lanes.is_wide();
            if !due || !self.lanes.left_any() {
                return false;
            }
            self.next.recall_began = now;
            let from = self.lanes.take_left().into_iter();
            let from = from.map(|partition| KeptFrom {
                partition,
                after: None,
            });
            self.recalling = from.collect();
        }
        let from = std::mem::take(&mut self.recalling);
        let page = (self.lanes.free() / from.len().max(1)).max(SMALL_PAGE);
        let page = u32::try_from(page).unwrap_or(KEPT_PAGE).min(KEPT_PAGE);
        let (store, bound) = (Arc::clone(&self.store), self.store_timeout());
        self.jobs.spawn(async move {
            let kept = jobs::bounded(bound, store.kept(&from, page)).await;
            Done::Recalled(from, page, kept)
        });
        true
    }

    /// A page of held keys of partitions that are in use. Whatever is in memory
    /// stays as it is there: since the search began, nothing but a delete can have
    /// changed what the table says, and that shows when a message is fetched.
    pub(super) fn recalled(&mut self, from: Vec<KeptFrom>, page: u32, kept: &[Kept]) {
        let now = Instant::now();
        let active = self.territory.in_stage(Stage::Active);
        let from = from
            .into_iter()
            .filter(|from| active.contains(&from.partition));
        for from in from {
            let of_partition = kept.iter().filter(|kept| kept.partition == from.partition);
            let (mut count, mut last) = (0, None);
            for kept in of_partition {
                count += 1;
                last = Some((kept.key.clone(), kept.seq));
                let flows = !self.breakers.is_open(&kept.kind);
                self.lanes.restore(kept, flows, now);
            }
            if count < page {
                continue;
            }
            if self.lanes.free() == 0 {
                self.lanes.leave_to_the_table(from.partition);
            } else {
                self.recalling.push(KeptFrom {
                    after: last,
                    ..from
                });
            }
        }
        if self.recalling.is_empty() {
            let took = self.next.recall_began.elapsed();
            self.next.recall = now + RECALL_EVERY.max(took.saturating_mul(RECALL_SHARE));
        }
    }

    /// The table did not answer: another time.
    pub(super) fn not_recalled(&mut self, from: &[KeptFrom]) {
        for from in from {
            if self.territory.owns(from.partition) {
                self.lanes.leave_to_the_table(from.partition);
            }
        }
        self.next.recall = self.next.store;
    }
}
