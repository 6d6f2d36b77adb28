//! How each job of the relay starts.

use std::sync::Arc;
use std::time::Duration;

use gozon_core::{Outcome, failpoint};
use tokio::time::{Instant, timeout};

use super::engine::Engine;
use super::jobs::{self, Done};
use super::lanes::{Message, Verdict};
use super::territory::Stage;
use crate::store::Read;

/// Held messages that one statement fetches, and deletes that one statement makes.
const FETCH: usize = 256;
const DELETE: usize = 1_024;
/// How often the rows of held keys are taken out of the ready set.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
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
            let (territory, breakers) = (&self.territory, &mut self.breakers);
            let batch = self.lanes.take_batch(size, |ticket| {
                if !territory.may_publish(ticket.partition, now) {
                    Verdict::Wait
                } else if breakers.admit(&ticket.kind) {
                    Verdict::Go
                } else {
                    Verdict::Park
                }
            });
            if batch.is_empty() {
                return;
            }
            self.start_publish(batch);
        }
    }

    pub(super) fn start_publish(&mut self, batch: Vec<Message>) {
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
            let answer = timeout(limit, publisher.publish(&envelopes)).await;
            Done::Published(answer.unwrap_or_else(|_| {
                let reason = format!("no answer within {limit:?}");
                vec![Outcome::Unknown { reason }; envelopes.len()]
            }))
        });
        self.batches.insert(job.id(), tickets);
    }

    pub(super) fn start_tick(&mut self, now: Instant) {
        self.running.tick = true;
        self.next.tick = now + self.config.term / 3;
        let store = Arc::clone(&self.store);
        let (member, partitions) = (self.territory.member(), self.local.partitions());
        let (term, limit) = (self.config.term, self.store_timeout());
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

    pub(super) fn start_read(&mut self, now: Instant) {
        self.running.read = true;
        self.nudged = false;
        let room = self.config.max_buffered.saturating_sub(self.lanes.load());
        let limit = self
            .config
            .read_limit
            .min(u32::try_from(room).unwrap_or(u32::MAX))
            .max(1);
        let read = Read {
            leases: self.territory.readable(now),
            skip_keys: self.lanes.skip_keys(),
            skip_seqs: self.lanes.skip_seqs(),
            per_partition: self.config.read_per_partition,
            per_key: self.config.read_per_key,
            limit,
        };
        let (store, bound) = (Arc::clone(&self.store), self.store_timeout());
        self.jobs.spawn(async move {
            let rows = jobs::bounded(bound, store.read(&read)).await;
            if rows.as_ref().is_ok_and(|rows| !rows.is_empty()) {
                failpoint!("outbox.read");
            }
            Done::Read(limit, rows)
        });
    }

    pub(super) fn start_delete(&mut self) {
        self.running.delete = true;
        let count = self.todo.deletes.len().min(DELETE);
        let deletes: Vec<_> = self.todo.deletes.drain(..count).collect();
        let seqs: Vec<i64> = deletes.iter().map(|(_, seq)| *seq).collect();
        let (store, bound) = (Arc::clone(&self.store), self.store_timeout());
        self.jobs.spawn(async move {
            failpoint!("outbox.confirmed");
            let result = jobs::bounded(bound, store.delete(&seqs)).await;
            failpoint!("outbox.deleted");
            Done::Deleted(deletes, result)
        });
    }

    /// Starts the next write about held keys, or the load of a new partition's.
    pub(super) fn start_books(&mut self, now: Instant) {
        let (store, bound) = (Arc::clone(&self.store), self.store_timeout());
        let leases = self.territory.writable();
        if !self.todo.holds.is_empty() {
            let holds = std::mem::take(&mut self.todo.holds);
            let failures: Vec<_> = holds.iter().map(|held| held.failure.clone()).collect();
            self.jobs.spawn(async move {
                let result = jobs::bounded(bound, store.hold(&leases, &failures)).await;
                Done::Held(holds, leases, result)
            });
        } else if !self.todo.releases.is_empty() {
            let keys = std::mem::take(&mut self.todo.releases);
            let names: Vec<String> = keys.iter().map(ToString::to_string).collect();
            self.jobs.spawn(async move {
                Done::Unheld(
                    keys,
                    jobs::bounded(bound, store.unhold(&leases, &names)).await,
                )
            });
        } else if let Some(partitions) = self.loadable() {
            self.territory.set_stage(&partitions, Stage::Loading);
            self.jobs.spawn(async move {
                let kept = jobs::bounded(bound, store.kept(&partitions)).await;
                Done::Loaded(partitions, kept)
            });
        } else if now >= self.next.sweep && self.stopping.is_none() {
            self.next.sweep = now + SWEEP_EVERY;
            let keys = self.lanes.held_keys();
            if keys.is_empty() {
                return;
            }
            self.jobs.spawn(async move {
                Done::Swept(jobs::bounded(bound, store.sweep(&leases, &keys)).await)
            });
        } else {
            return;
        }
        self.running.books = true;
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
        let due = self.lanes.take_due(now, FETCH);
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
        self.next.count = now + self.config.stats_interval;
        let (store, bound) = (Arc::clone(&self.store), self.store_timeout());
        self.jobs
            .spawn(async move { Done::Counted(jobs::bounded(bound, store.stats()).await) });
    }
}
