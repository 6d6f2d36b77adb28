//! What the relay holds in memory: one lane per ordering key (and one per
//! message without a key), each with at most one message unconfirmed.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use gozon_core::Envelope;
use tokio::time::Instant;

use super::lane::{Cause, Hold, Lane, Stage};
use crate::store::Kept;

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum LaneId {
    Key(Arc<str>),
    Single(i64),
}

impl LaneId {
    pub(super) fn of(key: Option<&str>, seq: i64) -> Self {
        key.map_or(Self::Single(seq), |key| Self::Key(key.into()))
    }
}

/// A message on its way: what the engine needs to know when it comes back.
#[derive(Debug, Clone)]
pub(super) struct Ticket {
    pub(super) lane: LaneId,
    pub(super) seq: i64,
    pub(super) partition: i32,
    pub(super) kind: String,
    pub(super) attempts: u32,
}

#[derive(Debug)]
pub(super) struct Message {
    pub(super) ticket: Ticket,
    /// Or why the row does not read as one.
    pub(super) envelope: Result<Envelope, String>,
}

/// Whether a message may be published now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Go,
    /// Its type is not getting through.
    Park,
    /// Its lease is not certain at the moment.
    Wait,
}

#[derive(Debug)]
pub(super) struct Lanes {
    per_key: usize,
    lanes: HashMap<LaneId, Lane>,
    /// Lanes that may publish, oldest first. May name lanes that are gone.
    ready: VecDeque<LaneId>,
    /// Lanes whose event type is not getting through.
    parked: HashMap<String, VecDeque<LaneId>>,
    /// Held lanes by the time of their next attempt.
    due: BTreeSet<(Instant, LaneId)>,
    /// Messages that a read must leave out.
    known: HashSet<i64>,
    waiting: usize,
    in_flight: usize,
    /// A saturated lane has room again.
    hungry: bool,
}

