//! Members, and the leases that they take and lose.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::{Memory, State, index};
use crate::store::{Lease, Leases, MemberId, Membership};

#[derive(Clone, Copy)]
pub(super) struct Held {
    owner: Option<MemberId>,
    epoch: i64,
    until: Instant,
}

impl Held {
    /// By nobody, and never yet.
    pub(super) fn free() -> Self {
        Self {
            owner: None,
            epoch: 0,
            until: Instant::now(),
        }
    }

    fn is_free(&self) -> bool {
        self.owner.is_none() || self.until <= Instant::now()
    }
}

impl Memory {
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

    pub(in crate::conformance) fn members(&self) -> usize {
        self.with(|state| state.members.len())
    }
}

impl State {
    /// As the databases do, it looks at owner and epoch, not at the term: until
    /// somebody takes it, a lease that ended still stands.
    pub(super) fn standing(&self, leases: &Leases) -> Vec<i32> {
        let held = leases.held.iter().filter(|lease| {
            let now = self.leases[index(lease.partition)];
            now.owner == Some(leases.member) && now.epoch == lease.epoch
        });
        held.map(|lease| lease.partition).collect()
    }

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
}
