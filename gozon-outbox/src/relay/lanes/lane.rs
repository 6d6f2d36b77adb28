//! One ordering key (or one message without a key) on its way.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::message::Message;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Being written into the table. Not tried again before that is done:
    /// otherwise a late write could hold a key that flows again.
    Writing,
    Until(Instant),
    Fetching,
    /// Fetched; may be published, alone of its key.
    Retrying,
    /// Delivered; its followers are being made ready.
    Releasing,
}

/// The first message of the lane is unsent, and nothing behind it may go.
#[derive(Debug)]
pub(super) struct Hold {
    pub(super) seq: i64,
    pub(super) kind: String,
    /// Refused for its own sake: only a person ends the wait.
    pub(super) dead: bool,
    pub(super) stage: Stage,
    /// The last outcome was unknown. Published alone, so that a message which
    /// closes its channel is recognised and takes nothing else down.
    pub(super) alone: bool,
    /// Put aside because its type does not get through, without an attempt.
    pub(super) parked: bool,
    /// Somebody decided about it while it was being written or looked at.
    pub(super) decided: bool,
    /// The table shows the hold, so reads find it there by themselves.
    pub(super) swept: bool,
}

impl Hold {
    pub(super) fn new(seq: i64, kind: String, stage: Stage) -> Self {
        Self {
            seq,
            kind,
            dead: false,
            stage,
            alone: false,
            parked: false,
            decided: false,
            swept: false,
        }
    }

    /// When to look again, planned for `due`: at once after a decision.
    pub(super) fn due(&mut self, due: Instant) -> Instant {
        match std::mem::take(&mut self.decided) {
            true => due.min(Instant::now()),
            false => due,
        }
    }
}

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) partition: i32,
    pub(super) waiting: BTreeMap<i64, Message>,
    pub(super) in_flight: bool,
    /// Confirmed, not deleted yet.
    pub(super) deleting: u32,
    pub(super) hold: Option<Hold>,
    /// More of this key may be in the table than a read takes.
    pub(super) saturated: bool,
    /// The partition is being given up.
    pub(super) leaving: bool,
    /// Its followers stay held for the partition's next owner.
    pub(super) sealed: bool,
}

impl Lane {
    pub(super) fn new(partition: i32) -> Self {
        Self {
            partition,
            waiting: BTreeMap::new(),
            in_flight: false,
            deleting: 0,
            hold: None,
            saturated: false,
            leaving: false,
            sealed: false,
        }
    }

    pub(super) fn stage(&self) -> Option<Stage> {
        self.hold.as_ref().map(|hold| hold.stage)
    }

    /// Whether the table does not show by itself that the lane is held.
    pub(super) fn held_in_memory_only(&self) -> bool {
        let hold = self.hold.as_ref();
        hold.is_some_and(|hold| !hold.swept || hold.stage == Stage::Releasing)
    }

    pub(super) fn publishable(&self) -> bool {
        let open = matches!(self.stage(), None | Some(Stage::Retrying));
        open && !self.in_flight && !self.leaving && !self.waiting.is_empty()
    }

    /// Nothing of it is under way.
    pub(super) fn idle(&self) -> bool {
        let writing = matches!(self.stage(), Some(Stage::Writing | Stage::Releasing));
        !self.in_flight && self.deleting == 0 && !writing
    }

    pub(super) fn done(&self) -> bool {
        self.idle() && (self.leaving || (self.waiting.is_empty() && self.hold.is_none()))
    }
}
