//! What the relay writes.

use std::time::Duration;

use super::{Bench, LONG, all, message, texts};
use crate::OutboxDatabase;
use crate::store::{Failure, Leases, MemberId, Read, RowState};

pub(super) fn failure(seq: i64, dead: bool) -> Failure {
    Failure {
        seq,
        dead,
        attempted: true,
        reason: "because".to_owned(),
        retry_in: Duration::from_secs(5),
    }
}

/// Or a late delete would remove another message.
pub async fn a_number_is_never_used_twice<D: OutboxDatabase>(bench: &Bench<D>) {
    let leases = bench.own_all().await;
    bench.append(&[message(None, "one")]).await;
    let first = bench.read(&leases).await[0].seq;
    bench.store.delete(&[first]).await.unwrap();

    bench.append(&[message(None, "two")]).await;
    bench.store.delete(&[first]).await.unwrap();

    let rows = bench.read(&leases).await;
    assert_eq!(texts(&rows), ["two"]);
    assert!(rows[0].seq > first);
}

/// With its attempts and what is left of its pause; it is not read meanwhile.
pub async fn a_held_key_is_found_by_its_next_owner<D: OutboxDatabase>(bench: &Bench<D>) {
    bench
        .append(&[message(Some("k"), "one"), message(Some("k"), "two")])
        .await;
    let old = bench.own_all().await;
    let head = bench.read(&old).await[0].seq;
    bench
        .store
        .hold(&old, &[failure(head, false)])
        .await
        .unwrap();
    assert!(bench.read(&old).await.is_empty());
    bench.store.sweep(&old, &["k".to_owned()]).await.unwrap();

    let new = bench.own_all().await;
    let kept = bench.kept(&new).await;

    assert_eq!(kept.len(), 1);
    assert_eq!((kept[0].seq, kept[0].key.as_deref()), (head, Some("k")));
    assert_eq!((kept[0].attempts, kept[0].dead), (1, false));
    assert!(
        kept[0].retry_in > Duration::from_secs(1) && kept[0].retry_in <= Duration::from_secs(5)
    );
    assert!(bench.read(&new).await.is_empty());
    let fetched = bench.store.fetch(&[head]).await.unwrap();
    assert_eq!(
        (fetched[0].state, texts(&fetched)),
        (RowState::Held, vec!["one".to_owned()])
    );
}

/// What is only put aside was not attempted.
pub async fn attempts_are_counted_if_they_were_made<D: OutboxDatabase>(bench: &Bench<D>) {
    bench
        .append(&[message(None, "tried"), message(None, "put aside")])
        .await;
    let leases = bench.own_all().await;
    let rows = bench.read(&leases).await;
    let aside = Failure {
        attempted: false,
        ..failure(rows[1].seq, false)
    };

    let failures = [failure(rows[0].seq, false), aside];
    bench.store.hold(&leases, &failures).await.unwrap();

    let kept = bench.kept(&leases).await;
    let mut attempts: Vec<_> = kept.iter().map(|kept| (kept.seq, kept.attempts)).collect();
    attempts.sort_unstable();
    assert_eq!(attempts, [(rows[0].seq, 1), (rows[1].seq, 0)]);
}

/// In bulk both ways, and nothing of another key with it.
pub async fn a_held_key_leaves_the_ready_set_and_comes_back_in_order<D: OutboxDatabase>(
    bench: &Bench<D>,
) {
    let names: Vec<String> = (0..50).map(|n| format!("{n:02}")).collect();
    let mut messages: Vec<_> = names
        .iter()
        .map(|name| message(Some("hot"), name))
        .collect();
    messages.push(message(Some("other"), "other"));
    messages.push(message(Some("third"), "third"));
    bench.append(&messages).await;
    let leases = bench.own_all().await;
    let rows = bench.read(&leases).await;
    let head = rows[0].seq;
    let key = ["hot".to_owned()];

    let failures = [failure(head, false), failure(rows[51].seq, false)];
    bench.store.hold(&leases, &failures).await.unwrap();
    bench.store.sweep(&leases, &key).await.unwrap();
    assert_eq!(texts(&bench.read(&leases).await), ["other"]);
    assert_eq!(bench.store.stats().await.unwrap().held, 51);

    bench.store.delete(&[head]).await.unwrap();
    let standing = bench.store.unhold(&leases, &key).await.unwrap();
    assert_eq!(standing.len(), leases.held.len());
    let skip = Read {
        skip_keys: vec!["other".to_owned()],
        ..all(&leases)
    };
    assert_eq!(texts(&bench.store.read(&skip).await.unwrap()), names[1..]);
}

/// Whoever does not know all held keys names none.
pub async fn what_is_behind_any_held_message_leaves_the_ready_set<D: OutboxDatabase>(
    bench: &Bench<D>,
) {
    let said = [
        ("k", "one"),
        ("d", "one"),
        ("f", "one"),
        ("k", "two"),
        ("d", "two"),
    ];
    let messages = said.map(|(key, text)| message(Some(key), text));
    bench.append(&messages).await;
    let leases = bench.own_all().await;
    let rows = bench.read(&leases).await;
    let first = |key: &str| {
        let mut of_key = rows.iter().filter(|row| row.key.as_deref() == Some(key));
        of_key.next().unwrap().seq
    };
    let failures = [failure(first("k"), false), failure(first("d"), true)];
    bench.store.hold(&leases, &failures).await.unwrap();
    let zombie = Leases {
        member: MemberId::generate(),
        ..leases.clone()
    };
    bench.store.sweep(&zombie, &[]).await.unwrap();
    assert_eq!(bench.store.stats().await.unwrap().held, 1);

    bench.store.sweep(&leases, &[]).await.unwrap();

    assert_eq!(bench.store.stats().await.unwrap().held, 3);
    bench.store.delete(&[first("k")]).await.unwrap();
    bench
        .store
        .unhold(&leases, &["k".to_owned()])
        .await
        .unwrap();
    let mut ready = texts(&bench.read(&leases).await);
    ready.sort();
    assert_eq!(ready, ["one", "two"]);
}

