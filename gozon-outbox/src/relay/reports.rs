//! What the relay does when a job reports.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use gozon_core::{ErrorClass, Outcome};
use gozon_sqlx::DbError;
use tokio::task::{Id, JoinError};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::RelayError;
use super::backoff::pause;
use super::engine::Engine;
use super::jobs::{self, Done, Swept};
use super::lanes::LaneId;
use super::outcomes::message;
use super::slice::Brought;
use super::starting::{DECISIONS, KEPT_PAGE, TRIM_PAUSE};
use super::territory::Stage;
use crate::metrics;
use crate::store::{Kept, KeptFrom, KindStats, Lease, Leases, Row};

impl Engine {
    pub(super) fn finish(&mut self, done: Result<(Id, Done), JoinError>) -> Result<(), RelayError> {
        let (id, done) = match done {
            Ok(done) => done,
            // A publisher that panics leaves its batch unknown, like a lost
            // connection; everything else here is our own.
            Err(lost) => match self.batches.remove(&lost.id()) {
                Some(flight) => {
                    let reason = format!("the publisher failed: {lost}");
                    let unknown = vec![Outcome::Unknown { reason }; flight.tickets.len()];
                    self.published(&flight, unknown);
                    return Ok(());
                }
                None => return Err(RelayError::TaskLost(lost.to_string())),
            },
        };
        match done {
            Done::Ticked(result) => {
                self.running.tick = false;
                if let Some(tick) = self.answer("renew its leases", result)? {
                    self.ticked(&tick);
                } else {
                    self.next.tick = self.next.store;
                }
            }
            Done::Looked(result) => {
                self.running.look = false;
                if let Some(look) = self.answer("look for free leases", result)? {
                    self.looked(look);
                }
            }
            Done::Read(asked, result) => {
                self.running.read = false;
                match self.answer("read the outbox", result)? {
                    Some(rows) => self.was_read(&asked, rows),
                    None => self.nudged = true,
                }
            }
            Done::Published(outcomes) => {
                if let Some(flight) = self.batches.remove(&id) {
                    self.published(&flight, outcomes);
                }
            }
            Done::Deleted(deletes, result) => {
                self.running.delete = false;
                match self.answer("delete confirmed messages", result)? {
                    Some(()) => self.deleted(deletes),
                    None => self.todo.deletes.extend(deletes),
                }
            }
            Done::Held(holds, leases, result) => {
                self.running.books = false;
                match self.answer("hold messages", result)? {
                    Some(standing) => self.held(holds, &leases, &standing),
                    None => self.todo.holds.extend(holds),
                }
            }
            Done::Unheld(keys, result) => {
                self.running.books = false;
                if self.answer("release keys", result)?.is_some() {
                    // Also of partitions that were lost: they are not ours to hold.
                    for key in &keys {
                        self.lanes.released(key);
                    }
                    self.nudged = true;
                } else {
                    self.todo.releases.extend(keys);
                }
            }
            Done::Loaded(from, result) => {
                self.running.books = false;
                match self.answer("load held keys", result)? {
                    Some(kept) => self.loaded(from, &kept),
                    None => self.loading = from,
                }
            }
            Done::Recalled(from, page, result) => {
                self.running.books = false;
                match self.answer("look for held keys", result)? {
                    Some(kept) => self.recalled(from, page, &kept),
                    None => self.not_recalled(&from),
                }
            }
            Done::Swept(swept, result) => {
                self.running.books = false;
                if self.answer("sweep held keys", result)?.is_some() {
                    if let Swept::Keys(keys) = swept {
                        self.lanes.swept(&keys);
                    }
                } else {
                    // It may still be on its way, and would take the rows of a
                    // key out of the ready set that flows by then: also some of
                    // them alone, those that were ready when it looked. So no key
                    // is released here any more. With another epoch it changes
                    // nothing.
                    let partitions = match swept {
                        Swept::Keys(keys) => self.lanes.partitions_of(&keys),
                        Swept::Behind(partitions) => partitions,
                    };
                    self.give_up(&partitions);
                    self.lanes.release_nothing_of(&partitions);
                    let lanes = &mut self.lanes;
                    self.todo.releases.retain(|key| lanes.may_release(key));
                }
            }
            Done::Fetched(asked, result) => {
                self.running.fetch = false;
                let rows = self.answer("fetch held messages", result)?;
                self.fetched(&asked, rows);
            }
            Done::Released(leases, result) => {
                self.running.release = false;
                let released = self.answer("release leases", result)?.is_some();
                self.released(&leases, released);
            }
            Done::Promoted(result) => {
                self.running.promote = false;
                let promoted = self.answer("make delayed messages ready", result)?;
                if promoted > Some(0) {
                    self.nudged = true;
                }
                if promoted >= Some(u64::from(self.config.read_limit)) {
                    // More of them may be due.
                    self.next.promote = Instant::now();
                }
            }
            Done::Counted(result) => {
                self.running.count = false;
                let interval = self.config.stats_interval;
                self.next.count = rested(self.next.count_began, interval);
                if let Some(stats) = counted("count the outbox", result)? {
                    metrics::stats(&stats);
                }
            }
            Done::CountedKinds(result) => {
                self.running.count_kinds = false;
                let interval = self.config.kinds_interval;
                self.next.count_kinds = rested(self.next.count_kinds_began, interval);
                if let Some(kinds) = counted("count the outbox by type", result)? {
                    self.counted_kinds(&kinds);
                }
            }
            Done::Trimmed(result) => {
                self.running.trim = false;
                if let Some(trimmed) = counted("trim the archive", result)? {
                    metrics::trimmed(trimmed);
                    if trimmed >= u64::from(self.config.archive_bite) {
                        self.next.trim = Instant::now() + TRIM_PAUSE;
                    }
                }
            }
        }
        metrics::held_in_memory(self.lanes.held());
        Ok(())
    }

