//! What a relay writes: confirmed, held, in the way, ready again, due.

use std::collections::HashSet;

use tokio::time::Instant;

use super::{Memory, State, is_kept};
use crate::store::{Failure, Leases, RowState};

impl Memory {
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
}

impl State {
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
}
