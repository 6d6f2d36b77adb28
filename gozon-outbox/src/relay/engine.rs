//! The relay's one loop. All state lives here, without locks: jobs run beside
//! it and report back, and after each report the loop starts what can start.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use gozon_core::Publisher;
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::RelayError;
use super::backoff::Breakers;
use super::jobs::{self, Done, Held};
use super::lanes::{LaneId, Lanes, Ticket};
use super::slice::Slice;
use super::territory::{Stage, Territory};
use crate::config::OutboxConfig;
use crate::local::Local;
use crate::metrics;
use crate::store::{KeptFrom, MemberId, OutboxStore};

/// How often at least an event type that does not get through is tested.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// How long the last two writes of a stopping relay may take, each.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(3);

pub(super) struct Engine {
    pub(super) store: Arc<dyn OutboxStore>,
    pub(super) publisher: Arc<dyn Publisher>,
    pub(super) config: Arc<OutboxConfig>,
    pub(super) local: Arc<Local>,
    pub(super) jobs: JoinSet<Done>,
    pub(super) lanes: Lanes,
    pub(super) slice: Slice,
    pub(super) territory: Territory,
    pub(super) breakers: Breakers,
    pub(super) batches: HashMap<Id, Flight>,
    pub(super) running: Running,
    /// Partitions whose held keys are being loaded, page by page.
    pub(super) loading: Vec<KeptFrom>,
    /// Partitions whose held keys are being recalled, page by page.
    pub(super) recalling: Vec<KeptFrom>,
    /// The last decision about a dead letter that was seen.
    pub(super) decided: Option<i64>,
    /// Event types that the gauges speak of.
    pub(super) counted_kinds: HashSet<String>,
    /// Which of the books is served next.
    pub(super) turn: usize,
    pub(super) todo: Todo,
    pub(super) next: Timers,
    pub(super) nudged: bool,
    pub(super) poll: Duration,
    pub(super) store_failures: u32,
    /// Ends when everything must have ended.
    pub(super) stopping: Option<Instant>,
}

/// A batch that is being published.
pub(super) struct Flight {
    pub(super) tickets: Vec<Ticket>,
    /// The type that it tests.
    pub(super) test: Option<String>,
}

