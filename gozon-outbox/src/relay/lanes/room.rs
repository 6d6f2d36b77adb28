//! How many held lanes stay in memory. The table knows all of them, so the others
//! can be left to it and recalled when there is room: reads pass over a key that
//! the table shows as held, whether or not it is known here.

use std::collections::{BTreeSet, HashMap};

use super::lane::Hold;

/// Held lanes of one type that stay while there is any room: what tests whether
/// the type gets through again.
const PER_KIND: usize = 16;

#[derive(Debug)]
pub(super) struct Room {
    /// Without dead letters, which are for people to decide about.
    max: usize,
    held: usize,
    kinds: HashMap<String, usize>,
    /// Partitions of which the table alone knows some held keys.
    left: BTreeSet<i32>,
}

impl Room {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            held: 0,
            kinds: HashMap::new(),
            left: BTreeSet::new(),
        }
    }

    pub(super) fn held(&self) -> usize {
        self.held
    }

    pub(super) fn free(&self) -> usize {
        self.max.saturating_sub(self.held)
    }

    /// Most of it is free: what was left to the table can come back.
    pub(super) fn is_wide(&self) -> bool {
        self.held <= self.max / 4
    }

    /// Whether one more of this type may stay. Types that do not get through have
    /// half of the room together, so that they do not take it from the others.
    pub(super) fn admits(&self, kind: &str, flows: bool) -> bool {
        let few = self.kinds.get(kind).copied().unwrap_or(0) < PER_KIND;
        self.held < self.max && (flows || few || self.held < self.max / 2)
    }

    pub(super) fn enter(&mut self, hold: &Hold) {
        if hold.dead {
            return;
        }
        self.held += 1;
        *self.kinds.entry(hold.kind.clone()).or_default() += 1;
    }

    pub(super) fn exit(&mut self, hold: &Hold) {
        if hold.dead {
            return;
        }
        self.held = self.held.saturating_sub(1);
        if let Some(count) = self.kinds.get_mut(&hold.kind) {
            *count -= 1;
            if *count == 0 {
                self.kinds.remove(&hold.kind);
            }
        }
    }

    /// The table alone knows some held keys of this partition.
    pub(super) fn leave_to_the_table(&mut self, partition: i32) {
        self.left.insert(partition);
    }

    /// The partition is not ours any more.
    pub(super) fn forget(&mut self, partition: i32) {
        self.left.remove(&partition);
    }

    pub(super) fn leaves_any(&self) -> bool {
        !self.left.is_empty()
    }

    pub(super) fn left(&self) -> Vec<i32> {
        self.left.iter().copied().collect()
    }

    /// They are about to be recalled.
    pub(super) fn take_left(&mut self) -> Vec<i32> {
        std::mem::take(&mut self.left).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::lane::Stage;
    use super::*;

    fn hold(kind: &str, dead: bool) -> Hold {
        let mut hold = Hold::new(1, kind.to_owned(), Stage::Writing);
        hold.dead = dead;
        hold
    }

    fn full_of(kind: &str, count: usize, max: usize) -> Room {
        let mut room = Room::new(max);
        for _ in 0..count {
            room.enter(&hold(kind, false));
        }
        room
    }

    #[test]
    fn types_that_do_not_get_through_leave_half_of_the_room_to_the_others() {
        let room = full_of("down", 50, 100);

        assert!(!room.admits("down", false));
        assert!(room.admits("fine", true));
    }

    #[test]
    fn every_type_keeps_a_few_that_can_be_tested() {
        let mut room = full_of("down", 50, 100);
        for _ in 0..PER_KIND {
            assert!(room.admits("other", false));
            room.enter(&hold("other", false));
        }

        assert!(!room.admits("other", false));
    }

    #[test]
    fn nothing_enters_a_full_room() {
        let room = full_of("down", 100, 100);

        assert!(!room.admits("fine", true) && !room.admits("other", false));
        assert_eq!(room.free(), 0);
    }

    #[test]
    fn dead_letters_take_no_room() {
        let mut room = full_of("down", 1, 100);
        room.enter(&hold("down", true));
        assert_eq!(room.held(), 1);

        room.exit(&hold("down", true));
        room.exit(&hold("down", false));

        assert_eq!(room.held(), 0);
        assert!(room.kinds.is_empty());
    }
}
