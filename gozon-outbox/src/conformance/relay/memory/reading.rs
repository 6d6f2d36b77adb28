//! What is read for publishing and at a take-over, and what is counted.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;

use super::{Memory, State, Stored, is_kept};
use crate::store::{Kept, KeptFrom, KindStats, OutboxStats, Read, Row, RowState};

impl Memory {
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

    pub(in crate::conformance) fn kept(&self, from: &[KeptFrom], limit: u32) -> Vec<Kept> {
        self.with(|state| {
            let pages = from.iter().map(|from| state.page(from, limit as usize));
            pages.flatten().collect()
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

impl State {
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
}
