use gozon_outbox::store::{Failure, Leases, OutboxStats};
use gozon_sqlx::DbError;

use super::{Broken, Fault};

impl Broken {
    pub(super) async fn broken_delete(&self, seqs: &[i64]) -> Result<(), DbError> {
        let mut seqs = seqs.to_vec();
        match self.fault {
            Fault::DeletesNothing => return Ok(()),
            Fault::DeletesUnderTheEpochAlone => {
                let rows: Vec<(i32, i64)> =
                    sqlx::query_as("SELECT partition, epoch FROM gozon_outbox_leases")
                        .fetch_all(self.db.reader())
                        .await?;
                let read_under = self.read_under.lock().unwrap();
                seqs.retain(|seq| {
                    let lease = read_under.get(seq);
                    lease.is_none_or(|lease| rows.contains(&(lease.partition, lease.epoch)))
                });
            }
            _ => {}
        }
        self.inner.delete(&seqs).await
    }

    pub(super) async fn broken_hold(
        &self,
        leases: &Leases,
        failures: &[Failure],
    ) -> Result<Vec<i32>, DbError> {
        let mut failures = failures.to_vec();
        for failure in &mut failures {
            match self.fault {
                Fault::CountsWhatWasPutAside => failure.attempted = true,
                Fault::CountsNoAttempt => failure.attempted = false,
                Fault::BuriesNothing => failure.dead = false,
                _ => {}
            }
        }
        let standing = self.inner.hold(leases, &failures).await?;
        if self.fault == Fault::HoldsAllKeyless {
            self.sql(
                "UPDATE gozon_outbox SET state = 'held' WHERE state = 'ready' AND key IS NULL",
            )
            .await?;
        }
        Ok(standing)
    }

    pub(super) async fn broken_sweep(
        &self,
        leases: &Leases,
        keys: &[String],
    ) -> Result<(), DbError> {
        match self.fault {
            Fault::SweepsNothing => Ok(()),
            Fault::SweepsTheNamedAlone if keys.is_empty() => Ok(()),
            Fault::SweepsEverything => {
                self.sql("UPDATE gozon_outbox SET state = 'held' WHERE state = 'ready'")
                    .await
            }
            _ => self.inner.sweep(leases, keys).await,
        }
    }

    pub(super) async fn broken_unhold(
        &self,
        leases: &Leases,
        keys: &[String],
    ) -> Result<Vec<i32>, DbError> {
        match self.fault {
            Fault::UnholdsNothing => return self.inner.unhold(leases, &[]).await,
            Fault::UnholdsEverything => {
                self.sql("UPDATE gozon_outbox SET state = 'ready' WHERE state = 'held'")
                    .await?;
            }
            Fault::RevivesTheDead => {
                self.sql("UPDATE gozon_outbox SET state = 'ready' WHERE state = 'dead'")
                    .await?;
            }
            _ => {}
        }
        self.inner.unhold(leases, keys).await
    }

    pub(super) async fn broken_promote(&self, leases: &Leases, max: u32) -> Result<u64, DbError> {
        match self.fault {
            Fault::PromotesEarly => {
                self.sql("UPDATE gozon_outbox SET due_at = 0 WHERE state = 'delayed'")
                    .await?;
                self.inner.promote(leases, max).await
            }
            Fault::PromotesInPlace => {
                let promoted = sqlx::query(
                    "UPDATE gozon_outbox SET state = 'ready', due_at = NULL
                     WHERE due_at <= CAST(unixepoch('now', 'subsec') * 1000000 AS INTEGER)",
                )
                .execute(self.db.writer())
                .await?;
                Ok(promoted.rows_affected())
            }
            _ => self.inner.promote(leases, max).await,
        }
    }

    pub(super) async fn broken_stats(
        &self,
        mut stats: OutboxStats,
    ) -> Result<OutboxStats, DbError> {
        match self.fault {
            Fault::CountsTheDead => stats.pending += stats.dead,
            Fault::CountsNoHeld => stats.held = 0,
            Fault::CountsNoAge => stats.oldest_pending = None,
            Fault::CountsNoDelayed => {
                let delayed = self
                    .numbers("SELECT count(*) FROM gozon_outbox WHERE state = 'delayed'")
                    .await?;
                stats.pending -= u64::try_from(delayed[0]).unwrap();
            }
            _ => {}
        }
        Ok(stats)
    }
}
