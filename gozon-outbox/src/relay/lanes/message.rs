//! A message in memory, and by what name it is known there.

use std::sync::Arc;

use gozon_core::Envelope;

/// One lane per ordering key, and one per message without a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::relay) enum LaneId {
    Key(Arc<str>),
    Single(i64),
}

impl LaneId {
    pub(in crate::relay) fn of(key: Option<&str>, seq: i64) -> Self {
        key.map_or(Self::Single(seq), |key| Self::Key(key.into()))
    }
}

/// A message on its way: what the engine needs to know when it comes back.
#[derive(Debug, Clone)]
pub(in crate::relay) struct Ticket {
    pub(in crate::relay) lane: LaneId,
    pub(in crate::relay) seq: i64,
    pub(in crate::relay) partition: i32,
    pub(in crate::relay) kind: String,
    pub(in crate::relay) attempts: u32,
    /// What its payload occupies.
    pub(in crate::relay) bytes: usize,
}

#[derive(Debug)]
pub(in crate::relay) struct Message {
    pub(in crate::relay) ticket: Ticket,
    /// Or why the row does not read as one.
    pub(in crate::relay) envelope: Result<Envelope, String>,
}
