//! What a new owner finds.

use std::collections::HashSet;

use super::writing::failure;
use super::{Bench, LONG, message};
use crate::OutboxDatabase;
use crate::store::{Failure, KeptFrom, MemberId};

/// None twice, none left out: more keys and messages without a key than a page
/// holds, in one partition and in many.
pub async fn held_keys_are_loaded_page_by_page<D: OutboxDatabase>(bench: &Bench<D>) {
    let mut messages: Vec<_> = (0..150)
        .map(|n| message(Some(&format!("k{n}")), "head"))
        .collect();
    messages.push(message(Some(""), "head"));
    messages.extend((0..150).map(|_| message(None, "single")));
    bench.append(&messages).await;
    let leases = bench.own_all().await;
    let rows = bench.read(&leases).await;
    let failures: Vec<Failure> = rows
        .iter()
        .map(|row| failure(row.seq, row.seq % 2 == 0))
        .collect();
    bench.store.hold(&leases, &failures).await.unwrap();

    let kept = bench.kept(&leases).await;

    let found: HashSet<i64> = kept.iter().map(|kept| kept.seq).collect();
    assert_eq!((kept.len(), found.len()), (rows.len(), rows.len()));
    for kept in &kept {
        let row = rows.iter().find(|row| row.seq == kept.seq).unwrap();
        assert_eq!((&kept.key, kept.partition), (&row.key, row.partition));
        assert_eq!(kept.dead, kept.seq % 2 == 0);
    }
}

/// Its first message, however many wait behind it.
pub async fn a_held_key_is_one_entry<D: OutboxDatabase>(bench: &Bench<D>) {
    let messages: Vec<_> = (0..50)
        .map(|n| message(Some("hot"), &n.to_string()))
        .collect();
    bench.append(&messages).await;
    let leases = bench.own_all().await;
    let rows = bench.read(&leases).await;
    let head = failure(rows[0].seq, false);
    bench.store.hold(&leases, &[head]).await.unwrap();
    bench
        .store
        .sweep(&leases, &["hot".to_owned()])
        .await
        .unwrap();
    let from = [KeptFrom {
        partition: rows[0].partition,
        after: None,
    }];

    let kept = bench.store.kept(&from, 10).await.unwrap();

    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].seq, rows[0].seq);
}

/// So that every member knows its share, and all shares together are all.
pub async fn members_stand_in_one_order<D: OutboxDatabase>(bench: &Bench<D>) {
    let members: Vec<MemberId> = (0..5).map(|_| MemberId::generate()).collect();
    for member in &members {
        bench.store.heartbeat(*member, LONG, false).await.unwrap();
    }

    let mut ranks = Vec::new();
    for member in &members {
        let seen = bench.store.heartbeat(*member, LONG, false).await.unwrap();
        assert_eq!(seen.live, 5);
        ranks.push(seen.rank);
    }

    ranks.sort_unstable();
    assert_eq!(ranks, [0, 1, 2, 3, 4]);
}
