//! Lanes whose first message is unsent: nothing behind it may go.

use std::sync::Arc;

use tokio::time::Instant;

use super::Lanes;
use super::lane::{Hold, Lane, Stage};
use super::message::{LaneId, Message, Ticket};
use crate::store::Kept;

impl Lanes {
    pub(in crate::relay) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    pub(in crate::relay) fn held_keys(&self) -> Vec<String> {
        self.keys_where(|lane| lane.hold.is_some())
    }

    /// The rows of these held keys have left the ready set.
    pub(in crate::relay) fn swept(&mut self, keys: &[String]) {
        for key in keys {
            if let Some(lane) = self.lanes.get_mut(&LaneId::Key(key.as_str().into()))
                && let Some(hold) = &mut lane.hold
            {
                hold.swept = true;
            }
        }
    }

    /// The partitions of these keys, as far as they are in memory.
    pub(in crate::relay) fn partitions_of(&self, keys: &[String]) -> Vec<i32> {
        let ids = keys.iter().map(|key| LaneId::Key(key.as_str().into()));
        let lanes = ids.filter_map(|id| self.lanes.get(&id));
        let mut partitions: Vec<i32> = lanes.map(|lane| lane.partition).collect();
        partitions.sort_unstable();
        partitions.dedup();
        partitions
    }

    /// The broker does not have it: nothing of its key may go.
    pub(in crate::relay) fn failed(&mut self, ticket: &Ticket, dead: bool, alone: bool) {
        self.landed(ticket);
        self.hold(ticket, |hold| (hold.dead, hold.alone) = (dead, alone));
    }

    /// Its type is not getting through. True if the hold is new and is to be
    /// written; otherwise the table has it, and it is tried again at `again`.
    pub(super) fn park(&mut self, ticket: &Ticket, again: Instant) -> bool {
        let id = &ticket.lane;
        if let Some(hold) = self.lanes.get_mut(id).and_then(|lane| lane.hold.as_mut()) {
            hold.stage = Stage::Until(again);
            self.due.insert((again, id.clone()));
            self.forget_waiting(id);
            return false;
        }
        self.hold(ticket, |hold| hold.parked = true);
        // Still ready in the table, so a read must leave it out until it is written.
        self.known.insert(ticket.seq);
        true
    }

    fn hold(&mut self, ticket: &Ticket, with: impl FnOnce(&mut Hold)) {
        self.forget_waiting(&ticket.lane);
        self.overtaken.insert(ticket.lane.clone());
        if let Some(lane) = self.lanes.get_mut(&ticket.lane) {
            lane.in_flight = false;
            self.unwritten += 1;
            let mut hold = Hold::new(ticket.seq, ticket.kind.clone(), Stage::Writing);
            with(&mut hold);
            self.room.enter(&hold);
            if let Some(before) = lane.hold.replace(hold) {
                self.room.exit(&before);
            }
        }
    }

    /// The failure is in the table; try again at `due`. Where there is no room, the
    /// table alone knows it from here on: nothing of its key can be under way.
    pub(in crate::relay) fn written(&mut self, id: &LaneId, due: Instant) {
        if let Some(lane) = self.lanes.get_mut(id)
            && let Some(hold) = &mut lane.hold
        {
            self.known.remove(&hold.seq);
            self.unwritten = self.unwritten.saturating_sub(1);
            let due = hold.due(due);
            hold.stage = Stage::Until(due);
            if !lane.leaving {
                self.room.exit(hold);
                let stays = hold.dead || self.room.admits(&hold.kind, !hold.parked);
                self.room.enter(hold);
                if !stays {
                    self.room.leave_to_the_table(lane.partition);
                    self.remove(id);
                    return;
                }
                self.due.insert((due, id.clone()));
            }
        }
        self.tidy(id);
    }

    /// The followers of a held key are ready again, or the key is not ours.
    pub(in crate::relay) fn released(&mut self, key: &Arc<str>) {
        self.remove(&LaneId::Key(Arc::clone(key)));
    }

    /// The held messages whose time has come; they are to be fetched. Those of
    /// a type that may not be tried wait until `again`.
    pub(in crate::relay) fn take_due(
        &mut self,
        now: Instant,
        max: usize,
        again: Instant,
        may_try: impl Fn(&str) -> bool,
    ) -> Vec<(LaneId, i64)> {
        let mut taken = Vec::new();
        while taken.len() < max
            && let Some((due, _)) = self.due.first()
            && *due <= now
            && let Some((due, id)) = self.due.pop_first()
        {
            let hold = self.lanes.get_mut(&id).and_then(|lane| lane.hold.as_mut());
            // A lane that was put off or taken forward has another entry.
            let Some(hold) = hold.filter(|hold| hold.stage == Stage::Until(due)) else {
                continue;
            };
            // A dead one is looked at, not published.
            if hold.dead || may_try(&hold.kind) {
                hold.stage = Stage::Fetching;
                taken.push((id, hold.seq));
            } else {
                hold.stage = Stage::Until(again);
                self.due.insert((again, id));
            }
        }
        taken
    }

    /// Fetching failed or the message is still dead: look again at `due`.
    pub(in crate::relay) fn put_off(&mut self, id: &LaneId, due: Instant) {
        if let Some(lane) = self.lanes.get_mut(id)
            && lane.stage() == Some(Stage::Fetching)
            && let Some(hold) = &mut lane.hold
        {
            let due = hold.due(due);
            hold.stage = Stage::Until(due);
            self.due.insert((due, id.clone()));
        }
    }

