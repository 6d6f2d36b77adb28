//! Members, leases, and what is known about a partition.

use gozon_outbox::store::{KeptFrom, Lease, Leases};
use gozon_sqlx::DbError;
use tokio::time::Instant;

use super::{Fault, Held, Naive, Owned, bounded};

impl Naive {
    pub(super) async fn tick(&mut self) -> Result<(), DbError> {
        let (member, term) = (self.member, self.config.term);
        let asked = Instant::now();
        let partitions = bounded(self.store.partitions()).await?;
        let members = bounded(self.store.heartbeat(member, term, false)).await?;
        let mut leases = bounded(self.store.renew(member, term)).await?;
        let target = match self.fault {
            Fault::TakesEverything => partitions,
            _ => partitions.div_ceil(members.live),
        };
        let missing = target.saturating_sub(u32::try_from(leases.len()).unwrap());
        let takes = self.fault != Fault::TakesOnce || self.highest == 0 && self.owned.is_empty();
        if missing > 0 && takes {
            leases.extend(bounded(self.store.acquire(member, term, missing, false)).await?);
        }
        let until = asked + term - term / 10;
        self.owned.retain(|partition, owned| {
            let stands =
                |lease: &Lease| (lease.partition, lease.epoch) == (*partition, owned.epoch);
            leases.iter().any(stands)
        });
        for lease in leases {
            let new = Owned {
                epoch: lease.epoch,
                until,
                loaded: false,
                leaving: false,
            };
            let owned = self.owned.entry(lease.partition).or_insert(new);
            owned.until = until;
        }
        let surplus = self.owned.len().saturating_sub(target as usize);
        for owned in self.owned.values_mut().rev().take(surplus) {
            owned.leaving = true;
        }
        self.forget_what_is_not_ours();
        Ok(())
    }

    fn forget_what_is_not_ours(&mut self) {
        let ours = |partition: &i32| {
            let owned = self.owned.get(partition);
            owned.is_some_and(|owned| owned.loaded && !owned.leaving)
        };
        self.waiting.retain(|_, row| ours(&row.partition));
        self.held.retain(|_, held| ours(&held.partition));
        let known = self.held.keys().copied().collect::<Vec<_>>();
        self.failures
            .retain(|failure| known.contains(&failure.seq) || failure.dead);
    }

    /// What earlier owners held. Before that, nothing of a partition is read.
    pub(super) async fn load(&mut self) -> Result<(), DbError> {
        let flying: Vec<i32> = self.flying.values().map(|row| row.partition).collect();
        let new: Vec<i32> = self
            .owned
            .iter()
            .filter(|(partition, owned)| !owned.loaded && !flying.contains(partition))
            .map(|(partition, _)| *partition)
            .collect();
        if new.is_empty() {
            return Ok(());
        }
        if self.fault != Fault::ForgetsHeldKeys {
            let now = Instant::now();
            let from: Vec<KeptFrom> = new
                .iter()
                .map(|partition| KeptFrom {
                    partition: *partition,
                    after: None,
                })
                .collect();
            // One page for all: no rule here holds so many keys.
            for kept in bounded(self.store.kept(&from, u32::MAX)).await? {
                let held = Held {
                    key: kept.key,
                    kind: kept.kind,
                    partition: kept.partition,
                    due: now + kept.retry_in,
                    delivered: false,
                };
                self.held.insert(kept.seq, held);
            }
        }
        for partition in new {
            self.owned.get_mut(&partition).unwrap().loaded = true;
        }
        Ok(())
    }

    /// Gives back what nothing is under way of.
    pub(super) async fn shed(&mut self) -> Result<(), DbError> {
        let leaving = self.leases(|owned| owned.leaving);
        let flying: Vec<i32> = self.flying.values().map(|row| row.partition).collect();
        let mut idle = leaving;
        idle.held.retain(|lease| !flying.contains(&lease.partition));
        if idle.held.is_empty() {
            return Ok(());
        }
        bounded(self.store.release(&idle)).await?;
        for lease in idle.held {
            self.owned.remove(&lease.partition);
        }
        Ok(())
    }

    pub(super) fn readable(&self) -> Leases {
        let now = Instant::now();
        let late = self.fault == Fault::PublishesAfterItsTerm;
        self.leases(|owned| owned.loaded && !owned.leaving && (now < owned.until || late))
    }

    pub(super) fn all(&self) -> Leases {
        self.leases(|_| true)
    }

    fn leases(&self, wanted: impl Fn(&Owned) -> bool) -> Leases {
        let owned = self.owned.iter().filter(|(_, owned)| wanted(owned));
        Leases {
            member: self.member,
            held: owned
                .map(|(partition, owned)| Lease {
                    partition: *partition,
                    epoch: owned.epoch,
                })
                .collect(),
        }
    }
}
