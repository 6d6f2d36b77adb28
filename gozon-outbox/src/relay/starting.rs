//! How each job of the relay starts.

use std::sync::Arc;
use std::time::Duration;

use gozon_core::{Clock, Outcome, SystemClock, failpoint};
use tokio::time::{Instant, timeout};

use super::backoff::Admission;
use super::engine::{Engine, Flight};
use super::jobs::{self, Asked, Done};
use super::lanes::{Message, Verdict};
use super::territory::Stage;
use crate::metrics;
use crate::store::{KeptFrom, Read};

/// Held messages that one statement fetches, and deletes that one statement makes.
const FETCH: usize = 64;
const DELETE: usize = 1_024;
/// The shortest time after which a heartbeat is given up.
const TICK_TIMEOUT: Duration = Duration::from_secs(2);
/// How often at least leases are looked for that nobody holds.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Decisions about dead letters that one glance takes in.
pub(super) const DECISIONS: u32 = 1_000;
/// Held keys of one partition that one statement loads.
pub(super) const KEPT_PAGE: u32 = 500;
/// How often the archive is trimmed; and the pause between two bites.
const TRIM_EVERY: Duration = Duration::from_secs(60);
pub(super) const TRIM_PAUSE: Duration = Duration::from_millis(100);
/// A smaller batch is not worth a round trip of its own.
const SMALL_BATCH: usize = 16;

impl Engine {
    /// Publishes what may be published, in as many batches as are allowed.
    pub(super) fn dispatch(&mut self, now: Instant) {
        if self.stopping.is_some() {
            return;
        }
        while self.batches.len() < self.config.max_batches {
            let room = self
                .config
                .max_in_flight
                .saturating_sub(self.lanes.in_flight());
            let free = self.config.max_batches - self.batches.len();
            // Spread what is ready over the free batches: a batch is answered
            // as a whole, and a slow message should delay few others.
            let even = self.lanes.ready().div_ceil(free).max(SMALL_BATCH);
            let size = even.min(self.config.max_batch).min(room);
            let (territory, breakers) = (&self.territory, &self.breakers);
            let again = now + self.config.retry_max;
            let taken = self.lanes.take_batch(size, again, |ticket| {
                if !territory.may_publish(ticket.partition, now) {
                    return Verdict::Wait;
                }
                match breakers.admit(&ticket.kind) {
                    Admission::Free => Verdict::Go,
                    Admission::Test(messages) => Verdict::Test(messages),
                    Admission::Denied => Verdict::Park,
                }
            });
            for ticket in &taken.parked {
                self.parked(ticket, now);
            }
            if taken.batch.is_empty() {
                return;
            }
            self.start_publish(taken.batch, taken.test);
        }
    }

    fn start_publish(&mut self, batch: Vec<Message>, test: Option<String>) {
        let mut tickets = Vec::with_capacity(batch.len());
        let mut envelopes = Vec::with_capacity(batch.len());
        for message in batch {
            match message.envelope {
                Ok(envelope) => {
                    tickets.push(message.ticket);
                    envelopes.push(envelope);
                }
                Err(reason) => self.unreadable(&message.ticket, reason),
            }
        }
        if envelopes.is_empty() {
            return;
        }
        let publisher = Arc::clone(&self.publisher);
        let limit = self.config.publish_timeout;
        let job = self.jobs.spawn(async move {
            // The row is deleted by the confirm, and only what travels is left.
            let now = SystemClock.now();
            for envelope in &mut envelopes {
                envelope.published_at = Some(now);
            }
            let answer = timeout(limit, publisher.publish(&envelopes)).await;
            Done::Published(answer.unwrap_or_else(|_| {
                let reason = format!("no answer within {limit:?}");
                vec![Outcome::Unknown { reason }; envelopes.len()]
            }))
        });
        if let Some(kind) = &test {
            self.breakers.test(kind);
        }
        self.batches.insert(job.id(), Flight { tickets, test });
    }

    pub(super) fn start_tick(&mut self, now: Instant) {
        self.running.tick = true;
        self.next.tick = now + self.config.term / 3;
        let store = Arc::clone(&self.store);
        let (member, partitions) = (self.territory.member(), self.local.partitions());
        // A silent connection must not cost the lease: there is time for another.
        let limit = self
            .store_timeout()
            .min((self.config.term / 2).max(TICK_TIMEOUT));
        let term = self.config.term;
        let alone = self.config.sole_process;
        let local = Arc::clone(&self.local);
        let stopping = self.stopping.is_some();
        self.jobs.spawn(async move {
            let ticked = async {
                if stopping {
                    // Renew only: a relay that leaves takes nothing more.
                    let asked = Instant::now();
                    let leases = store.renew(member, term).await?;
                    let target = u32::MAX;
                    return Ok(jobs::Tick {
                        asked,
                        leases,
                        target,
                    });
                }
                let (partitions, tick) =
                    jobs::tick(store.as_ref(), member, partitions, term, alone).await?;
                local.set_partitions(partitions);
                Ok(tick)
            };
            Done::Ticked(jobs::bounded(limit, ticked).await)
        });
    }

