//! What joins the caller's transaction.

use std::time::Duration;

use gozon_core::{Append, Envelope};

use super::{Bench, message, texts};
use crate::OutboxDatabase;
use crate::key::partition_of;

/// Attributes and bytes survive.
pub async fn a_message_comes_out_as_it_went_in<D: OutboxDatabase>(bench: &Bench<D>) {
    let mut sent = message(Some("k'\"{}\\ключ"), "x");
    sent.envelope.data = (0..=255_u8).collect::<Vec<_>>().into();
    sent.envelope.subject = Some("'; DROP TABLE gozon_outbox; --".to_owned());

    bench.append(std::slice::from_ref(&sent)).await;

    let rows = bench.read(&bench.own_all().await).await;
    let row = rows.into_iter().next().unwrap();
    assert_eq!(row.key, sent.envelope.key);
    assert_eq!(row.kind, "probe");
    assert_eq!(
        Envelope::from_stored(&row.attributes, row.data).unwrap(),
        sent.envelope
    );
}

/// One call, one key: the slice's order.
pub async fn the_messages_of_a_slice_keep_their_order<D: OutboxDatabase>(bench: &Bench<D>) {
    let expected: Vec<String> = (0..100).map(|n| format!("{n:03}")).collect();
    let messages: Vec<_> = expected.iter().map(|n| message(Some("k"), n)).collect();

    bench.append(&messages).await;

    assert_eq!(texts(&bench.read(&bench.own_all().await).await), expected);
}

/// Nothing of it is ever seen.
pub async fn a_rollback_removes_the_messages<D: OutboxDatabase>(bench: &Bench<D>) {
    let mut tx = bench.db.begin().await.unwrap();
    let messages = [message(Some("k"), "keyed"), message(None, "keyless")];
    bench.outbox.append(&mut tx, &messages).await.unwrap();
    tx.rollback().await.unwrap();

    assert!(bench.read(&bench.own_all().await).await.is_empty());
}

/// While one transaction holds the key, another that appends to it draws its
/// number later, although it began to append earlier than the first's last.
pub async fn sequence_order_is_commit_order_per_key<D: OutboxDatabase>(bench: &Bench<D>) {
    let mut first = bench.db.begin().await.unwrap();
    let one = [message(Some("k"), "first, one")];
    bench.outbox.append(&mut first, &one).await.unwrap();
    let other = bench.clone();
    let second = tokio::spawn(async move { other.append(&[message(Some("k"), "second")]).await });
    let mut second = second;
    let early = tokio::time::timeout(Duration::from_millis(300), &mut second).await;
    assert!(early.is_err(), "the key was not locked");
    let two = [message(Some("k"), "first, two")];
    bench.outbox.append(&mut first, &two).await.unwrap();

    first.commit().await.unwrap();
    second.await.unwrap();

    assert_eq!(
        texts(&bench.read(&bench.own_all().await).await),
        ["first, one", "first, two", "second"]
    );
}

/// Locks are taken in one global order, whatever the order of the slice.
pub async fn opposite_orders_of_keys_do_not_deadlock<D: OutboxDatabase>(bench: &Bench<D>) {
    let work = |reverse: bool| {
        let bench = bench.clone();
        tokio::spawn(async move {
            for _ in 0..30 {
                let mut keys: Vec<String> = (0..40).map(|n| format!("k{n}")).collect();
                if reverse {
                    keys.reverse();
                }
                let messages: Vec<_> = keys.iter().map(|key| message(Some(key), key)).collect();
                bench.append(&messages).await;
            }
        })
    };

    let (forth, back) = tokio::join!(work(false), work(true));

    forth.unwrap();
    back.unwrap();
    assert_eq!(bench.store.stats().await.unwrap().pending, 2 * 30 * 40);
}

/// A transaction with many keys does not exhaust the server's locks.
pub async fn thousands_of_keys_fit_into_one_transaction<D: OutboxDatabase>(bench: &Bench<D>) {
    let keys: Vec<String> = (0..20_000).map(|n| format!("k{n}")).collect();
    let messages: Vec<_> = keys.iter().map(|key| message(Some(key), "")).collect();

    bench.append(&messages).await;

    assert_eq!(bench.store.stats().await.unwrap().pending, 20_000);
}

/// In whatever state their messages are, also uncommitted ones of the asker.
pub async fn pending_keys_are_those_that_have_messages<D: OutboxDatabase>(bench: &Bench<D>) {
    let later = message(Some("delayed"), "").with_delay(Duration::from_secs(600));
    bench.append(&[message(Some("ready"), ""), later]).await;
    let asked = ["ready", "delayed", "own", "none"].map(str::to_owned);
    let mut tx = bench.db.begin().await.unwrap();
    let own = [message(Some("own"), "")];
    bench.outbox.append(&mut tx, &own).await.unwrap();

    let found = bench.outbox.keys_pending(&mut tx, &asked).await.unwrap();

    let mut found: Vec<String> = found.into_iter().collect();
    found.sort();
    assert_eq!(found, ["delayed", "own", "ready"]);
}

/// However many messages stand before its own. A key that has none may count as
/// pending beside so many, but not in a partition without any.
pub async fn a_key_behind_a_long_backlog_is_pending<D: OutboxDatabase>(bench: &Bench<D>) {
    let count = bench.store.partitions().await.unwrap();
    let place = |key: &str| partition_of(key, count);
    let named = |near: bool| {
        let mut keys = (0..).map(|n| format!("k{n}"));
        keys.find(|key| (place(key) == place("hot")) == near)
            .unwrap()
    };
    let (near, far) = (named(true), named(false));
    for _ in 0..5 {
        let many: Vec<_> = (0..2_000).map(|_| message(Some("hot"), "")).collect();
        bench.append(&many).await;
    }
    bench.append(&[message(Some(&near), "")]).await;
    let mut tx = bench.db.begin().await.unwrap();

    let asked = [near.clone(), far.clone()];
    let together = bench.outbox.keys_pending(&mut tx, &asked).await.unwrap();
    let alone = bench.outbox.keys_pending(&mut tx, &asked[..1]);
    let alone = alone.await.unwrap();

    assert_eq!(together, [near.clone()].into());
    assert_eq!(alone, [near].into());
}
