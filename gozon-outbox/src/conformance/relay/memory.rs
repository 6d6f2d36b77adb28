//! An outbox in memory, in tokio's time, so that a paused clock drives leases
//! and retries as well. What the contract of a store says, and nothing more.

mod history;
mod leasing;
mod reading;
mod writing;

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use gozon_core::{MessageId, NewMessage};
use tokio::time::Instant;

use crate::key::partition_of;
use crate::store::{MemberId, Row, RowState};

use history::History;
use leasing::Held;

pub(in crate::conformance) struct Memory(Mutex<State>);

struct State {
    last_seq: i64,
    rows: BTreeMap<i64, Stored>,
    leases: Vec<Held>,
    members: HashMap<MemberId, Instant>,
    history: History,
}

struct Stored {
    row: Row,
    id: MessageId,
    since: Instant,
    due_at: Option<Instant>,
    retry_at: Option<Instant>,
}

impl Memory {
    pub(in crate::conformance) fn new(partitions: u32) -> Self {
        Self(Mutex::new(State {
            last_seq: 0,
            rows: BTreeMap::new(),
            leases: vec![Held::free(); partitions as usize],
            members: HashMap::new(),
            history: History::default(),
        }))
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap())
    }

    pub(in crate::conformance) fn partitions(&self) -> u32 {
        self.with(|state| u32::try_from(state.leases.len()).unwrap())
    }

    /// Draws a number, as an append does that is not committed yet.
    pub(in crate::conformance) fn draw(&self) -> i64 {
        self.with(|state| {
            state.last_seq += 1;
            state.last_seq
        })
    }

    /// Commits a message under a number that was drawn for it.
    pub(in crate::conformance) fn commit(&self, seq: i64, message: &NewMessage) {
        let envelope = &message.envelope;
        let key = envelope.key.clone();
        let partitions = self.partitions();
        let row = Row {
            seq,
            partition: key.as_deref().map_or_else(
                || i32::try_from(seq.rem_euclid(i64::from(partitions))).unwrap(),
                |key| partition_of(key, partitions),
            ),
            state: match message.delay {
                Some(_) => RowState::Delayed,
                None => RowState::Ready,
            },
            key,
            kind: envelope.kind.clone(),
            attempts: 0,
            attributes: envelope.attributes_json().unwrap(),
            data: envelope.data.to_vec(),
        };
        let now = Instant::now();
        let stored = Stored {
            row,
            id: envelope.id,
            since: now,
            due_at: message.delay.map(|delay| now + delay),
            retry_at: None,
        };
        self.with(|state| {
            if stored.due_at.is_none() {
                state.history.learn(&stored);
            }
            state.rows.insert(seq, stored);
        });
    }

    /// Everything, in the order of numbers.
    pub(in crate::conformance) fn rows(&self) -> Vec<Row> {
        self.with(|state| {
            state
                .rows
                .values()
                .map(|stored| stored.row.clone())
                .collect()
        })
    }

    pub(in crate::conformance) fn is_empty(&self) -> bool {
        self.with(|state| state.rows.is_empty())
    }
}

fn is_kept(row: &Row) -> bool {
    matches!(row.state, RowState::Held | RowState::Dead)
}

fn index(partition: i32) -> usize {
    usize::try_from(partition).unwrap()
}
