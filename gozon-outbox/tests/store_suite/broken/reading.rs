use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gozon_outbox::store::{Kept, Lease, Read, Row, RowState};
use gozon_sqlx::DbError;

use super::{Broken, Cap, Fault};

impl Broken {
    pub(super) async fn broken_read(&self, mut read: Read) -> Result<Vec<Row>, DbError> {
        let asked = read.clone();
        match self.fault {
            Fault::IgnoresTheCap(Cap::PerPartition) => read.per_partition = u32::MAX,
            Fault::IgnoresTheCap(Cap::PerKey) | Fault::ReadsFromTheTop => read.per_key = u32::MAX,
            Fault::IgnoresTheCap(Cap::Limit) => read.limit = u32::MAX,
            Fault::IgnoresTheCap(Cap::Bytes) => read.bytes = u64::MAX,
            Fault::IgnoresSkippedKeys => read.skip_keys.clear(),
            Fault::IgnoresSkippedNumbers => read.skip_seqs.clear(),
            _ => {}
        }
        let mut rows = self.inner.read(&read).await?;
        match self.fault {
            Fault::ReadsNothingLarge => {
                let mut left = asked.bytes;
                rows.retain(|row| {
                    let bytes = u64::try_from(row.data.len()).unwrap();
                    let fits = bytes <= left;
                    left = left.saturating_sub(bytes);
                    fits
                });
            }
            Fault::ReadsFromTheTop => {
                let mut left: HashMap<Option<String>, u32> = HashMap::new();
                rows.reverse();
                rows.retain(|row| {
                    let left = left.entry(row.key.clone()).or_insert(asked.per_key);
                    *left = left.saturating_sub(1);
                    *left > 0
                });
                rows.reverse();
            }
            Fault::ReadsBackwards => rows.reverse(),
            Fault::ReadsBehindTheHeld => {
                let ready = self
                    .numbers("SELECT seq FROM gozon_outbox WHERE state = 'ready' ORDER BY seq")
                    .await?;
                return self.inner.fetch(&ready).await;
            }
            Fault::SkipsTheKeyless if !asked.skip_keys.is_empty() => {
                rows.retain(|row| row.key.is_some());
            }
            Fault::OnlyMovesForward => {
                let highest = self.highest.load(Ordering::SeqCst);
                rows.retain(|row| row.seq > highest);
                if let Some(last) = rows.last() {
                    self.highest.store(last.seq, Ordering::SeqCst);
                }
            }
            _ => {}
        }
        self.remember(&read, &rows);
        Ok(rows)
    }

    fn remember(&self, read: &Read, rows: &[Row]) {
        let leases: HashMap<i32, Lease> = read
            .leases
            .held
            .iter()
            .map(|lease| (lease.partition, *lease))
            .collect();
        let mut read_under = self.read_under.lock().unwrap();
        for row in rows {
            read_under.entry(row.seq).or_insert(leases[&row.partition]);
        }
    }

    pub(super) fn broken_fetch(&self, mut rows: Vec<Row>) -> Vec<Row> {
        if self.fault == Fault::FetchesReadyOnly {
            rows.retain(|row| row.state == RowState::Ready);
        }
        rows
    }

    pub(super) async fn broken_kept(&self, mut kept: Vec<Kept>) -> Result<Vec<Kept>, DbError> {
        match self.fault {
            Fault::ForgetsHeldKeys => kept.clear(),
            Fault::KeepsEveryRow => {
                let sql = "SELECT seq FROM gozon_outbox WHERE state = 'held'";
                for seq in self.numbers(sql).await? {
                    if kept.iter().all(|kept| kept.seq != seq) {
                        kept.push(Kept {
                            seq,
                            ..kept[0].clone()
                        });
                    }
                }
            }
            Fault::KeepsOneKeyless => {
                let mut known = false;
                kept.retain(|kept| kept.key.is_some() || !std::mem::replace(&mut known, true));
            }
            Fault::ForgetsAttempts => kept.iter_mut().for_each(|kept| kept.attempts = 0),
            Fault::ForgetsPauses => kept
                .iter_mut()
                .for_each(|kept| kept.retry_in = Duration::ZERO),
            _ => {}
        }
        Ok(kept)
    }
}
