use std::time::Duration;

use gozon_outbox::store::{Lease, MemberId, Membership};
use gozon_sqlx::DbError;

use super::{Broken, Fault};

impl Broken {
    pub(super) async fn broken_heartbeat(
        &self,
        member: MemberId,
        term: Duration,
        alone: bool,
    ) -> Result<Membership, DbError> {
        match self.fault {
            Fault::CountsTheDeadMembers => {
                // As if nobody's term had ended.
                self.sql("UPDATE gozon_outbox_members SET until = until + 3600000000")
                    .await?;
                self.inner.heartbeat(member, term, alone).await
            }
            Fault::CountsTheGoneMembers => self.inner.heartbeat(member, term, false).await,
            Fault::RanksEverybodyFirst => Ok(Membership {
                rank: 0,
                ..self.inner.heartbeat(member, term, alone).await?
            }),
            _ => self.inner.heartbeat(member, term, alone).await,
        }
    }

    pub(super) async fn broken_renew(
        &self,
        member: MemberId,
        term: Duration,
    ) -> Result<Vec<Lease>, DbError> {
        match self.fault {
            Fault::RenewsTheLost => {
                self.inner.renew(member, term).await?;
                let acquired = self.acquired.lock().unwrap();
                Ok(acquired.get(&member).cloned().unwrap_or_default())
            }
            Fault::RenewsNothing => {
                let rows: Vec<(i32, i64)> = sqlx::query_as(
                    "SELECT partition, epoch FROM gozon_outbox_leases WHERE owner = ?1",
                )
                .bind(member.0)
                .fetch_all(self.db.reader())
                .await?;
                let leases = rows.into_iter();
                Ok(leases
                    .map(|(partition, epoch)| Lease { partition, epoch })
                    .collect())
            }
            _ => self.inner.renew(member, term).await,
        }
    }

    pub(super) async fn broken_acquire(
        &self,
        member: MemberId,
        term: Duration,
        max: u32,
        alone: bool,
    ) -> Result<Vec<Lease>, DbError> {
        let alone = match self.fault {
            Fault::TakesWhatOthersHold => true,
            Fault::WaitsForTheGone => false,
            _ => alone,
        };
        let max = match self.fault {
            Fault::TakesMoreThanAsked => u32::MAX,
            _ => max,
        };
        let mut taken = self.inner.acquire(member, term, max, alone).await?;
        if self.fault == Fault::KeepsTheEpoch {
            for lease in &mut taken {
                lease.epoch -= 1;
                sqlx::query("UPDATE gozon_outbox_leases SET epoch = ?2 WHERE partition = ?1")
                    .bind(lease.partition)
                    .bind(lease.epoch)
                    .execute(self.db.writer())
                    .await?;
            }
        }
        let mut acquired = self.acquired.lock().unwrap();
        acquired.entry(member).or_default().extend(&taken);
        Ok(taken)
    }

    pub(super) async fn broken_free(&self) -> Result<u32, DbError> {
        match self.fault {
            Fault::CountsAllAsFree => self.inner.partitions().await,
            Fault::CountsNoEndedLease => {
                let free = self
                    .numbers("SELECT count(*) FROM gozon_outbox_leases WHERE owner IS NULL")
                    .await?;
                Ok(u32::try_from(free[0]).unwrap())
            }
            _ => self.inner.free().await,
        }
    }

    pub(super) async fn broken_leave(&self, member: MemberId) -> Result<(), DbError> {
        let sql = match self.fault {
            Fault::LeavesWithItsLeases => "DELETE FROM gozon_outbox_members WHERE id = ?1",
            Fault::LeavesUnnoticed => {
                "UPDATE gozon_outbox_leases SET owner = NULL, until = NULL WHERE owner = ?1"
            }
            _ => return self.inner.leave(member).await,
        };
        sqlx::query(sql)
            .bind(member.0)
            .execute(self.db.writer())
            .await?;
        Ok(())
    }
}
