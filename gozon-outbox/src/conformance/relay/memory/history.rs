//! What was ever ready, also after it is gone: rules ask where it stood.

use std::collections::{BTreeMap, HashMap, HashSet};

use gozon_core::MessageId;

use super::{Memory, Stored};

/// What was ever ready, by its number.
#[derive(Default)]
pub(super) struct History {
    ids: HashMap<i64, MessageId>,
    places: HashMap<MessageId, Place>,
    by_key: HashMap<String, BTreeMap<i64, MessageId>>,
    garbled: HashSet<i64>,
}

#[derive(Debug, Clone, Copy)]
pub(in crate::conformance) struct Place {
    pub(in crate::conformance) seq: i64,
    pub(in crate::conformance) partition: i32,
}

impl Memory {
    /// Where a message stands, or stood, among the ready.
    pub(in crate::conformance) fn place(&self, id: MessageId) -> Option<Place> {
        self.with(|state| state.history.places.get(&id).copied())
    }

    /// What stood right before this number among the messages of its key.
    pub(in crate::conformance) fn before(&self, key: &str, seq: i64) -> Option<MessageId> {
        self.with(|state| {
            let of_key = state.history.by_key.get(key)?;
            of_key.range(..seq).next_back().map(|(_, id)| *id)
        })
    }

    pub(in crate::conformance) fn id(&self, seq: i64) -> Option<MessageId> {
        self.with(|state| state.history.ids.get(&seq).copied())
    }

    pub(in crate::conformance) fn is_garbled(&self, seq: i64) -> bool {
        self.with(|state| state.history.garbled.contains(&seq))
    }

    /// Makes the attributes of a row unreadable.
    pub(in crate::conformance) fn garble(&self, seq: i64) {
        self.with(|state| {
            state.rows.get_mut(&seq).unwrap().row.attributes = "nonsense".to_owned();
            state.history.garbled.insert(seq);
        });
    }
}

impl History {
    pub(super) fn learn(&mut self, stored: &Stored) {
        let Stored { row, id, .. } = stored;
        self.ids.insert(row.seq, *id);
        let place = Place {
            seq: row.seq,
            partition: row.partition,
        };
        self.places.insert(*id, place);
        if let Some(key) = &row.key {
            let of_key = self.by_key.entry(key.clone()).or_default();
            of_key.insert(row.seq, *id);
        }
    }
}
