//! What is read from the outbox and written into it.

use gozon_outbox::store::{Read, RowState};
use gozon_sqlx::DbError;
use std::time::Duration;
use tokio::time::Instant;

use super::{Fault, Naive, bounded};

impl Naive {
    pub(super) async fn read(&mut self) -> Result<(), DbError> {
        self.next_read = Instant::now() + self.pause;
        let room = self
            .config
            .max_buffered
            .saturating_sub(self.waiting.len() + self.flying.len());
        let leases = self.readable();
        if room == 0 || leases.held.is_empty() {
            self.next_read = Instant::now() + self.config.poll_max;
            return Ok(());
        }
        let held = self.held.values().filter_map(|held| held.key.clone());
        let unwritten = self.failures.iter().map(|failure| failure.seq);
        let known = self.waiting.keys().chain(self.flying.keys());
        let read = Read {
            leases,
            skip_keys: held.collect(),
            skip_seqs: known
                .chain(&self.deletes)
                .chain(self.held.keys())
                .copied()
                .chain(unwritten)
                .collect(),
            per_partition: self.config.read_per_partition,
            per_key: self.config.read_per_key,
            limit: self.config.read_limit.min(u32::try_from(room).unwrap()),
            bytes: 64 << 20,
        };
        let mut rows = bounded(self.store.read(&read)).await?;
        let highest = rows.iter().map(|row| row.seq).max().unwrap_or_default();
        match self.fault {
            Fault::OnlyMovesForward => {
                rows.retain(|row| row.seq > self.highest);
                self.highest = self.highest.max(highest);
            }
            Fault::StartsAtTheEnd if self.highest == 0 => {
                self.highest = highest.max(1);
                rows.clear();
            }
            Fault::StartsAtTheEnd => rows.retain(|row| row.seq > self.highest),
            _ => {}
        }
        self.pause = match rows.is_empty() {
            true => (self.pause * 2).min(self.config.poll_max),
            false => self.config.poll_min,
        };
        for row in rows {
            self.waiting.insert(row.seq, row);
        }
        Ok(())
    }

    /// Confirmed messages first: that needs no lease.
    pub(super) async fn write(&mut self) -> Result<(), DbError> {
        if self.fault == Fault::DeletesNothing {
            return Ok(());
        }
        if !self.deletes.is_empty() {
            bounded(self.store.delete(&self.deletes)).await?;
            self.deletes.clear();
        }
        if !self.failures.is_empty() {
            bounded(self.store.hold(&self.all(), &self.failures)).await?;
            self.failures.clear();
        }
        let flows = |held: &super::Held| held.delivered;
        let keys: Vec<String> = self
            .held
            .values()
            .filter(|held| flows(held))
            .filter_map(|held| held.key.clone())
            .collect();
        if !keys.is_empty() {
            bounded(self.store.unhold(&self.all(), &keys)).await?;
            self.next_read = Instant::now();
        }
        self.held.retain(|_, held| !flows(held));
        Ok(())
    }

    /// Publishes held messages whose time has come.
    pub(super) async fn repeat(&mut self) -> Result<(), DbError> {
        let now = Instant::now();
        let may = self.readable().held;
        let mut due: Vec<i64> = Vec::new();
        for (seq, held) in &self.held {
            let ours = may.iter().any(|lease| lease.partition == held.partition);
            let idle = !held.delivered && !self.flying.contains_key(seq);
            if held.due <= now && ours && idle {
                due.push(*seq);
            }
        }
        // Who waits longest comes first, or a breaker would let the same one through.
        due.sort_by_key(|seq| self.held[seq].due);
        if due.is_empty() || self.fault == Fault::NeverRepeats {
            return Ok(());
        }
        let rows = bounded(self.store.fetch(&due)).await?;
        for seq in due {
            let row = rows.iter().find(|row| row.seq == seq).cloned();
            let kind = self.held[&seq].kind.clone();
            let Some(row) = row else {
                self.held.get_mut(&seq).unwrap().delivered = true;
                continue;
            };
            if row.state == RowState::Dead {
                self.held.get_mut(&seq).unwrap().due = now + Duration::from_secs(5);
                continue;
            }
            if !self.admits(&kind) {
                continue;
            }
            self.send(row);
        }
        Ok(())
    }
}
