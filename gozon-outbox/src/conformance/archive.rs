//! What was published and is kept.

use std::time::Duration;

use gozon_core::{MessageId, NewMessage};

use super::writing::failure;
use super::{Bench, message, texts};
use crate::OutboxDatabase;

async fn numbers<D: OutboxDatabase>(bench: &Bench<D>, messages: &[NewMessage]) -> Vec<i64> {
    let leases = bench.own_all().await;
    bench.append(messages).await;
    let rows = bench.read(&leases).await;
    rows.iter().map(|row| row.seq).collect()
}

/// It leaves the outbox and is found by its id and by its key, as it was.
pub async fn an_archived_message_leaves_the_outbox_and_is_found<D: OutboxDatabase>(
    bench: &Bench<D>,
) {
    let messages = [
        message(Some("k"), "one"),
        message(None, "two"),
        message(Some("k"), "three"),
    ];
    let seqs = numbers(bench, &messages).await;
    let leases = bench.own_all().await;
    bench
        .store
        .hold(&leases, &[failure(seqs[0], false)])
        .await
        .unwrap();

    bench.store.archive(&seqs[..2]).await.unwrap();

    assert!(bench.store.fetch(&seqs[..2]).await.unwrap().is_empty());
    assert_eq!(texts(&bench.read(&leases).await), ["three"]);
    for (at, failures) in [(0, 1), (1, 0)] {
        let sent = &messages[at].envelope;
        let archived = bench.desk.archived(sent.id).await.unwrap().unwrap();
        assert_eq!(&archived.envelope, sent);
        assert_eq!((archived.seq, archived.failures), (seqs[at], failures));
        assert!(archived.appended_at <= archived.published_at);
    }
    assert!(
        bench
            .desk
            .archived(messages[2].envelope.id)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        bench
            .desk
            .archived(MessageId::generate())
            .await
            .unwrap()
            .is_none()
    );
}

/// A repeat of a call whose answer was lost, or of another relay.
pub async fn archiving_twice_changes_nothing<D: OutboxDatabase>(bench: &Bench<D>) {
    let messages = [message(Some("k"), "one"), message(Some("k"), "two")];
    let seqs = numbers(bench, &messages).await;
    bench.store.archive(&seqs[..1]).await.unwrap();
    let before = bench.desk.archived_of_key("k", None, 10).await.unwrap();

    bench.store.archive(&seqs).await.unwrap();
    bench.store.archive(&seqs).await.unwrap();

    let after = bench.desk.archived_of_key("k", None, 10).await.unwrap();
    assert_eq!((before.len(), after.len()), (1, 2));
    assert_eq!(before[0], after[0]);
}

/// Whoever wants no archive pays for none.
pub async fn a_deleted_message_is_not_archived<D: OutboxDatabase>(bench: &Bench<D>) {
    let messages = [message(Some("k"), "one")];
    let seqs = numbers(bench, &messages).await;

    bench.store.delete(&seqs).await.unwrap();

    assert!(
        bench
            .desk
            .archived(messages[0].envelope.id)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        bench
            .desk
            .archived_of_key("k", None, 10)
            .await
            .unwrap()
            .is_empty()
    );
}

/// In the order of publishing, of this key alone.
pub async fn the_archive_of_a_key_is_read_page_by_page<D: OutboxDatabase>(bench: &Bench<D>) {
    let names: Vec<String> = (0..7).map(|n| n.to_string()).collect();
    let mut messages: Vec<_> = names.iter().map(|name| message(Some("k"), name)).collect();
    messages.push(message(Some("other"), "other"));
    let seqs = numbers(bench, &messages).await;
    bench.store.archive(&seqs).await.unwrap();

    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = bench.desk.archived_of_key("k", after, 3).await.unwrap();
        assert!(page.len() <= 3);
        let Some(last) = page.last() else {
            break;
        };
        after = Some(last.seq);
        found.extend(page.into_iter().map(|archived| archived.envelope.data));
    }

    assert_eq!(found, names);
}

/// Only what is old enough, and never more than it was told to.
pub async fn the_archive_is_trimmed_in_bites<D: OutboxDatabase>(bench: &Bench<D>) {
    let messages: Vec<_> = (0..5).map(|n| message(Some("k"), &n.to_string())).collect();
    let seqs = numbers(bench, &messages).await;
    for seq in &seqs {
        bench.store.archive(&[*seq]).await.unwrap();
    }
    let left = async || {
        let left = bench.desk.archived_of_key("k", None, 10).await.unwrap();
        left.iter().map(|archived| archived.seq).collect::<Vec<_>>()
    };

    let hour = Duration::from_secs(3_600);
    assert_eq!(bench.store.trim(hour, 10).await.unwrap(), 0);
    assert_eq!(left().await, seqs);

    let mut trimmed = 0;
    // Until the clock of the database has moved on from the last of them.
    while trimmed < seqs.len() {
        let bite = bench.store.trim(Duration::from_micros(1), 2).await.unwrap();
        assert!(bite <= 2, "a bite of {bite}");
        trimmed += usize::try_from(bite).unwrap();
        assert_eq!(left().await, seqs[trimmed..]);
    }
}

/// Of each event type what waits, without the dead.
pub async fn the_counts_per_type_add_up<D: OutboxDatabase>(bench: &Bench<D>) {
    assert!(bench.store.kinds().await.unwrap().is_empty());
    let of = |kind: &str, text: &str| {
        let mut message = message(None, text);
        message.envelope.kind = kind.to_owned();
        message
    };
    let leases = bench.own_all().await;
    let later = of("b", "later").with_delay(Duration::from_secs(600));
    let messages = [of("a", "held"), of("a", "ready"), of("c", "dead"), later];
    bench.append(&messages).await;
    let rows = bench.read(&leases).await;
    let failures = [failure(rows[0].seq, false), failure(rows[2].seq, true)];
    bench.store.hold(&leases, &failures).await.unwrap();

    let mut kinds = bench.store.kinds().await.unwrap();

    kinds.sort_by(|a, b| a.kind.cmp(&b.kind));
    let counts: Vec<_> = kinds
        .iter()
        .map(|stats| (stats.kind.as_str(), stats.pending))
        .collect();
    assert_eq!(counts, [("a", 2), ("b", 1)]);
    assert!(kinds[0].oldest_pending.unwrap() < Duration::from_secs(60));
    assert_eq!(kinds[1].oldest_pending, None);
}
