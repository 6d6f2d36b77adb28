//! The relay's one loop. All state lives here, without locks: jobs run beside
//! it and report back, and after each report the loop starts what can start.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use gozon_core::{ErrorClass, Outcome, Publisher, failpoint};
use gozon_sqlx::DbError;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::RelayError;
use super::backoff::{Breakers, pause};
use super::jobs::{self, Done, Held};
use super::lanes::{LaneId, Lanes, Message, Ticket, Verdict};
use super::territory::{Stage, Territory};
use crate::config::OutboxConfig;
use crate::local::Local;
use crate::metrics;
use crate::store::{Leases, MemberId, OutboxStore, Read};

/// Held messages that one statement fetches, and deletes that one statement makes.
const FETCH: usize = 256;
const DELETE: usize = 1_024;
/// How often the rows of held keys are taken out of the ready set.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// How often at least an event type that does not get through is tested.
const PROBE_EVERY: Duration = Duration::from_secs(1);
/// A smaller batch is not worth a round trip of its own.
const SMALL_BATCH: usize = 16;

pub(super) struct Engine {
    pub(super) store: Arc<dyn OutboxStore>,
    publisher: Arc<dyn Publisher>,
    pub(super) config: Arc<OutboxConfig>,
    local: Arc<Local>,
    jobs: JoinSet<Done>,
    pub(super) lanes: Lanes,
    pub(super) territory: Territory,
    pub(super) breakers: Breakers,
    partitions: Option<u32>,
    batches: HashMap<Id, Vec<Ticket>>,
    pub(super) running: Running,
    pub(super) todo: Todo,
    pub(super) next: Timers,
    nudged: bool,
    poll: Duration,
    store_failures: u32,
    /// Ends when everything must have ended.
    stopping: Option<Instant>,
}

/// Which jobs are running; one of each at a time.
#[derive(Default)]
pub(super) struct Running {
    tick: bool,
    read: bool,
    delete: bool,
    /// Holds, releases of keys, loads and sweeps wait for each other, so that
    /// none of them can overtake another of the same key.
    books: bool,
    fetch: bool,
    release: bool,
    promote: bool,
    count: bool,
}

/// What waits for its job.
#[derive(Default)]
pub(super) struct Todo {
    pub(super) deletes: Vec<(LaneId, i64)>,
    pub(super) holds: Vec<Held>,
    pub(super) releases: Vec<Arc<str>>,
}

/// When each job is next due.
pub(super) struct Timers {
    tick: Instant,
    poll: Instant,
    pub(super) delete: Instant,
    sweep: Instant,
    promote: Instant,
    count: Instant,
    /// No database call before this.
    pub(super) store: Instant,
}

impl Engine {
    pub(super) fn new(
        store: Arc<dyn OutboxStore>,
        publisher: Arc<dyn Publisher>,
        config: Arc<OutboxConfig>,
        local: Arc<Local>,
    ) -> Self {
        let now = Instant::now();
        Self {
            lanes: Lanes::new(config.read_per_key),
            territory: Territory::new(MemberId::generate()),
            breakers: Breakers::new(config.retry_min, config.retry_max.min(PROBE_EVERY)),
            partitions: local.partitions(),
            poll: config.poll_min,
            store,
            publisher,
            config,
            local,
            jobs: JoinSet::new(),
            batches: HashMap::new(),
            running: Running::default(),
            todo: Todo::default(),
            next: Timers {
                tick: now,
                poll: now,
                delete: now,
                sweep: now,
                promote: now,
                count: now,
                store: now,
            },
            nudged: false,
            store_failures: 0,
            stopping: None,
        }
    }

    pub(super) async fn run(mut self, shutdown: CancellationToken) -> Result<(), RelayError> {
        let local = Arc::clone(&self.local);
        info!(member = %self.territory.member().0, "relay started");
        let result = loop {
            let now = Instant::now();
            self.advance(now);
            if self.drained(now) {
                break Ok(());
            }
            let wake = self.next_wake(now);
            tokio::select! {
                Some(done) = self.jobs.join_next_with_id() => {
                    if let Err(error) = self.finish(done) {
                        break Err(error);
                    }
                }
                () = local.nudge().woken() => self.nudged = true,
                () = sleep_until(wake) => {}
                () = shutdown.cancelled(), if self.stopping.is_none() => self.stop(),
            }
        };
        self.leave().await;
        result
    }

    /// Gives up everything that is not under way.
    fn stop(&mut self) {
        self.stopping = Some(Instant::now() + self.config.drain_timeout);
        let all: Vec<i32> = self
            .territory
            .all()
            .held
            .iter()
            .map(|lease| lease.partition)
            .collect();
        self.give_up(&all);
        info!(in_flight = self.lanes.in_flight(), "relay draining");
    }

