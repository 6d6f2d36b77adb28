//! An outbox in memory, in tokio's time, so that a paused clock drives leases
//! and retries as well. What the contract of a store says, and nothing more.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Mutex;
use std::time::Duration;

use gozon_core::{MessageId, NewMessage};
use tokio::time::Instant;

use crate::key::partition_of;
use crate::store::{
    Failure, Kept, KeptFrom, KindStats, Lease, Leases, MemberId, Membership, OutboxStats, Read,
    Row, RowState,
};

pub(in crate::conformance) struct Memory(Mutex<State>);

struct State {
    last_seq: i64,
    rows: BTreeMap<i64, Stored>,
    leases: Vec<Held>,
    members: HashMap<MemberId, Instant>,
    history: History,
}

/// What was ever ready, by its number.
#[derive(Default)]
struct History {
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

struct Stored {
    row: Row,
    id: MessageId,
    since: Instant,
    due_at: Option<Instant>,
    retry_at: Option<Instant>,
}

#[derive(Clone, Copy)]
struct Held {
    owner: Option<MemberId>,
    epoch: i64,
    until: Instant,
}

impl Held {
    fn is_free(&self) -> bool {
        self.owner.is_none() || self.until <= Instant::now()
    }
}

impl Memory {
    pub(in crate::conformance) fn new(partitions: u32) -> Self {
        let free = Held {
            owner: None,
            epoch: 0,
            until: Instant::now(),
        };
        Self(Mutex::new(State {
            last_seq: 0,
            rows: BTreeMap::new(),
            leases: vec![free; partitions as usize],
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

    /// Whose lease of this partition has not ended.
    pub(in crate::conformance) fn owner(&self, partition: i32) -> Option<MemberId> {
        self.with(|state| {
            let lease = state.leases[index(partition)];
            lease.owner.filter(|_| !lease.is_free())
        })
    }

    /// How many leases each owner has that have not ended.
    pub(in crate::conformance) fn shares(&self) -> HashMap<MemberId, usize> {
        let mut shares = HashMap::new();
        for partition in 0..self.partitions() {
            if let Some(owner) = self.owner(i32::try_from(partition).unwrap()) {
                *shares.entry(owner).or_default() += 1;
            }
        }
        shares
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

    pub(in crate::conformance) fn members(&self) -> usize {
        self.with(|state| state.members.len())
    }

    pub(in crate::conformance) fn heartbeat(
        &self,
        member: MemberId,
        term: Duration,
        alone: bool,
    ) -> Membership {
        self.with(|state| {
            let now = Instant::now();
            state
                .members
                .retain(|other, until| *other == member || (!alone && *until > now));
            state.members.insert(member, now + term);
            let before = state.members.keys().filter(|other| other.0 < member.0);
            Membership {
                live: u32::try_from(state.members.len()).unwrap(),
                rank: u32::try_from(before.count()).unwrap(),
            }
        })
    }

    pub(in crate::conformance) fn renew(&self, member: MemberId, term: Duration) -> Vec<Lease> {
        self.with(|state| {
            state.take(usize::MAX, |lease| {
                let own = lease.owner == Some(member);
                if own {
                    lease.until = Instant::now() + term;
                }
                own
            })
        })
    }

    pub(in crate::conformance) fn acquire(
        &self,
        member: MemberId,
        term: Duration,
        max: u32,
        alone: bool,
    ) -> Vec<Lease> {
        self.with(|state| {
            state.take(max as usize, |lease| {
                let free = lease.is_free() || (alone && lease.owner != Some(member));
                if free {
                    *lease = Held {
                        owner: Some(member),
                        epoch: lease.epoch + 1,
                        until: Instant::now() + term,
                    };
                }
                free
            })
        })
    }

    pub(in crate::conformance) fn free(&self) -> u32 {
        let free = self.with(|state| state.leases.iter().filter(|lease| lease.is_free()).count());
        u32::try_from(free).unwrap()
    }

    pub(in crate::conformance) fn release(&self, leases: &Leases) {
        self.with(|state| {
            for partition in state.standing(leases) {
                state.leases[index(partition)].owner = None;
            }
        });
    }

    pub(in crate::conformance) fn leave(&self, member: MemberId) {
        self.with(|state| {
            state.members.remove(&member);
            for lease in &mut state.leases {
                lease.owner = lease.owner.filter(|owner| *owner != member);
            }
        });
    }

    pub(in crate::conformance) fn kept(&self, from: &[KeptFrom], limit: u32) -> Vec<Kept> {
        self.with(|state| {
            let pages = from.iter().map(|from| state.page(from, limit as usize));
            pages.flatten().collect()
        })
    }

    pub(in crate::conformance) fn read(&self, read: &Read) -> Vec<Row> {
        self.with(|state| {
            let owned = state.standing(&read.leases);
            let mut closed: Vec<&str> = Vec::new();
            let mut per_partition: HashMap<i32, u32> = HashMap::new();
            let mut per_key: HashMap<&str, u32> = HashMap::new();
            let mut bytes = 0;
            let mut found = Vec::new();
            for Stored { row, .. } in state.rows.values() {
                let key = row.key.as_deref();
                if let Some(key) = key.filter(|_| is_kept(row)) {
                    closed.push(key);
                }
                let wanted = row.state == RowState::Ready
                    && owned.contains(&row.partition)
                    && key.is_none_or(|key| {
                        !closed.contains(&key) && !read.skip_keys.iter().any(|skip| skip == key)
                    })
                    && !read.skip_seqs.contains(&row.seq);
                if !wanted {
                    continue;
                }
                let of_partition = per_partition.entry(row.partition).or_default();
                *of_partition += 1;
                if *of_partition > read.per_partition {
                    continue;
                }
                if let Some(key) = key {
                    let of_key = per_key.entry(key).or_default();
                    *of_key += 1;
                    if *of_key > read.per_key {
                        continue;
                    }
                }
                if found.len() >= read.limit as usize || bytes >= read.bytes {
                    break;
                }
                bytes += u64::try_from(row.data.len()).unwrap();
                found.push(row.clone());
            }
            found
        })
    }

    pub(in crate::conformance) fn fetch(&self, seqs: &[i64]) -> Vec<Row> {
        self.with(|state| {
            let found = seqs.iter().filter_map(|seq| state.rows.get(seq));
            let mut found: Vec<Row> = found.map(|stored| stored.row.clone()).collect();
            for row in found.iter_mut().filter(|row| row.state == RowState::Dead) {
                row.data.clear();
            }
            found
        })
    }

    pub(in crate::conformance) fn delete(&self, seqs: &[i64]) {
        self.with(|state| {
            for seq in seqs {
                state.rows.remove(seq);
            }
        });
    }

    pub(in crate::conformance) fn hold(&self, leases: &Leases, failures: &[Failure]) -> Vec<i32> {
        self.with(|state| {
            let standing = state.standing(leases);
            for failure in failures {
                let Some(stored) = state.rows.get_mut(&failure.seq) else {
                    continue;
                };
                if !standing.contains(&stored.row.partition) {
                    continue;
                }
                stored.row.attempts += u32::from(failure.attempted);
                (stored.row.state, stored.retry_at) = match failure.dead {
                    true => (RowState::Dead, None),
                    false => (RowState::Held, Some(Instant::now() + failure.retry_in)),
                };
            }
            standing
        })
    }

    pub(in crate::conformance) fn sweep(&self, leases: &Leases, keys: &[String]) {
        if keys.is_empty() {
            return self.with(|state| state.sweep_behind(leases));
        }
        self.turn(leases, keys, RowState::Ready, RowState::Held);
    }

    pub(in crate::conformance) fn unhold(&self, leases: &Leases, keys: &[String]) -> Vec<i32> {
        self.turn(leases, keys, RowState::Held, RowState::Ready)
    }

    fn turn(&self, leases: &Leases, keys: &[String], from: RowState, to: RowState) -> Vec<i32> {
        self.with(|state| {
            let standing = state.standing(leases);
            for stored in state.rows.values_mut() {
                let row = &mut stored.row;
                let named = row.key.as_ref().is_some_and(|key| keys.contains(key));
                if named && row.state == from && standing.contains(&row.partition) {
                    row.state = to;
                    stored.retry_at = None;
                }
            }
            standing
        })
    }

    pub(in crate::conformance) fn promote(&self, leases: &Leases, max: u32) -> u64 {
        self.with(|state| {
            let (now, standing) = (Instant::now(), state.standing(leases));
            let mut due: Vec<(Instant, i64)> = state
                .rows
                .values()
                .filter(|stored| standing.contains(&stored.row.partition))
                .filter_map(|stored| Some((stored.due_at?, stored.row.seq)))
                .filter(|(due, _)| *due <= now)
                .collect();
            due.sort_unstable();
            due.truncate(max as usize);
            for (_, seq) in &due {
                let mut stored = state.rows.remove(seq).unwrap();
                state.last_seq += 1;
                stored.row.seq = state.last_seq;
                stored.row.state = RowState::Ready;
                stored.due_at = None;
                state.history.learn(&stored);
                state.rows.insert(state.last_seq, stored);
            }
            u64::try_from(due.len()).unwrap()
        })
    }

    pub(in crate::conformance) fn stats(&self) -> OutboxStats {
        self.with(|state| {
            let now = Instant::now();
            let count = |wanted: &dyn Fn(RowState) -> bool| {
                let rows = state.rows.values();
                let count = rows.filter(|stored| wanted(stored.row.state)).count();
                u64::try_from(count).unwrap()
            };
            let waiting = state
                .rows
                .values()
                .filter(|stored| matches!(stored.row.state, RowState::Ready | RowState::Held));
            OutboxStats {
                pending: count(&|row| row != RowState::Dead),
                held: count(&|row| row == RowState::Held),
                dead: count(&|row| row == RowState::Dead),
                oldest_pending: waiting.map(|stored| now - stored.since).max(),
            }
        })
    }

    pub(in crate::conformance) fn kinds(&self) -> Vec<KindStats> {
        self.with(|state| {
            let now = Instant::now();
            let mut kinds: BTreeMap<&str, KindStats> = BTreeMap::new();
            for stored in state.rows.values() {
                if stored.row.state == RowState::Dead {
                    continue;
                }
                let stats = kinds.entry(&stored.row.kind).or_insert_with(|| KindStats {
                    kind: stored.row.kind.clone(),
                    pending: 0,
                    oldest_pending: None,
                });
                stats.pending += 1;
                if stored.row.state != RowState::Delayed {
                    stats.oldest_pending = stats.oldest_pending.max(Some(now - stored.since));
                }
            }
            kinds.into_values().collect()
        })
    }
}

impl History {
    fn learn(&mut self, stored: &Stored) {
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

impl State {
    /// The leases that `take` says yes to, as they are then.
    fn take(&mut self, max: usize, mut take: impl FnMut(&mut Held) -> bool) -> Vec<Lease> {
        let leases = self.leases.iter_mut().zip(0..);
        leases
            .filter_map(|(lease, partition)| {
                take(lease).then_some(Lease {
                    partition,
                    epoch: lease.epoch,
                })
            })
            .take(max)
            .collect()
    }

    fn sweep_behind(&mut self, leases: &Leases) {
        let standing = self.standing(leases);
        let mut closed = HashSet::new();
        for stored in self.rows.values_mut() {
            let row = &mut stored.row;
            let Some(key) = &row.key else { continue };
            if is_kept(row) {
                closed.insert(key.clone());
            } else if row.state == RowState::Ready
                && closed.contains(key)
                && standing.contains(&row.partition)
            {
                row.state = RowState::Held;
            }
        }
    }

    /// The first of each key in the order of the keys, then those without one.
    fn page(&self, from: &KeptFrom, limit: usize) -> Vec<Kept> {
        let now = Instant::now();
        let place = |key: Option<&str>, seq: i64| (key.is_none(), key.map(str::to_owned), seq);
        let after = from.after.as_ref();
        let after = after.map(|(key, seq)| match key {
            // A key is done with its first message.
            Some(key) => place(Some(key), i64::MAX),
            None => place(None, *seq),
        });
        let mut known = HashSet::new();
        let mut kept: Vec<Kept> = self
            .rows
            .values()
            .filter(|stored| stored.row.partition == from.partition && is_kept(&stored.row))
            .filter(|stored| stored.row.key.is_none() || known.insert(&stored.row.key))
            .map(|Stored { row, retry_at, .. }| Kept {
                seq: row.seq,
                partition: row.partition,
                key: row.key.clone(),
                kind: row.kind.clone(),
                dead: row.state == RowState::Dead,
                attempts: row.attempts,
                retry_in: retry_at.map_or(Duration::ZERO, |at| at.saturating_duration_since(now)),
            })
            .filter(|kept| Some(place(kept.key.as_deref(), kept.seq)) > after)
            .collect();
        kept.sort_by_key(|kept| place(kept.key.as_deref(), kept.seq));
        kept.truncate(limit);
        kept
    }

    /// As the databases do, it looks at owner and epoch, not at the term: until
    /// somebody takes it, a lease that ended still stands.
    fn standing(&self, leases: &Leases) -> Vec<i32> {
        let held = leases.held.iter().filter(|lease| {
            let now = self.leases[index(lease.partition)];
            now.owner == Some(leases.member) && now.epoch == lease.epoch
        });
        held.map(|lease| lease.partition).collect()
    }
}

fn is_kept(row: &Row) -> bool {
    matches!(row.state, RowState::Held | RowState::Dead)
}

fn index(partition: i32) -> usize {
    usize::try_from(partition).unwrap()
}