    /// Between two heartbeats a glance whether somebody's leases have ended, and
    /// whether somebody decided about dead letters.
    pub(super) fn start_look(&mut self, now: Instant) {
        self.next.look = now + LOOK_EVERY.min(self.config.term / 10);
        self.running.look = true;
        let (store, bound) = (Arc::clone(&self.store), self.store_timeout());
        // Whoever is alone takes everything at its heartbeat; during a heartbeat
        // the answer would be old.
        let ask_for_free = !self.config.sole_process && !self.running.tick;
        let after = self.decided;
        self.jobs.spawn(async move {
            let look = async {
                let free = match ask_for_free {
                    true => store.free().await?,
                    false => 0,
                };
                let decided = store.decided(after, DECISIONS).await?;
                Ok(jobs::Look { free, decided })
            };
            Done::Looked(jobs::bounded(bound, look).await)
        });
    }

    pub(super) fn start_read(&mut self, now: Instant) {
        self.running.read = true;
        self.nudged = false;
        self.lanes.begin_read();
        let room = self.room();
        let bytes = self.config.max_buffered_bytes;
        let bytes = bytes.saturating_sub(self.lanes.bytes());
        let limit = self
            .config
            .read_limit
            .min(u32::try_from(room).unwrap_or(u32::MAX))
            .max(1);
        let per_partition = self.slice.get();
        let read = Read {
            leases: self.territory.readable(now),
            skip_keys: self.lanes.skip_keys(),
            skip_seqs: self.lanes.skip_seqs(),
            per_partition,
            per_key: self.config.read_per_key,
            limit,
            bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
        };
        let (store, bound) = (Arc::clone(&self.store), self.store_timeout());
        self.jobs.spawn(async move {
            let rows = jobs::bounded(bound, store.read(&read)).await;
            if rows.as_ref().is_ok_and(|rows| !rows.is_empty()) {
                failpoint!("outbox.read");
            }
            let asked = Asked {
                limit,
                per_partition,
                leases: read.leases,
            };
            Done::Read(asked, rows)
        });
    }

    pub(super) fn start_delete(&mut self) {
        self.running.delete = true;
        let count = self.todo.deletes.len().min(DELETE);
        let deletes: Vec<_> = self.todo.deletes.drain(..count).collect();
        let seqs: Vec<i64> = deletes.iter().map(|(_, seq)| *seq).collect();
        let (store, bound) = (Arc::clone(&self.store), self.store_timeout());
        let config = Arc::clone(&self.config);
        self.jobs.spawn(async move {
            failpoint!("outbox.confirmed");
            let finished = jobs::finish(store.as_ref(), &config, &seqs);
            let result = jobs::bounded(bound, finished).await;
            failpoint!("outbox.deleted");
            Done::Deleted(deletes, result)
        });
    }

    /// Starts the next of the books, each in its turn: failures that never
    /// cease must not keep a key held or a new partition closed.
    pub(super) fn start_books(&mut self, now: Instant) {
        for _ in 0..5 {
            self.turn = (self.turn + 1) % 5;
            self.running.books = match self.turn {
                0 => self.start_hold(),
                1 => self.start_unhold(),
                2 => self.start_load(),
                3 => self.stopping.is_none() && self.start_recall(now),
                _ => self.start_sweep(now),
            };
            if self.running.books {
                return;
            }
        }
    }

    fn start_hold(&mut self) -> bool {
        if self.todo.holds.is_empty() {
            return false;
        }
        let (store, bound) = (Arc::clone(&self.store), self.store_timeout());
        let leases = self.territory.writable();
        let holds = std::mem::take(&mut self.todo.holds);
        let failures: Vec<_> = holds.iter().map(|held| held.failure.clone()).collect();
        self.jobs.spawn(async move {
            let result = jobs::bounded(bound, store.hold(&leases, &failures)).await;
            Done::Held(holds, leases, result)
        });
        true
    }

    fn start_unhold(&mut self) -> bool {
        if self.todo.releases.is_empty() {
            return false;
        }
        let (store, bound) = (Arc::clone(&self.store), self.store_timeout());
        let leases = self.territory.writable();
        let keys = std::mem::take(&mut self.todo.releases);
        let names: Vec<String> = keys.iter().map(ToString::to_string).collect();
        self.jobs.spawn(async move {
            let result = jobs::bounded(bound, store.unhold(&leases, &names)).await;
            Done::Unheld(keys, result)
        });
        true
    }

