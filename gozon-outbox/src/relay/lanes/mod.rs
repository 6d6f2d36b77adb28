//! What the relay holds in memory: one lane per ordering key (and one per
//! message without a key), each with at most one message unconfirmed.

mod holding;
mod lane;
mod message;
mod room;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use tokio::time::Instant;

use lane::{Lane, Stage};
pub(super) use message::{LaneId, Message, Ticket};
use room::Room;

/// Whether a message may be published now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Go,
    /// To see whether its type gets through, with so many of the type at most, and
    /// no other: that may take as long as an answer can.
    Test(usize),
    /// Its type is not getting through: it is held and leaves the memory.
    Park,
    /// Its lease is not certain at the moment.
    Wait,
}

/// What [`Lanes::take_batch`] took.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) batch: Vec<Message>,
    /// The type that the batch tests.
    pub(super) test: Option<String>,
    /// Newly held; to be written into the table.
    pub(super) parked: Vec<Ticket>,
}

#[derive(Debug)]
pub(super) struct Lanes {
    per_key: usize,
    lanes: HashMap<LaneId, Lane>,
    /// Lanes that may publish, oldest first. May name lanes that are gone.
    ready: VecDeque<LaneId>,
    /// Held lanes by the time of their next attempt.
    due: BTreeSet<(Instant, LaneId)>,
    /// Messages that a read must leave out.
    known: HashSet<i64>,
    /// Lanes that were held while a read was under way. The read left out what
    /// was in memory then and is not now, so its answer has gaps.
    overtaken: HashSet<LaneId>,
    waiting: usize,
    in_flight: usize,
    /// Confirmed, not deleted yet; and held, not written yet. They count: a
    /// database that reads but does not write must not fill us.
    unwritten: usize,
    /// Payloads of what waits or flies.
    bytes: usize,
    /// A saturated lane has room again.
    hungry: bool,
    room: Room,
}