    /// Sorts the answers of the database: `None` is an outage, which is waited
    /// out; an error is what no repeat cures.
    pub(super) fn answer<T>(
        &mut self,
        doing: &'static str,
        result: Result<T, DbError>,
    ) -> Result<Option<T>, RelayError> {
        let source = match result {
            Ok(answer) => {
                if self.store_failures > 0 {
                    info!(
                        failures = self.store_failures,
                        "the outbox's database answers again"
                    );
                    self.store_failures = 0;
                }
                return Ok(Some(answer));
            }
            Err(source) => source,
        };
        if source.class() != ErrorClass::Retry {
            return Err(RelayError::Store { doing, source });
        }
        metrics::store_failure();
        self.store_failures = self.store_failures.saturating_add(1);
        if self.store_failures == 1 {
            warn!(error = %source, "the relay cannot {doing}; it will try again");
        } else {
            debug!(error = %source, "the relay still cannot {doing}");
        }
        let wait = pause(
            Duration::from_millis(50),
            Duration::from_secs(2),
            self.store_failures,
            i64::from(self.store_failures),
        );
        self.next.store = Instant::now() + wait;
        Ok(None)
    }

    pub(super) fn ticked(&mut self, tick: &jobs::Tick) {
        let term = self.config.term;
        // A tenth is left for clocks that run apart and for the publish itself.
        let until = tick.asked + term - term / 10;
        let (lost, new) = self.territory.update(&tick.leases, until);
        for partition in &lost {
            self.lanes.leave(*partition);
        }
        if !lost.is_empty() {
            warn!(count = lost.len(), "partition leases lost");
            metrics::lease_changes("lost", lost.len());
        }
        if new > 0 {
            debug!(count = new, "partition leases acquired");
            metrics::lease_changes("acquired", new);
        }
        if self.stopping.is_some() {
            // What an acquisition brought that was under way when we stopped.
            let fresh = self.territory.in_stage(Stage::New);
            self.territory.set_stage(&fresh, Stage::Draining);
            return;
        }
        let target = usize::try_from(tick.target).unwrap_or(usize::MAX);
        let surplus = self.territory.surplus(target);
        if !surplus.is_empty() {
            debug!(count = surplus.len(), "partition leases to be shed");
            metrics::lease_changes("shed", surplus.len());
            self.give_up(&surplus);
        }
        if tick.leases.len() < target {
            // Others are about to shed theirs; look again soon.
            self.next.tick = Instant::now() + term / 10;
        }
        self.publish_territory();
    }