    fn give_up(&mut self, partitions: &[i32]) {
        self.territory.set_stage(partitions, Stage::Draining);
        for partition in partitions {
            self.lanes.leave(*partition);
        }
        self.publish_territory();
    }

    fn drained(&self, now: Instant) -> bool {
        let Some(deadline) = self.stopping else {
            return false;
        };
        if now >= deadline {
            warn!(
                in_flight = self.lanes.in_flight(),
                "relay stops before everything in flight had its answer; it will be repeated"
            );
            return true;
        }
        let idle = self.todo.deletes.is_empty()
            && self.todo.holds.is_empty()
            && self.todo.releases.is_empty();
        self.lanes.is_empty()
            && idle
            && self.batches.is_empty()
            && !self.running.delete
            && !self.running.books
    }

    async fn leave(mut self) {
        self.jobs.shutdown().await;
        self.local.set_owned(Vec::new());
        metrics::owned_partitions(0);
        let limit = self.store_timeout();
        // Confirmed is confirmed; what is not deleted now is repeated later.
        let seqs: Vec<i64> = self.todo.deletes.iter().map(|(_, seq)| *seq).collect();
        if !seqs.is_empty()
            && let Err(error) = jobs::bounded(limit, self.store.delete(&seqs)).await
        {
            warn!(%error, "confirmed messages could not be deleted and will be repeated");
        }
        let member = self.territory.member();
        match jobs::bounded(limit, self.store.leave(member)).await {
            Ok(()) => {
                metrics::lease_changes("released", self.territory.all().held.len());
                info!(member = %member.0, "relay stopped");
            }
            Err(error) => warn!(%error, "the relay's leases could not be released; they will end"),
        }
    }

    /// Starts everything that can start now.
    fn advance(&mut self, now: Instant) {
        for (kind, tokens) in self.breakers.probe(now) {
            self.lanes.unpark(&kind, tokens);
        }
        self.dispatch(now);
        if now < self.next.store {
            return;
        }
        if !self.running.tick && now >= self.next.tick {
            self.start_tick(now);
        }
        if !self.running.delete && !self.todo.deletes.is_empty() && now >= self.delete_at() {
            self.start_delete();
        }
        if !self.running.books {
            self.start_books(now);
        }
        if self.stopping.is_some() {
            return;
        }
        if self.can_read(now) && (self.nudged || now >= self.next.poll) {
            self.start_read(now);
        }
        if !self.running.fetch && self.lanes.next_due().is_some_and(|due| due <= now) {
            self.start_fetch(now);
        }
        if !self.running.release {
            self.start_release();
        }
        if !self.running.promote && now >= self.next.promote {
            self.start_promote(now);
        }
        if !self.running.count && now >= self.next.count {
            self.start_count(now);
        }
    }

    /// When there may be something to start although no job reports.
    fn next_wake(&self, now: Instant) -> Instant {
        let mut wake = now + Duration::from_secs(1);
        let mut consider = |due: Instant, possible: bool| {
            if possible {
                wake = wake.min(due.max(self.next.store));
            }
        };
        let live = self.stopping.is_none();
        let books = !self.running.books;
        consider(self.next.tick, !self.running.tick);
        consider(
            self.delete_at(),
            !self.running.delete && !self.todo.deletes.is_empty(),
        );
        consider(self.next.poll, live && self.can_read(now));
        consider(self.next.sweep, live && books);
        consider(self.next.promote, live && !self.running.promote);
        consider(self.next.count, live && !self.running.count);
        // Work that a store outage put off.
        let pending = !self.todo.holds.is_empty() || !self.todo.releases.is_empty();
        consider(now, books && pending && now < self.next.store);
        if let Some(due) = self.lanes.next_due() {
            consider(due, live && !self.running.fetch);
        }
        if let Some(probe) = self.breakers.next_probe() {
            wake = wake.min(probe);
        }
        self.stopping.map_or(wake, |deadline| wake.min(deadline))
    }

    fn can_read(&self, now: Instant) -> bool {
        !self.running.read
            && self.lanes.load() < self.config.max_buffered
            && !self.territory.readable(now).held.is_empty()
    }

    /// A delete waits a moment for company, unless there is enough of it.
    fn delete_at(&self) -> Instant {
        match self.stopping.is_some() || self.todo.deletes.len() >= self.config.max_batch {
            true => self.next.store,
            false => self.next.delete,
        }
    }