impl Lanes {
    pub(super) fn new(per_key: u32, max_held: usize) -> Self {
        Self {
            per_key: usize::try_from(per_key).unwrap_or(usize::MAX),
            lanes: HashMap::new(),
            ready: VecDeque::new(),
            due: BTreeSet::new(),
            known: HashSet::new(),
            overtaken: HashSet::new(),
            waiting: 0,
            in_flight: 0,
            unwritten: 0,
            bytes: 0,
            hungry: false,
            room: Room::new(max_held),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Messages in memory that wait, fly, or are being written about.
    pub(super) fn load(&self) -> usize {
        self.waiting + self.in_flight + self.unwritten
    }

    /// Payload bytes in memory that wait or fly.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
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

    /// From here on, what is held overtakes the read.
    pub(super) fn begin_read(&mut self) {
        self.overtaken.clear();
    }

    /// Keys that a read leaves out: with enough in memory, or held without the
    /// table showing it. A hold that the table shows, the read sees itself.
    pub(super) fn skip_keys(&self) -> Vec<String> {
        self.keys_where(|lane| lane.held_in_memory_only() || lane.waiting.len() >= self.per_key)
    }

    pub(super) fn skip_seqs(&self) -> Vec<i64> {
        self.known.iter().copied().collect()
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
        if self.known.contains(&ticket.seq) || self.overtaken.contains(&id) {
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
        self.waiting += 1;
        self.bytes += ticket.bytes;
        lane.waiting.insert(ticket.seq, message);
        lane.saturated = lane.waiting.len() >= self.per_key;
        if lane.waiting.len() == 1 && lane.publishable() {
            self.ready.push_back(id);
        }
    }

    /// The next messages to publish, at most one of a key. What is parked
    /// although it was held before is tried again at `again`.
    pub(super) fn take_batch(
        &mut self,
        max: usize,
        again: Instant,
        mut verdict: impl FnMut(&Ticket) -> Verdict,
    ) -> Taken {
        let mut taken = Taken::default();
        let mut later = Vec::new();
        let mut max = max;
        while taken.batch.len() < max {
            let Some(id) = self.ready.pop_front() else {
                break;
            };
            let Some(lane) = self.lanes.get_mut(&id).filter(|lane| lane.publishable()) else {
                continue;
            };
            let alone = lane.hold.as_ref().is_some_and(|hold| hold.alone);
            if alone && !taken.batch.is_empty() {
                self.ready.push_front(id);
                break;
            }
            let Some(head) = lane.waiting.first_entry() else {
                continue;
            };
            let ticket = &head.get().ticket;
            match verdict(ticket) {
                Verdict::Go if taken.test.is_none() => {}
                Verdict::Test(_) if taken.test.as_deref() == Some(&ticket.kind) => {}
                Verdict::Test(messages) if taken.batch.is_empty() => {
                    taken.test = Some(ticket.kind.clone());
                    max = max.min(messages);
                }
                Verdict::Go | Verdict::Test(_) => {
                    later.push(id);
                    continue;
                }
                Verdict::Park => {
                    let ticket = head.get().ticket.clone();
                    if self.park(&ticket, again) {
                        taken.parked.push(ticket);
                    }
                    continue;
                }
                Verdict::Wait => {
                    later.push(id);
                    continue;
                }
            }
            taken.batch.push(head.remove());
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
        taken
    }

    /// The broker has it: the next of its key may go, unless the key was held;
    /// then its followers are made ready first.
    pub(super) fn confirmed(&mut self, ticket: &Ticket) {
        self.landed(ticket);
        self.unwritten += 1;
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

    /// It came back for a partition that is no longer ours.
    pub(super) fn forgotten(&mut self, ticket: &Ticket) {
        self.landed(ticket);
        self.known.remove(&ticket.seq);
        if let Some(lane) = self.lanes.get_mut(&ticket.lane) {
            lane.in_flight = false;
        }
        self.tidy(&ticket.lane);
    }

    fn landed(&mut self, ticket: &Ticket) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(ticket.bytes);
    }

    /// Deleted from the table. True if the key's followers must now be made ready.
    pub(super) fn deleted(&mut self, id: &LaneId, seq: i64) -> bool {
        self.known.remove(&seq);
        self.unwritten = self.unwritten.saturating_sub(1);
        let Some(lane) = self.lanes.get_mut(id) else {
            return false;
        };
        lane.deleting = lane.deleting.saturating_sub(1);
        let releasing = lane.deleting == 0 && lane.stage() == Some(Stage::Releasing);
        if releasing && matches!(id, LaneId::Single(_)) {
            self.remove(id);
            return false;
        }
        self.tidy(id);
        releasing
    }

    /// Gives up what can be given up of a partition; the rest follows when its
    /// answers have come.
    pub(super) fn leave(&mut self, partition: i32) {
        self.room.forget(partition);
        let of_partition = self.lanes.iter_mut();
        let ids: Vec<LaneId> = of_partition
            .filter(|(_, lane)| lane.partition == partition)
            .map(|(id, lane)| {
                lane.leaving = true;
                id.clone()
            })
            .collect();
        for id in ids {
            self.forget_waiting(&id);
            self.tidy(&id);
        }
    }

    /// Nothing of this partition is in memory.
    pub(super) fn is_clear(&self, partition: i32) -> bool {
        !self.lanes.values().any(|lane| lane.partition == partition)
    }

    /// What waits in a lane stays in the table and is read again.
    fn forget_waiting(&mut self, id: &LaneId) {
        if let Some(lane) = self.lanes.get_mut(id) {
            for (seq, message) in std::mem::take(&mut lane.waiting) {
                self.known.remove(&seq);
                self.waiting -= 1;
                self.bytes = self.bytes.saturating_sub(message.ticket.bytes);
            }
        }
    }

    fn tidy(&mut self, id: &LaneId) {
        if self.lanes.get(id).is_some_and(Lane::done) {
            self.remove(id);
        }
    }

    fn remove(&mut self, id: &LaneId) {
        self.forget_waiting(id);
        if let Some(lane) = self.lanes.remove(id)
            && let Some(hold) = lane.hold
        {
            self.known.remove(&hold.seq);
            self.room.exit(&hold);
            if let Stage::Until(due) = hold.stage {
                self.due.remove(&(due, id.clone()));
            }
        }
    }
}