    /// Somebody decided about this dead letter: it is looked at now.
    pub(in crate::relay) fn decided(&mut self, id: &LaneId, seq: i64, now: Instant) {
        let Some(hold) = self.lanes.get_mut(id).and_then(|lane| lane.hold.as_mut()) else {
            return;
        };
        if hold.seq != seq || !hold.dead {
            return;
        }
        match hold.stage {
            Stage::Until(due) => {
                self.due.remove(&(due, id.clone()));
                hold.stage = Stage::Until(now);
                self.due.insert((now, id.clone()));
            }
            // What is under way may have looked before the decision.
            Stage::Writing | Stage::Fetching => hold.decided = true,
            Stage::Retrying | Stage::Releasing => {}
        }
    }

    /// All dead letters are looked at now.
    pub(in crate::relay) fn hasten_dead(&mut self, now: Instant) {
        let dead = self.lanes.iter().filter_map(|(id, lane)| {
            let hold = lane.hold.as_ref().filter(|hold| hold.dead)?;
            Some((id.clone(), hold.seq))
        });
        let dead: Vec<_> = dead.collect();
        for (id, seq) in dead {
            self.decided(&id, seq, now);
        }
    }

    /// Of these partitions, which are being given up, the followers of held keys
    /// stay as they are.
    pub(in crate::relay) fn release_nothing_of(&mut self, partitions: &[i32]) {
        for lane in self.lanes.values_mut() {
            lane.sealed |= partitions.contains(&lane.partition);
        }
    }

    /// Whether the followers of a delivered key are to be made ready. If not, its
    /// lane has come to its end: the next owner finds the first of them held.
    pub(in crate::relay) fn may_release(&mut self, key: &Arc<str>) -> bool {
        let id = LaneId::Key(Arc::clone(key));
        let sealed = self.lanes.get(&id).is_some_and(|lane| lane.sealed);
        if sealed {
            self.remove(&id);
        }
        !sealed
    }

    /// A held message was fetched: publish it.
    pub(in crate::relay) fn retry(&mut self, message: Message) {
        let id = message.ticket.lane.clone();
        let Some(lane) = self.lanes.get_mut(&id) else {
            return;
        };
        if lane.stage() == Some(Stage::Fetching)
            && let Some(hold) = &mut lane.hold
        {
            hold.stage = Stage::Retrying;
            if std::mem::take(&mut hold.dead) {
                self.room.enter(hold);
            }
            self.known.insert(message.ticket.seq);
            self.waiting += 1;
            self.bytes += message.ticket.bytes;
            lane.waiting.insert(message.ticket.seq, message);
            self.ready.push_back(id);
        }
    }

    /// A held message is gone from the table: someone delivered or discarded
    /// it. True if the key's followers must now be made ready.
    pub(in crate::relay) fn gone(&mut self, id: &LaneId) -> bool {
        let Some(lane) = self.lanes.get_mut(id) else {
            return false;
        };
        if lane.stage() != Some(Stage::Fetching) {
            return false;
        }
        if matches!(id, LaneId::Single(_)) {
            self.remove(id);
            return false;
        }
        if let Some(hold) = &mut lane.hold {
            hold.stage = Stage::Releasing;
        }
        true
    }

    /// A held message that was found in the table, unless it is known, or there is
    /// no room for its type, which gets through or does not.
    pub(in crate::relay) fn restore(&mut self, kept: &Kept, flows: bool, now: Instant) {
        let id = LaneId::of(kept.key.as_deref(), kept.seq);
        if self.lanes.contains_key(&id) {
            return;
        }
        if !kept.dead && !self.room.admits(&kept.kind, flows) {
            self.room.leave_to_the_table(kept.partition);
            return;
        }
        let due = now + kept.retry_in;
        // Its followers may still be among the ready: it is not swept.
        let mut hold = Hold::new(kept.seq, kept.kind.clone(), Stage::Until(due));
        hold.dead = kept.dead;
        self.room.enter(&hold);
        let mut lane = Lane::new(kept.partition);
        lane.hold = Some(hold);
        self.lanes.insert(id.clone(), lane);
        self.due.insert((due, id));
    }

    /// Held lanes in memory, without dead letters.
    pub(in crate::relay) fn held(&self) -> usize {
        self.room.held()
    }

    /// How many more may be held in memory.
    pub(in crate::relay) fn free(&self) -> usize {
        self.room.free()
    }

    pub(in crate::relay) fn is_wide(&self) -> bool {
        self.room.is_wide()
    }

    /// Whether the table alone knows some held keys.
    pub(in crate::relay) fn left_any(&self) -> bool {
        self.room.leaves_any()
    }

    /// The partitions of which it does.
    pub(in crate::relay) fn left(&self) -> Vec<i32> {
        self.room.left()
    }

    pub(in crate::relay) fn take_left(&mut self) -> Vec<i32> {
        self.room.take_left()
    }

    pub(in crate::relay) fn leave_to_the_table(&mut self, partition: i32) {
        self.room.leave_to_the_table(partition);
    }

    /// Up to `max` held messages of a type are tried now: it gets through
    /// again, or is to be tested.
    pub(in crate::relay) fn hasten(&mut self, kind: &str, max: usize, now: Instant) {
        let held = self.lanes.iter_mut().filter_map(|(id, lane)| {
            let hold = lane.hold.as_mut()?;
            match hold.stage {
                Stage::Until(due) if due > now && !hold.dead && hold.kind == kind => {
                    Some((id, hold, due))
                }
                _ => None,
            }
        });
        for (id, hold, due) in held.take(max) {
            self.due.remove(&(due, id.clone()));
            hold.stage = Stage::Until(now);
            self.due.insert((now, id.clone()));
        }
    }
}