    fn start_load(&mut self) -> bool {
        if self.stopping.is_some() {
            return false;
        }
        if self.loading.is_empty() {
            let Some(partitions) = self.loadable() else {
                return false;
            };
            self.territory.set_stage(&partitions, Stage::Loading);
            let from = partitions.into_iter().map(|partition| KeptFrom {
                partition,
                after: None,
            });
            self.loading = from.collect();
        }
        let (store, bound) = (Arc::clone(&self.store), self.store_timeout());
        let from = std::mem::take(&mut self.loading);
        self.jobs.spawn(async move {
            let kept = jobs::bounded(bound, store.kept(&from, KEPT_PAGE)).await;
            Done::Loaded(from, kept)
        });
        true
    }

    /// New partitions of which nothing is in memory: what an earlier epoch
    /// left behind must be gone before the held keys of this one are loaded.
    pub(super) fn loadable(&self) -> Option<Vec<i32>> {
        if self.stopping.is_some() {
            return None;
        }
        let mut new = self.territory.in_stage(Stage::New);
        new.retain(|partition| self.lanes.is_clear(*partition));
        (!new.is_empty()).then_some(new)
    }

    pub(super) fn start_fetch(&mut self, now: Instant) {
        let (breakers, again) = (&self.breakers, now + self.config.retry_max);
        let due = self
            .lanes
            .take_due(now, FETCH, again, |kind| breakers.may_try(kind));
        if due.is_empty() {
            return;
        }
        self.running.fetch = true;
        let seqs: Vec<i64> = due.iter().map(|(_, seq)| *seq).collect();
        let (store, bound) = (Arc::clone(&self.store), self.store_timeout());
        self.jobs.spawn(async move {
            Done::Fetched(due, jobs::bounded(bound, store.fetch(&seqs)).await)
        });
    }

    /// Gives back the leases of partitions that are drained.
    pub(super) fn start_release(&mut self) {
        let mut drained = self.territory.in_stage(Stage::Draining);
        drained.retain(|partition| self.lanes.is_clear(*partition));
        if drained.is_empty() {
            return;
        }
        self.running.release = true;
        let leases = self.territory.of(&drained);
        self.territory.set_stage(&drained, Stage::Releasing);
        let (store, bound) = (Arc::clone(&self.store), self.store_timeout());
        self.jobs.spawn(async move {
            let result = jobs::bounded(bound, store.release(&leases)).await;
            Done::Released(leases, result)
        });
    }

    pub(super) fn start_promote(&mut self, now: Instant) {
        self.next.promote = now + self.config.delay_poll;
        let leases = self.territory.readable(now);
        if leases.held.is_empty() {
            return;
        }
        self.running.promote = true;
        let (store, bound) = (Arc::clone(&self.store), self.store_timeout());
        let max = self.config.read_limit;
        self.jobs.spawn(async move {
            Done::Promoted(jobs::bounded(bound, store.promote(&leases, max)).await)
        });
    }

    pub(super) fn start_count(&mut self, now: Instant) {
        self.running.count = true;
        self.next.count_began = now;
        let (store, bound) = (Arc::clone(&self.store), self.store_timeout());
        self.jobs
            .spawn(async move { Done::Counted(jobs::bounded(bound, store.stats()).await) });
    }

    /// One relay counts for all: it reads the whole table.
    pub(super) fn start_count_kinds(&mut self, now: Instant) {
        self.next.count_kinds = now + LOOK_EVERY;
        if self.config.kinds_interval == Duration::MAX || !self.territory.owns(0) {
            metrics::kinds(&[], self.counted_kinds.iter().map(String::as_str));
            self.counted_kinds.clear();
            return;
        }
        self.running.count_kinds = true;
        self.next.count_kinds_began = now;
        let (store, bound) = (Arc::clone(&self.store), self.store_timeout());
        self.jobs
            .spawn(async move { Done::CountedKinds(jobs::bounded(bound, store.kinds()).await) });
    }

    /// One relay trims for all, a bite at a time.
    pub(super) fn start_trim(&mut self, now: Instant) {
        self.next.trim = now + LOOK_EVERY;
        let age = self.config.archive_retention;
        if !self.config.archive || age == Duration::MAX || !self.territory.owns(0) {
            return;
        }
        self.next.trim = now + TRIM_EVERY;
        self.running.trim = true;
        let (store, bound) = (Arc::clone(&self.store), self.store_timeout());
        let bite = self.config.archive_bite;
        self.jobs
            .spawn(async move { Done::Trimmed(jobs::bounded(bound, store.trim(age, bite)).await) });
    }
}