/// Releasing its key does not revive it.
pub async fn a_dead_letter_stays_dead<D: OutboxDatabase>(bench: &Bench<D>) {
    bench
        .append(&[message(Some("k"), "dead"), message(Some("k"), "next")])
        .await;
    let leases = bench.own_all().await;
    let head = bench.read(&leases).await[0].seq;

    bench
        .store
        .hold(&leases, &[failure(head, true)])
        .await
        .unwrap();
    bench
        .store
        .unhold(&leases, &["k".to_owned()])
        .await
        .unwrap();

    let fetched = bench.store.fetch(&[head]).await.unwrap();
    assert_eq!(fetched[0].state, RowState::Dead);
    let kept = bench.kept(&leases).await;
    assert!(kept[0].dead && kept[0].seq == head);
    assert_eq!(bench.store.stats().await.unwrap().dead, 1);
}

/// A zombie changes nothing; what it had confirmed is confirmed.
pub async fn every_write_but_a_delete_checks_the_epoch<D: OutboxDatabase>(bench: &Bench<D>) {
    let due = message(Some("d"), "due").with_delay(Duration::ZERO);
    bench
        .append(&[message(Some("k"), "one"), message(Some("k"), "two"), due])
        .await;
    let zombie = bench.own_all().await;
    let rows = bench.read(&zombie).await;
    let owner = bench.own_all().await;
    let keys = ["k".to_owned()];

    let held = bench
        .store
        .hold(&zombie, &[failure(rows[0].seq, true)])
        .await;
    assert!(held.unwrap().is_empty());
    bench.store.sweep(&zombie, &keys).await.unwrap();
    assert_eq!(bench.store.promote(&zombie, 10).await.unwrap(), 0);
    assert_eq!(texts(&bench.read(&owner).await), ["one", "two"]);
    bench
        .store
        .hold(&owner, &[failure(rows[0].seq, false)])
        .await
        .unwrap();
    bench.store.sweep(&owner, &keys).await.unwrap();
    assert!(bench.store.unhold(&zombie, &keys).await.unwrap().is_empty());
    bench.store.release(&zombie).await.unwrap();
    assert!(bench.read(&owner).await.is_empty());
    assert_eq!(bench.store.promote(&owner, 10).await.unwrap(), 1);

    bench.store.delete(&[rows[0].seq]).await.unwrap();
    assert!(bench.store.fetch(&[rows[0].seq]).await.unwrap().is_empty());
}

/// Who lost a partition and took it again is another owner: what it wrote about
/// the first lease may arrive under the second.
pub async fn a_lease_taken_again_is_another_lease<D: OutboxDatabase>(bench: &Bench<D>) {
    let due = message(Some("d"), "due").with_delay(Duration::ZERO);
    bench
        .append(&[message(Some("k"), "one"), message(Some("k"), "two"), due])
        .await;
    let before = bench.own_all().await;
    let rows = bench.read(&before).await;
    bench.own_all().await;
    let member = before.member;
    let again = bench.store.acquire(member, LONG, 1_024, true).await;
    let after = Leases {
        member,
        held: again.unwrap(),
    };
    let keys = ["k".to_owned()];

    let held = bench
        .store
        .hold(&before, &[failure(rows[0].seq, false)])
        .await;
    assert!(held.unwrap().is_empty());
    bench.store.sweep(&before, &keys).await.unwrap();
    assert_eq!(bench.store.promote(&before, 10).await.unwrap(), 0);
    bench.store.release(&before).await.unwrap();
    assert!(bench.read(&before).await.is_empty());
    assert_eq!(texts(&bench.read(&after).await), ["one", "two"]);
    bench.store.sweep(&after, &keys).await.unwrap();
    let unheld = bench.store.unhold(&before, &keys).await.unwrap();
    assert!(unheld.is_empty() && bench.read(&after).await.is_empty());
}

/// No other message waits behind them.
pub async fn messages_without_a_key_are_held_one_by_one<D: OutboxDatabase>(bench: &Bench<D>) {
    bench
        .append(&[message(None, "a"), message(None, "b"), message(None, "c")])
        .await;
    let leases = bench.own_all().await;
    let rows = bench.read(&leases).await;

    let failures = [failure(rows[0].seq, false), failure(rows[1].seq, false)];
    bench.store.hold(&leases, &failures).await.unwrap();

    assert_eq!(texts(&bench.read(&leases).await), ["c"]);
    assert_eq!(bench.kept(&leases).await.len(), 2);
}

/// Of every state.
pub async fn the_counts_add_up<D: OutboxDatabase>(bench: &Bench<D>) {
    let empty = bench.store.stats().await.unwrap();
    assert_eq!((empty.pending, empty.oldest_pending), (0, None));
    let later = message(None, "later").with_delay(Duration::from_secs(600));
    bench
        .append(&[
            message(None, "dead"),
            message(None, "held"),
            message(None, "ready"),
            later,
        ])
        .await;
    let leases = bench.own_all().await;
    let rows = bench.read(&leases).await;
    let failures = [failure(rows[0].seq, true), failure(rows[1].seq, false)];
    bench.store.hold(&leases, &failures).await.unwrap();

    let stats = bench.store.stats().await.unwrap();

    assert_eq!((stats.pending, stats.held, stats.dead), (3, 1, 1));
    assert!(stats.oldest_pending.unwrap() < Duration::from_secs(60));
}
