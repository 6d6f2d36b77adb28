//! Who may relay what.

use std::collections::HashSet;

use super::{Bench, LONG, SHORT, eventually};
use crate::OutboxDatabase;
use crate::store::{Lease, Leases, MemberId};

/// Not even when many take at once.
pub async fn no_partition_has_two_owners<D: OutboxDatabase>(bench: &Bench<D>) {
    let total = bench.store.partitions().await.unwrap();
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let store = bench.store.clone();
        tasks.push(tokio::spawn(async move {
            store
                .acquire(MemberId::generate(), LONG, total, false)
                .await
                .unwrap()
        }));
    }
    let mut taken = Vec::new();
    for task in tasks {
        taken.extend(task.await.unwrap());
    }
    // Whoever found a row locked passed it by; what is left is free.
    let rest = bench
        .store
        .acquire(MemberId::generate(), LONG, total, false);
    taken.extend(rest.await.unwrap());

    let distinct: HashSet<i32> = taken.iter().map(|lease| lease.partition).collect();
    assert_eq!(taken.len(), distinct.len());
    assert_eq!(distinct.len(), usize::try_from(total).unwrap());
}

/// And then with the next epoch; renewing keeps it.
pub async fn a_lease_can_be_taken_only_after_its_term<D: OutboxDatabase>(bench: &Bench<D>) {
    let (old, new) = (MemberId::generate(), MemberId::generate());
    let first = bench.store.acquire(old, LONG, 1, false).await.unwrap();
    assert_eq!(first.len(), 1);
    let others = bench.store.acquire(new, LONG, 1_024, false).await.unwrap();
    assert!(!others.contains(&first[0]));
    assert!(
        bench
            .store
            .acquire(new, LONG, 1_024, false)
            .await
            .unwrap()
            .is_empty()
    );

    let renewed = bench.store.renew(old, SHORT).await.unwrap();
    assert_eq!(renewed, first);
    let mut taken = Vec::new();
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    while taken.is_empty() && tokio::time::Instant::now() < deadline {
        taken = bench.store.acquire(new, LONG, 1_024, false).await.unwrap();
    }

    assert_eq!(taken[0].partition, first[0].partition);
    assert_eq!(taken[0].epoch, first[0].epoch + 1);
    assert!(bench.store.renew(old, LONG).await.unwrap().is_empty());
}

/// For as long as it was renewed.
pub async fn a_renewed_lease_outlasts_its_first_term<D: OutboxDatabase>(bench: &Bench<D>) {
    let (silent, heir) = (MemberId::generate(), MemberId::generate());
    let (renews, kept) = renewed_in_time(bench).await;
    let ended = bench.store.acquire(silent, SHORT, 1, false).await.unwrap();

    // It began after the first term of the other, which was as short.
    eventually("the silent member's lease ends", || async {
        let taken = bench.store.acquire(heir, LONG, 1_024, false).await.unwrap();
        let took = |partition| taken.iter().any(|lease| lease.partition == partition);
        assert!(!took(kept[0].partition), "a renewed lease was taken");
        took(ended[0].partition)
    })
    .await;
    assert_eq!(bench.store.renew(renews, LONG).await.unwrap(), kept);
}

/// A lease whose term was short when it was taken and is long now. On a busy
/// machine a term may end before it can be renewed: then with another one.
async fn renewed_in_time<D: OutboxDatabase>(bench: &Bench<D>) -> (MemberId, Vec<Lease>) {
    for _ in 0..20 {
        let member = MemberId::generate();
        let taken = bench.store.acquire(member, SHORT, 1, false).await.unwrap();
        let renewed = bench.store.renew(member, LONG).await.unwrap();
        if !renewed.is_empty() {
            assert_eq!(renewed, taken);
            return (member, taken);
        }
    }
    panic!("no lease can be renewed in time");
}

/// Only with its right epoch.
pub async fn a_released_lease_can_be_taken_at_once<D: OutboxDatabase>(bench: &Bench<D>) {
    let leases = bench.own_all().await;
    let mut stale = leases.clone();
    stale.held[0].epoch -= 1;
    stale.held.truncate(1);
    let other = MemberId::generate();

    bench.store.release(&stale).await.unwrap();
    assert!(
        bench
            .store
            .acquire(other, LONG, 1_024, false)
            .await
            .unwrap()
            .is_empty()
    );

    let given = Leases {
        member: leases.member,
        held: leases.held[..3].to_vec(),
    };
    bench.store.release(&given).await.unwrap();
    assert_eq!(
        bench
            .store
            .acquire(other, LONG, 1_024, false)
            .await
            .unwrap()
            .len(),
        3
    );
}

/// Whose owner is certainly gone need not be waited for.
pub async fn who_is_certainly_alone_takes_leases_at_once<D: OutboxDatabase>(bench: &Bench<D>) {
    let total = bench.store.partitions().await.unwrap();
    let gone = bench.own_all().await;
    bench
        .store
        .heartbeat(gone.member, LONG, false)
        .await
        .unwrap();
    let heir = MemberId::generate();

    let members = bench.store.heartbeat(heir, LONG, true).await.unwrap();
    let taken = bench.store.acquire(heir, LONG, total, true).await.unwrap();

    assert_eq!(members.live, 1);
    assert_eq!(taken.len(), usize::try_from(total).unwrap());
    assert!(taken.iter().all(|lease| lease.epoch > gone.held[0].epoch));
}

/// By heartbeats whose term has not ended.
pub async fn members_are_counted_while_they_live<D: OutboxDatabase>(bench: &Bench<D>) {
    let (stays, dies) = (MemberId::generate(), MemberId::generate());
    let beat = async |member, term| {
        let members = bench.store.heartbeat(member, term, false).await;
        members.unwrap().live
    };
    assert_eq!(beat(dies, LONG).await, 1);
    assert_eq!(beat(stays, LONG).await, 2);

    beat(dies, SHORT).await;
    eventually("the silent member is no longer counted", || async {
        beat(stays, LONG).await == 1
    })
    .await;
}

/// Those that nobody holds and those that have ended.
pub async fn free_leases_are_counted<D: OutboxDatabase>(bench: &Bench<D>) {
    let total = bench.store.partitions().await.unwrap();
    assert_eq!(bench.store.free().await.unwrap(), total);
    let leases = bench.own_all().await;
    assert_eq!(bench.store.free().await.unwrap(), 0);

    let given = Leases {
        member: leases.member,
        held: leases.held[..3].to_vec(),
    };
    bench.store.release(&given).await.unwrap();
    assert_eq!(bench.store.free().await.unwrap(), 3);

    bench.store.renew(leases.member, SHORT).await.unwrap();
    eventually("all have ended", || async {
        bench.store.free().await.unwrap() == total
    })
    .await;
}

/// Its leases are free and it is no longer counted.
pub async fn a_member_that_leaves_leaves_nothing_behind<D: OutboxDatabase>(bench: &Bench<D>) {
    let total = bench.store.partitions().await.unwrap();
    let leases = bench.own_all().await;
    bench
        .store
        .heartbeat(leases.member, LONG, false)
        .await
        .unwrap();

    bench.store.leave(leases.member).await.unwrap();

    let other = MemberId::generate();
    assert_eq!(
        bench
            .store
            .heartbeat(other, LONG, false)
            .await
            .unwrap()
            .live,
        1
    );
    let taken = bench
        .store
        .acquire(other, LONG, total, false)
        .await
        .unwrap();
    assert_eq!(taken.len(), usize::try_from(total).unwrap());
}