    /// A page of held keys. A partition of which there are no more is active.
    pub(super) fn loaded(&mut self, from: Vec<KeptFrom>, kept: &[Kept]) {
        let now = Instant::now();
        // Given up or lost while they were being loaded: not ours to hold.
        let loading = self.territory.in_stage(Stage::Loading);
        let mut last: HashMap<i32, (u32, &Kept)> = HashMap::new();
        for kept in kept {
            let (count, latest) = last.entry(kept.partition).or_insert((0, kept));
            *count += 1;
            *latest = kept;
            if loading.contains(&kept.partition) {
                // Nobody knows yet whether its type gets through.
                self.lanes.restore(kept, false, now);
            }
        }
        let mut whole = Vec::new();
        for from in from {
            let partition = from.partition;
            if !loading.contains(&partition) {
                continue;
            }
            match last.get(&partition) {
                Some((count, kept)) if *count >= KEPT_PAGE => self.loading.push(KeptFrom {
                    partition,
                    after: Some((kept.key.clone(), kept.seq)),
                }),
                _ => whole.push(partition),
            }
        }
        self.territory.set_stage(&whole, Stage::Active);
        self.nudged = true;
        self.publish_territory();
    }

    /// What others did: leases that ended are taken at the next heartbeat, dead
    /// letters that somebody decided about are looked at.
    fn looked(&mut self, look: jobs::Look) {
        let now = Instant::now();
        if look.free > 0 {
            self.next.tick = now;
        }
        let decisions = look.decided.messages;
        match self.decided.replace(look.decided.number) {
            // Our first glance: what was loaded before it may be decided.
            None => self.lanes.hasten_dead(now),
            Some(_) => metrics::decisions(decisions.len()),
        }
        for (seq, key) in &decisions {
            self.lanes
                .decided(&LaneId::of(key.as_deref(), *seq), *seq, now);
        }
        if decisions.len() >= usize::try_from(DECISIONS).unwrap_or(usize::MAX) {
            self.next.look = now;
        }
    }

    fn counted_kinds(&mut self, kinds: &[KindStats]) {
        let present: HashSet<String> = kinds.iter().map(|stats| stats.kind.clone()).collect();
        let left = self.counted_kinds.difference(&present);
        metrics::kinds(kinds, left.map(String::as_str));
        self.counted_kinds = present;
    }

    pub(super) fn released(&mut self, leases: &Leases, released: bool) {
        if released {
            // Ours again, if nobody else is to have them.
            self.next.tick = Instant::now();
        }
        for lease in &leases.held {
            if released {
                self.territory.remove(lease.partition);
            } else {
                self.territory
                    .set_stage(&[lease.partition], Stage::Draining);
            }
        }
        self.publish_territory();
    }

    /// Tells appends of this process where messages without a key go fastest.
    pub(super) fn publish_territory(&self) {
        let active = self.territory.in_stage(Stage::Active);
        metrics::owned_partitions(active.len());
        self.local.set_owned(active);
    }

    pub(super) fn was_read(&mut self, asked: &jobs::Asked, rows: Vec<Row>) {
        let found = rows.len();
        self.poll = match found {
            0 => (self.poll * 2).min(self.config.poll_max),
            _ => self.config.poll_min,
        };
        self.next.poll = Instant::now() + self.poll;
        let leases = asked.leases.held.iter();
        let leases: HashMap<i32, Lease> = leases.map(|lease| (lease.partition, *lease)).collect();
        let mut per_partition: HashMap<i32, u32> = HashMap::new();
        for row in rows {
            *per_partition.entry(row.partition).or_default() += 1;
            // Given up or lost while the read was under way, it belongs to others.
            let lease = leases.get(&row.partition);
            if lease.is_some_and(|lease| self.territory.is_active(*lease)) {
                self.lanes.add(message(row));
            }
        }
        let count = |many: usize| u32::try_from(many).unwrap_or(u32::MAX);
        let brought = Brought {
            messages: count(found),
            partitions: count(per_partition.len()),
            widest: per_partition.values().copied().max().unwrap_or(0),
            full: count(found) >= asked.limit,
        };
        if self.slice.learn(asked.per_partition, brought) || brought.full {
            self.nudged = true;
        }
    }
}

/// How much slower than the work itself counting comes back.
const COUNT_SHARE: u32 = 50;

/// When what began at `began` and ended now may begin again.
fn rested(began: Instant, interval: Duration) -> Instant {
    let took = began.elapsed();
    began + interval.max(took.saturating_mul(COUNT_SHARE))
}

/// Counting much takes long, and nothing depends on it: that is no outage.
fn counted<T>(doing: &'static str, result: Result<T, DbError>) -> Result<Option<T>, RelayError> {
    match result {
        Ok(counted) => Ok(Some(counted)),
        Err(error) if error.class() == ErrorClass::Retry => {
            debug!(%error, "the relay could not {doing}");
            Ok(None)
        }
        Err(source) => Err(RelayError::Store { doing, source }),
    }
}
