//! What a poll sees.

use std::collections::HashMap;

use super::writing::failure;
use super::{Bench, LONG, all, message, texts};
use crate::OutboxDatabase;
use crate::store::{Leases, MemberId, Read};

/// Neither another member's, nor nobody's.
pub async fn only_owned_partitions_are_read<D: OutboxDatabase>(bench: &Bench<D>) {
    let messages: Vec<_> = (0..200)
        .map(|n| message(Some(&format!("k{n}")), ""))
        .collect();
    bench.append(&messages).await;
    let member = MemberId::generate();
    let held = bench.store.acquire(member, LONG, 10, false).await.unwrap();
    let ours: Vec<i32> = held.iter().map(|lease| lease.partition).collect();
    let mine = Leases { member, held };
    let thief = Leases {
        member: MemberId::generate(),
        held: mine.held.clone(),
    };

    let rows = bench.read(&mine).await;

    assert!(!rows.is_empty() && rows.iter().all(|row| ours.contains(&row.partition)));
    assert!(bench.read(&thief).await.is_empty());
}

/// A former owner does not know which keys are held by now.
pub async fn a_read_under_a_lost_epoch_finds_nothing<D: OutboxDatabase>(bench: &Bench<D>) {
    bench.append(&[message(Some("k"), "")]).await;
    let old = bench.own_all().await;
    assert_eq!(bench.read(&old).await.len(), 1);

    bench.own_all().await;

    assert!(bench.read(&old).await.is_empty());
}

/// Per partition, per key, and in all; each key from its lowest number.
pub async fn a_read_keeps_its_limits<D: OutboxDatabase>(bench: &Bench<D>) {
    let mut messages: Vec<_> = (0..30)
        .map(|n| message(Some("hot"), &format!("{n:02}")))
        .collect();
    messages.extend((0..300).map(|n| message(Some(&format!("k{n}")), "cold")));
    bench.append(&messages).await;
    let leases = bench.own_all().await;

    let hot = Read {
        per_key: 3,
        ..all(&leases)
    };
    let rows = bench.store.read(&hot).await.unwrap();
    let read: Vec<String> = texts(&rows)
        .into_iter()
        .filter(|text| text != "cold")
        .collect();
    assert_eq!(read, ["00", "01", "02"]);
    assert_eq!(rows.len(), 303);

    let narrow = Read {
        per_partition: 2,
        ..all(&leases)
    };
    let mut counts: HashMap<i32, usize> = HashMap::new();
    for row in bench.store.read(&narrow).await.unwrap() {
        *counts.entry(row.partition).or_default() += 1;
    }
    assert!(counts.len() > 50 && counts.values().all(|count| *count <= 2));

    let small = Read {
        limit: 7,
        ..all(&leases)
    };
    assert_eq!(bench.store.read(&small).await.unwrap().len(), 7);
}

/// In the order of numbers, and never none at all.
pub async fn a_read_keeps_its_bytes<D: OutboxDatabase>(bench: &Bench<D>) {
    let messages: Vec<_> = (0..5)
        .map(|n| message(Some("k"), &format!("{n}---------")))
        .collect();
    bench.append(&messages).await;
    let leases = bench.own_all().await;
    for (bytes, expected) in [(1, 1), (10, 1), (11, 2), (40, 4), (1_000, 5)] {
        let read = Read {
            bytes,
            ..all(&leases)
        };
        let rows = bench.store.read(&read).await.unwrap();
        assert_eq!(rows.len(), expected, "with {bytes} bytes");
        assert!(rows.first().is_none_or(|row| row.data[0] == b'0'));
    }
}

/// Whatever the reader knows: also what is appended after the hold, and also
/// behind a dead one, but no other key, and nothing without a key.
pub async fn what_is_behind_a_held_message_is_not_read<D: OutboxDatabase>(bench: &Bench<D>) {
    let keys = ["held", "dead", "other"];
    let say = |text: &str| keys.map(|key| message(Some(key), &format!("{key} {text}")));
    bench.append(&say("1")).await;
    bench.append(&[message(None, "none 1")]).await;
    let leases = bench.own_all().await;
    let rows = bench.read(&leases).await;
    let failures: Vec<_> = [(0, false), (1, true), (3, false)]
        .map(|(row, dead)| failure(rows[row].seq, dead))
        .into();

    bench.store.hold(&leases, &failures).await.unwrap();
    bench.append(&say("2")).await;
    bench.append(&[message(None, "none 2")]).await;

    assert_eq!(
        texts(&bench.read(&leases).await),
        ["other 1", "other 2", "none 2"]
    );
}

/// Held keys and messages in flight, but no message without a key.
pub async fn a_read_leaves_out_what_it_is_told_to<D: OutboxDatabase>(bench: &Bench<D>) {
    let messages = [
        message(Some("held"), "held"),
        message(Some("flows"), "in flight"),
        message(Some("flows"), "next"),
        message(None, "keyless"),
    ];
    bench.append(&messages).await;
    let leases = bench.own_all().await;
    let in_flight = bench.read(&leases).await[1].seq;

    let read = Read {
        skip_keys: vec!["held".to_owned()],
        skip_seqs: vec![in_flight],
        ..all(&leases)
    };

    assert_eq!(
        texts(&bench.store.read(&read).await.unwrap()),
        ["next", "keyless"]
    );
}

/// Lower numbers of other keys commit later, so every read starts at the front.
pub async fn a_read_is_not_a_cursor<D: OutboxDatabase>(bench: &Bench<D>) {
    bench
        .append(&[message(Some("a"), "a"), message(Some("b"), "b")])
        .await;
    let leases = bench.own_all().await;
    let first = bench.read(&leases).await[0].seq;
    let high = Read {
        skip_seqs: vec![first],
        ..all(&leases)
    };
    assert_eq!(texts(&bench.store.read(&high).await.unwrap()), ["b"]);

    assert_eq!(texts(&bench.read(&leases).await), ["a", "b"]);
}