/// Which jobs are running; one of each at a time.
#[derive(Default)]
pub(super) struct Running {
    pub(super) tick: bool,
    pub(super) look: bool,
    pub(super) read: bool,
    pub(super) delete: bool,
    /// Holds, releases of keys, loads and sweeps wait for each other, so that
    /// none of them can overtake another of the same key.
    pub(super) books: bool,
    pub(super) fetch: bool,
    pub(super) release: bool,
    pub(super) promote: bool,
    pub(super) count: bool,
    pub(super) count_kinds: bool,
    pub(super) trim: bool,
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
    pub(super) tick: Instant,
    pub(super) look: Instant,
    pub(super) poll: Instant,
    pub(super) delete: Instant,
    pub(super) sweep: Instant,
    pub(super) promote: Instant,
    pub(super) count: Instant,
    pub(super) count_kinds: Instant,
    pub(super) trim: Instant,
    pub(super) recall: Instant,
    pub(super) recall_began: Instant,
    /// When the running counts began: how long they take sets how often they run.
    pub(super) count_began: Instant,
    pub(super) count_kinds_began: Instant,
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
            lanes: Lanes::new(config.read_per_key, config.max_held),
            slice: Slice::new(config.read_per_partition),
            territory: Territory::new(MemberId::generate()),
            breakers: Breakers::new(config.retry_min, config.retry_max.min(PROBE_EVERY)),
            poll: config.poll_min,
            store,
            publisher,
            config,
            local,
            jobs: JoinSet::new(),
            batches: HashMap::new(),
            running: Running::default(),
            loading: Vec::new(),
            recalling: Vec::new(),
            decided: None,
            counted_kinds: HashSet::new(),
            turn: 0,
            todo: Todo::default(),
            next: Timers {
                tick: now,
                look: now,
                poll: now,
                delete: now,
                sweep: now,
                promote: now,
                count: now,
                count_kinds: now,
                trim: now,
                recall: now,
                recall_began: now,
                count_began: now,
                count_kinds_began: now,
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
    pub(super) fn stop(&mut self) {
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

    pub(super) fn give_up(&mut self, partitions: &[i32]) {
        self.territory.set_stage(partitions, Stage::Draining);
        for partition in partitions {
            self.lanes.leave(*partition);
        }
        self.publish_territory();
    }

    pub(super) fn drained(&self, now: Instant) -> bool {
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
            // It may be taking leases, which would outlive us.
            && !self.running.tick
    }

    async fn leave(mut self) {
        self.jobs.shutdown().await;
        self.local.set_owned(Vec::new());
        metrics::owned_partitions(0);
        let limit = LEAVE_TIMEOUT;
        // Confirmed is confirmed; what is not deleted now is repeated later.
        let seqs: Vec<i64> = self.todo.deletes.iter().map(|(_, seq)| *seq).collect();
        if !seqs.is_empty()
            && let Err(error) = jobs::bounded(
                limit,
                jobs::finish(self.store.as_ref(), &self.config, &seqs),
            )
            .await
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
    pub(super) fn advance(&mut self, now: Instant) {
        for (kind, tokens) in self.breakers.probe(now) {
            self.lanes.hasten(&kind, tokens, now);
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
        if self.local.take_decided() {
            self.next.look = now;
        }
        if !self.running.look && now >= self.next.look {
            self.start_look(now);
        }
        if self.can_read(now) && (self.nudged || now >= self.next.poll) {
            self.start_read(now);
        }
        if self.can_fetch() && self.lanes.next_due().is_some_and(|due| due <= now) {
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
        if !self.running.count_kinds && now >= self.next.count_kinds {
            self.start_count_kinds(now);
        }
        if !self.running.trim && now >= self.next.trim {
            self.start_trim(now);
        }
    }

    /// When there may be something to start although no job reports.
    pub(super) fn next_wake(&self, now: Instant) -> Instant {
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
        consider(self.next.look, live && !self.running.look);
        consider(self.next.poll, live && self.can_read(now));
        consider(self.next.sweep, live && books);
        consider(self.next.promote, live && !self.running.promote);
        consider(self.next.count, live && !self.running.count);
        consider(self.next.count_kinds, live && !self.running.count_kinds);
        consider(self.next.trim, live && !self.running.trim);
        // Work that a store outage put off.
        let pending = !self.todo.holds.is_empty() || !self.todo.releases.is_empty();
        consider(now, books && pending && now < self.next.store);
        if let Some(due) = self.lanes.next_due() {
            consider(due, live && self.can_fetch());
        }
        if let Some(probe) = self.breakers.next_probe() {
            wake = wake.min(probe);
        }
        self.stopping.map_or(wake, |deadline| wake.min(deadline))
    }

    pub(super) fn can_read(&self, now: Instant) -> bool {
        !self.running.read
            && self.room() >= self.worth_a_read()
            && self.lanes.bytes() < self.config.max_buffered_bytes
            && !self.territory.readable(now).held.is_empty()
    }

    /// Room that is worth a read. Each walks past all that is in memory already, so
    /// a relay that is behind takes few large ones; one that is not has the room.
    fn worth_a_read(&self) -> usize {
        let limit = usize::try_from(self.config.read_limit).unwrap_or(usize::MAX);
        limit.min(self.config.max_buffered / 4).max(1)
    }

    /// Messages that may still be taken into memory.
    pub(super) fn room(&self) -> usize {
        self.config.max_buffered.saturating_sub(self.lanes.load())
    }

    fn can_fetch(&self) -> bool {
        !self.running.fetch && self.lanes.bytes() < self.config.max_buffered_bytes
    }

    /// A delete waits a moment for company, unless there is enough of it.
    pub(super) fn delete_at(&self) -> Instant {
        match self.stopping.is_some() || self.todo.deletes.len() >= self.config.max_batch {
            true => self.next.store,
            false => self.next.delete,
        }
    }

    pub(super) fn store_timeout(&self) -> Duration {
        self.config.term.max(Duration::from_secs(5))
    }
}
