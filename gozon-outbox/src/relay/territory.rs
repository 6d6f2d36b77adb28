//! Which partitions this relay owns, and until when it may be sure of it.

use std::collections::BTreeMap;

use tokio::time::Instant;

use crate::store::{Lease, Leases, MemberId, Membership};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Taken; its held keys are not known yet.
    New,
    /// They are being loaded.
    Loading,
    Active,
    /// Being given up: nothing new starts.
    Draining,
    /// The lease is being given back.
    Releasing,
}

#[derive(Debug, Clone, Copy)]
struct Owned {
    epoch: i64,
    /// By this process's monotonic clock, and earlier than in the database.
    until: Instant,
    stage: Stage,
}

#[derive(Debug)]
pub(super) struct Territory {
    member: MemberId,
    owned: BTreeMap<i32, Owned>,
}

impl Territory {
    pub(super) fn new(member: MemberId) -> Self {
        Self {
            member,
            owned: BTreeMap::new(),
        }
    }

    pub(super) fn member(&self) -> MemberId {
        self.member
    }

    /// Takes in what the lease table says is ours until `until`. Returns the
    /// partitions that were lost, and how many are new.
    pub(super) fn update(&mut self, leases: &[Lease], until: Instant) -> (Vec<i32>, usize) {
        let mut lost = Vec::new();
        self.owned.retain(|partition, owned| {
            let stands = leases
                .iter()
                .any(|lease| lease.partition == *partition && lease.epoch == owned.epoch);
            if !stands && owned.stage != Stage::Releasing {
                lost.push(*partition);
            }
            stands
        });
        let mut new = 0;
        for lease in leases {
            self.owned
                .entry(lease.partition)
                .and_modify(|owned| owned.until = until)
                .or_insert_with(|| {
                    new += 1;
                    Owned {
                        epoch: lease.epoch,
                        until,
                        stage: Stage::New,
                    }
                });
        }
        (lost, new)
    }

    pub(super) fn remove(&mut self, partition: i32) -> bool {
        self.owned.remove(&partition).is_some()
    }

    pub(super) fn owns(&self, partition: i32) -> bool {
        self.owned.contains_key(&partition)
    }

    /// Whether a message of this partition may be published now.
    pub(super) fn may_publish(&self, partition: i32, now: Instant) -> bool {
        self.owned
            .get(&partition)
            .is_some_and(|owned| owned.stage == Stage::Active && now < owned.until)
    }

    pub(super) fn in_stage(&self, stage: Stage) -> Vec<i32> {
        let owned = self.owned.iter().filter(|(_, owned)| owned.stage == stage);
        owned.map(|(partition, _)| *partition).collect()
    }

    pub(super) fn set_stage(&mut self, partitions: &[i32], stage: Stage) {
        for partition in partitions {
            if let Some(owned) = self.owned.get_mut(partition) {
                owned.stage = stage;
            }
        }
    }

    /// What may be read now.
    pub(super) fn readable(&self, now: Instant) -> Leases {
        self.leases(|owned| owned.stage == Stage::Active && now < owned.until)
    }

    /// Whether messages that were read under this lease may be taken in.
    pub(super) fn is_active(&self, lease: Lease) -> bool {
        let owned = self.owned.get(&lease.partition);
        owned.is_some_and(|owned| owned.stage == Stage::Active && owned.epoch == lease.epoch)
    }

    /// Forgets a lease that was lost, unless it was taken again since.
    pub(super) fn lose(&mut self, lease: Lease) {
        let owned = self.owned.get(&lease.partition);
        if owned.is_some_and(|owned| owned.epoch == lease.epoch) {
            self.owned.remove(&lease.partition);
        }
    }

    /// What may be written about: everything but what is being given back.
    pub(super) fn writable(&self) -> Leases {
        self.leases(|owned| owned.stage != Stage::Releasing)
    }

    pub(super) fn all(&self) -> Leases {
        self.leases(|_| true)
    }

    pub(super) fn of(&self, partitions: &[i32]) -> Leases {
        let mut leases = self.all();
        leases
            .held
            .retain(|lease| partitions.contains(&lease.partition));
        leases
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

    /// What is to be given up so that no more than `target` remain; what is not
    /// in use yet goes first.
    pub(super) fn surplus(&self, target: usize) -> Vec<i32> {
        let keeps = |stage| matches!(stage, Stage::New | Stage::Loading | Stage::Active);
        let mut kept: Vec<(bool, i32)> = self
            .owned
            .iter()
            .filter(|(_, owned)| keeps(owned.stage))
            .map(|(partition, owned)| (owned.stage == Stage::Active, *partition))
            .collect();
        kept.sort_unstable_by_key(|(active, partition)| (!active, *partition));
        let surplus = kept.split_off(target.min(kept.len()));
        surplus
            .into_iter()
            .map(|(_, partition)| partition)
            .collect()
    }
}

/// The even share of one member; what is left over goes to the first of them,
/// so that all shares together are all partitions.
pub(super) fn share(partitions: u32, members: Membership) -> u32 {
    let live = members.live.max(1);
    partitions / live + u32::from(members.rank < partitions % live)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn leases(partitions: std::ops::Range<i32>, epoch: i64) -> Vec<Lease> {
        partitions
            .map(|partition| Lease { partition, epoch })
            .collect()
    }

    #[test]
    fn shares_are_even_and_cover_all_partitions() {
        for live in 1..=80 {
            let shares: Vec<u32> = (0..live)
                .map(|rank| share(64, Membership { live, rank }))
                .collect();

            assert_eq!(shares.iter().sum::<u32>(), 64);
            assert!(shares[0] - shares[shares.len() - 1] <= 1, "{shares:?}");
        }
        let nobody = Membership { live: 0, rank: 0 };
        assert_eq!(share(64, nobody), 64);
    }

    #[test]
    fn a_lease_with_another_epoch_is_a_loss_and_a_gain() {
        let mut territory = Territory::new(MemberId::generate());
        let until = Instant::now() + Duration::from_secs(9);
        territory.update(&leases(0..4, 1), until);
        territory.set_stage(&[0, 1, 2, 3], Stage::Active);

        let (lost, new) = territory.update(&leases(1..4, 2), until);

        assert_eq!((lost, new), (vec![0, 1, 2, 3], 3));
        assert!(!territory.may_publish(1, Instant::now()));
    }

    #[test]
    fn nothing_is_published_after_the_term() {
        let mut territory = Territory::new(MemberId::generate());
        let now = Instant::now();
        territory.update(&leases(0..1, 1), now + Duration::from_secs(1));
        territory.set_stage(&[0], Stage::Active);

        assert!(territory.may_publish(0, now));
        assert!(!territory.may_publish(0, now + Duration::from_secs(1)));
        assert!(
            territory
                .readable(now + Duration::from_secs(1))
                .held
                .is_empty()
        );
    }

    #[test]
    fn what_is_not_in_use_is_shed_first() {
        let mut territory = Territory::new(MemberId::generate());
        territory.update(&leases(0..4, 1), Instant::now());
        territory.set_stage(&[2, 3], Stage::Active);

        assert_eq!(territory.surplus(2), [0, 1]);
        assert_eq!(territory.surplus(9), [0_i32; 0]);
    }
}