impl Lanes {
    pub(super) fn new(per_key: u32) -> Self {
        Self {
            per_key: usize::try_from(per_key).unwrap_or(usize::MAX),
            lanes: HashMap::new(),
            ready: VecDeque::new(),
            parked: HashMap::new(),
            due: BTreeSet::new(),
            known: HashSet::new(),
            waiting: 0,
            in_flight: 0,
            hungry: false,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Messages in memory that wait or fly.
    pub(super) fn load(&self) -> usize {
        self.waiting + self.in_flight
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(super) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// Whether a lane that had enough wants more; asked once.
    pub(super) fn take_hungry(&mut self) -> bool {
        std::mem::take(&mut self.hungry)
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Keys that a read leaves out: held, or with enough in memory.
    pub(super) fn skip_keys(&self) -> Vec<String> {
        let full = |lane: &Lane| lane.hold.is_some() || lane.waiting.len() >= self.per_key;
        self.keys_where(full)
    }

    pub(super) fn skip_seqs(&self) -> Vec<i64> {
        self.known.iter().copied().collect()
    }

    pub(super) fn held_keys(&self) -> Vec<String> {
        self.keys_where(|lane| lane.hold.is_some())
    }

    fn keys_where(&self, wanted: impl Fn(&Lane) -> bool) -> Vec<String> {
        let lanes = self.lanes.iter().filter(|(_, lane)| wanted(lane));
        lanes
            .filter_map(|(id, _)| match id {
                LaneId::Key(key) => Some(key.to_string()),
                LaneId::Single(_) => None,
            })
            .collect()
    }

    /// Takes in what was read.
    pub(super) fn add(&mut self, message: Message) {
        let ticket = &message.ticket;
        let id = ticket.lane.clone();
        let partition = ticket.partition;
        if self.known.contains(&ticket.seq) {
            return;
        }
        let lane = self
            .lanes
            .entry(id.clone())
            .or_insert_with(|| Lane::new(partition));
        // Held or given up while the read was under way: the row stays in the
        // table and is read again when its turn comes.
        if lane.hold.is_some() || lane.leaving {
            return;
        }
        self.known.insert(ticket.seq);
        lane.waiting.insert(ticket.seq, message);
        lane.saturated = lane.waiting.len() >= self.per_key;
        self.waiting += 1;
        if lane.waiting.len() == 1 && lane.publishable() {
            self.ready.push_back(id);
        }
    }

    /// The next messages to publish, at most one of a key.
    pub(super) fn take_batch(
        &mut self,
        max: usize,
        mut verdict: impl FnMut(&Ticket) -> Verdict,
    ) -> Vec<Message> {
        let mut batch = Vec::new();
        let mut later = Vec::new();
        while batch.len() < max {
            let Some(id) = self.ready.pop_front() else {
                break;
            };
            let Some(lane) = self.lanes.get_mut(&id).filter(|lane| lane.publishable()) else {
                continue;
            };
            let alone = lane.hold.as_ref().is_some_and(|hold| hold.alone);
            if alone && !batch.is_empty() {
                self.ready.push_front(id);
                break;
            }
            let Some(head) = lane.waiting.first_entry() else {
                continue;
            };
            match verdict(&head.get().ticket) {
                Verdict::Go => {}
                Verdict::Park => {
                    let kind = head.get().ticket.kind.clone();
                    self.parked.entry(kind).or_default().push_back(id);
                    continue;
                }
                Verdict::Wait => {
                    later.push(id);
                    continue;
                }
            }
            batch.push(head.remove());
            lane.in_flight = true;
            self.waiting -= 1;
            self.in_flight += 1;
            if lane.saturated && lane.waiting.len() <= self.per_key / 2 {
                lane.saturated = false;
                self.hungry = true;
            }
            if alone {
                break;
            }
        }
        self.ready.extend(later);
        batch
    }

    /// Lets up to `max` parked lanes of a type try again.
    pub(super) fn unpark(&mut self, kind: &str, max: usize) {
        let Some(mut parked) = self.parked.remove(kind) else {
            return;
        };
        let rest = parked.split_off(max.min(parked.len()));
        self.ready.extend(parked);
        if !rest.is_empty() {
            self.parked.insert(kind.to_owned(), rest);
        }
    }

    /// The broker has it: the next of its key may go, unless the key was held;
    /// then its followers are made ready first.
    pub(super) fn confirmed(&mut self, ticket: &Ticket) {
        self.landed();
        let Some(lane) = self.lanes.get_mut(&ticket.lane) else {
            return;
        };
        lane.in_flight = false;
        lane.deleting += 1;
        if let Some(hold) = &mut lane.hold {
            hold.stage = Stage::Releasing;
        } else if lane.publishable() {
            self.ready.push_back(ticket.lane.clone());
        }
    }

    /// The broker does not have it: nothing of its key may go.
    pub(super) fn failed(&mut self, ticket: &Ticket, cause: Cause, alone: bool) {
        self.landed();
        let Some(lane) = self.lanes.get_mut(&ticket.lane) else {
            return;
        };
        lane.in_flight = false;
        for seq in lane.waiting.keys() {
            self.known.remove(seq);
        }
        self.waiting -= lane.waiting.len();
        lane.waiting.clear();
        lane.hold = Some(Hold {
            seq: ticket.seq,
            kind: ticket.kind.clone(),
            cause,
            stage: Stage::Writing,
            alone,
        });
    }

    /// It came back for a partition that is no longer ours.
    pub(super) fn forgotten(&mut self, ticket: &Ticket) {
        self.landed();
        self.known.remove(&ticket.seq);
        if let Some(lane) = self.lanes.get_mut(&ticket.lane) {
            lane.in_flight = false;
        }
        self.tidy(&ticket.lane);
    }

    fn landed(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Deleted from the table. True if the key's followers must now be made ready.
    pub(super) fn deleted(&mut self, id: &LaneId, seq: i64) -> bool {
        self.known.remove(&seq);
        let Some(lane) = self.lanes.get_mut(id) else {
            return false;
        };
        lane.deleting = lane.deleting.saturating_sub(1);
        let releasing = lane.deleting == 0 && lane.stage() == Some(Stage::Releasing);
        if releasing && matches!(id, LaneId::Single(_)) {
            self.lanes.remove(id);
            return false;
        }
        self.tidy(id);
        releasing
    }

    /// The failure is in the table; try again at `due`.
    pub(super) fn written(&mut self, id: &LaneId, due: Instant) {
        if let Some(lane) = self.lanes.get_mut(id)
            && let Some(hold) = &mut lane.hold
        {
            self.known.remove(&hold.seq);
            hold.stage = Stage::Until(due);
            if !lane.leaving {
                self.due.insert((due, id.clone()));
            }
        }
        self.tidy(id);
    }

    /// The followers of a held key are ready again, or the key is not ours.
    pub(super) fn released(&mut self, key: &Arc<str>) {
        self.remove(&LaneId::Key(Arc::clone(key)));
    }

    /// The held messages whose time has come; they are to be fetched.
    pub(super) fn take_due(&mut self, now: Instant, max: usize) -> Vec<(LaneId, i64)> {
        let mut taken = Vec::new();
        while taken.len() < max
            && let Some((due, _)) = self.due.first()
            && *due <= now
            && let Some((due, id)) = self.due.pop_first()
        {
            let hold = self.lanes.get_mut(&id).and_then(|lane| lane.hold.as_mut());
            // A lane that was put off or taken forward has another entry.
            if let Some(hold) = hold
                && hold.stage == Stage::Until(due)
            {
                hold.stage = Stage::Fetching;
                taken.push((id, hold.seq));
            }
        }
        taken
    }

    /// Fetching failed or the message is still dead: look again at `due`.
    pub(super) fn put_off(&mut self, id: &LaneId, due: Instant) {
        if let Some(lane) = self.lanes.get_mut(id)
            && lane.stage() == Some(Stage::Fetching)
            && let Some(hold) = &mut lane.hold
        {
            hold.stage = Stage::Until(due);
            self.due.insert((due, id.clone()));
        }
    }

    /// A held message was fetched: publish it.
    pub(super) fn retry(&mut self, message: Message) {
        let id = message.ticket.lane.clone();
        let Some(lane) = self.lanes.get_mut(&id) else {
            return;
        };
        if lane.stage() == Some(Stage::Fetching)
            && let Some(hold) = &mut lane.hold
        {
            hold.stage = Stage::Retrying;
            self.known.insert(message.ticket.seq);
            lane.waiting.insert(message.ticket.seq, message);
            self.waiting += 1;
            self.ready.push_back(id);
        }
    }

    /// A held message is gone from the table: someone delivered or discarded
    /// it. True if the key's followers must now be made ready.
    pub(super) fn gone(&mut self, id: &LaneId) -> bool {
        let Some(lane) = self.lanes.get_mut(id) else {
            return false;
        };
        if lane.stage() != Some(Stage::Fetching) {
            return false;
        }
        if matches!(id, LaneId::Single(_)) {
            self.lanes.remove(id);
            return false;
        }
        if let Some(hold) = &mut lane.hold {
            hold.stage = Stage::Releasing;
        }
        true
    }

    /// A held message that was found at take-over.
    pub(super) fn restore(&mut self, kept: &Kept, now: Instant) {
        let id = LaneId::of(kept.key.as_deref(), kept.seq);
        let lane = self
            .lanes
            .entry(id.clone())
            .or_insert_with(|| Lane::new(kept.partition));
        if lane.hold.is_some() {
            return;
        }
        let due = now + kept.retry_in;
        lane.hold = Some(Hold {
            seq: kept.seq,
            kind: kept.kind.clone(),
            cause: if kept.dead {
                Cause::Dead
            } else {
                Cause::Outage
            },
            stage: Stage::Until(due),
            alone: false,
        });
        self.due.insert((due, id));
    }

    /// A type gets through again: what an outage held may go now.
    pub(super) fn hasten(&mut self, kind: &str, now: Instant) {
        for (id, lane) in &mut self.lanes {
            if let Some(hold) = &mut lane.hold
                && hold.kind == kind
                && hold.cause == Cause::Outage
                && let Stage::Until(due) = hold.stage
                && due > now
            {
                self.due.remove(&(due, id.clone()));
                hold.stage = Stage::Until(now);
                self.due.insert((now, id.clone()));
            }
        }
    }

    /// Gives up what can be given up of a partition; the rest follows when its
    /// answers have come.
    pub(super) fn leave(&mut self, partition: i32) {
        let mut done = Vec::new();
        for (id, lane) in &mut self.lanes {
            if lane.partition != partition {
                continue;
            }
            lane.leaving = true;
            for seq in lane.waiting.keys() {
                self.known.remove(seq);
            }
            self.waiting -= lane.waiting.len();
            lane.waiting.clear();
            if lane.done() {
                done.push(id.clone());
            }
        }
        for id in done {
            self.remove(&id);
        }
    }

    /// Nothing of this partition is in memory.
    pub(super) fn is_clear(&self, partition: i32) -> bool {
        !self.lanes.values().any(|lane| lane.partition == partition)
    }

    fn tidy(&mut self, id: &LaneId) {
        if self.lanes.get(id).is_some_and(Lane::done) {
            self.remove(id);
        }
    }

    fn remove(&mut self, id: &LaneId) {
        if let Some(lane) = self.lanes.remove(id) {
            self.waiting -= lane.waiting.len();
            for seq in lane.waiting.keys() {
                self.known.remove(seq);
            }
            if let Some(hold) = lane.hold {
                self.known.remove(&hold.seq);
                if let Stage::Until(due) = hold.stage {
                    self.due.remove(&(due, id.clone()));
                }
            }
        }
    }
}