    /// Publishes what may be published, in as many batches as are allowed.
    fn dispatch(&mut self, now: Instant) {
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

    fn start_publish(&mut self, batch: Vec<Message>) {
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

    fn start_tick(&mut self, now: Instant) {
        self.running.tick = true;
        self.next.tick = now + self.config.term / 3;
        let store = Arc::clone(&self.store);
        let (member, partitions) = (self.territory.member(), self.partitions);
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

    fn start_read(&mut self, now: Instant) {
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

    fn start_delete(&mut self) {
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
    fn start_books(&mut self, now: Instant) {
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
    fn loadable(&self) -> Option<Vec<i32>> {
        if self.stopping.is_some() {
            return None;
        }
        let mut new = self.territory.in_stage(Stage::New);
        new.retain(|partition| self.lanes.is_clear(*partition));
        (!new.is_empty()).then_some(new)
    }

    fn start_fetch(&mut self, now: Instant) {
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
    fn start_release(&mut self) {
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

    fn start_promote(&mut self, now: Instant) {
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

    fn start_count(&mut self, now: Instant) {
        self.running.count = true;
        self.next.count = now + self.config.stats_interval;
        let (store, bound) = (Arc::clone(&self.store), self.store_timeout());
        self.jobs
            .spawn(async move { Done::Counted(jobs::bounded(bound, store.stats()).await) });
    }

    fn finish(&mut self, done: Result<(Id, Done), JoinError>) -> Result<(), RelayError> {
        let (id, done) = match done {
            Ok(done) => done,
            // A publisher that panics leaves its batch unknown, like a lost
            // connection; everything else here is our own.
            Err(lost) => match self.batches.remove(&lost.id()) {
                Some(tickets) => {
                    let reason = format!("the publisher failed: {lost}");
                    let unknown = vec![Outcome::Unknown { reason }; tickets.len()];
                    self.published(&tickets, unknown);
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
            Done::Read(limit, result) => {
                self.running.read = false;
                match self.answer("read the outbox", result)? {
                    Some(rows) => self.was_read(limit, rows),
                    None => self.nudged = true,
                }
            }
            Done::Published(outcomes) => {
                if let Some(tickets) = self.batches.remove(&id) {
                    self.published(&tickets, outcomes);
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
            Done::Loaded(partitions, result) => {
                self.running.books = false;
                match self.answer("load held keys", result)? {
                    Some(kept) => self.loaded(&partitions, &kept),
                    None => self.unload(&partitions),
                }
            }
            Done::Swept(result) => {
                self.running.books = false;
                self.answer("sweep held keys", result)?;
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
                if self.answer("make delayed messages ready", result)? > Some(0) {
                    self.nudged = true;
                }
            }
            Done::Counted(result) => {
                self.running.count = false;
                if let Some(stats) = self.answer("count the outbox", result)? {
                    metrics::stats(&stats);
                }
            }
        }
        Ok(())
    }

    /// Sorts the answers of the database: `None` is an outage, which is waited
    /// out; an error is what no repeat cures.
    fn answer<T>(
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

    fn ticked(&mut self, tick: &jobs::Tick) {
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

    fn loaded(&mut self, partitions: &[i32], kept: &[crate::store::Kept]) {
        let now = Instant::now();
        // Given up or lost while they were being loaded: not ours to hold.
        let mut ours = self.territory.in_stage(Stage::Loading);
        ours.retain(|partition| partitions.contains(partition));
        for kept in kept.iter().filter(|kept| ours.contains(&kept.partition)) {
            self.lanes.restore(kept, now);
        }
        self.territory.set_stage(&ours, Stage::Active);
        self.nudged = true;
        self.publish_territory();
    }

    fn unload(&mut self, partitions: &[i32]) {
        let mut ours = self.territory.in_stage(Stage::Loading);
        ours.retain(|partition| partitions.contains(partition));
        self.territory.set_stage(&ours, Stage::New);
    }

    fn released(&mut self, leases: &Leases, released: bool) {
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

    fn was_read(&mut self, limit: u32, rows: Vec<crate::store::Row>) {
        let found = rows.len();
        self.poll = match found {
            0 => (self.poll * 2).min(self.config.poll_max),
            _ => self.config.poll_min,
        };
        self.next.poll = Instant::now() + self.poll;
        let mut per_partition: HashMap<i32, u32> = HashMap::new();
        for row in rows {
            *per_partition.entry(row.partition).or_default() += 1;
            self.take_in(row);
        }
        let capped = per_partition
            .values()
            .any(|count| *count >= self.config.read_per_partition);
        if capped || found >= usize::try_from(limit).unwrap_or(usize::MAX) {
            self.nudged = true;
        }
    }

    pub(super) fn read_soon(&mut self) {
        self.nudged = true;
    }

    fn store_timeout(&self) -> Duration {
        self.config.term.max(Duration::from_secs(5))
    }
}
