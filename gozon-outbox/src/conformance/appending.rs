//! What joins the caller's transaction.

use std::time::Duration;

use gozon_core::{Append, AppendError, Envelope, ErrorClass};

use super::{Bench, eventually, message, texts};
use crate::key::partition_of;
use crate::{OutboxConfig, OutboxDatabase};

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

/// It waits outside the ready set and comes after what was appended meanwhile.
pub async fn a_delayed_message_draws_its_number_when_it_is_due<D: OutboxDatabase>(
    bench: &Bench<D>,
) {
    let leases = bench.own_all().await;
    let far = message(Some("far"), "far").with_delay(Duration::from_secs(600));
    bench.append(&[far]).await;
    assert_eq!(bench.store.promote(&leases, 10).await.unwrap(), 0);
    let delayed = message(Some("k"), "delayed").with_delay(Duration::from_millis(200));
    bench.append(&[delayed]).await;
    bench.append(&[message(Some("k"), "later")]).await;
    assert_eq!(texts(&bench.read(&leases).await), ["later"]);

    eventually("the message becomes due", || async {
        bench.store.promote(&leases, 10).await.unwrap() == 1
    })
    .await;

    assert_eq!(texts(&bench.read(&leases).await), ["later", "delayed"]);
    assert_eq!(bench.store.promote(&leases, 10).await.unwrap(), 0);
}

/// A transaction that keeps a key for long makes only its due messages wait, not
/// the leases of all partitions.
pub async fn a_promotion_that_waits_for_a_key_lets_leases_be_renewed<D: OutboxDatabase>(
    bench: &Bench<D>,
) {
    let due = message(Some("k"), "due").with_delay(Duration::ZERO);
    bench.append(&[due]).await;
    let leases = bench.own_all().await;
    if D::NAME == "sqlite" {
        // Its one writer waits for the transaction whatever it does.
        return;
    }
    let mut long = bench.db.begin().await.unwrap();
    let first = [message(Some("k"), "first")];
    bench.outbox.append(&mut long, &first).await.unwrap();
    let (store, asked) = (bench.store.clone(), leases.clone());
    let mut promoted = tokio::spawn(async move { store.promote(&asked, 10).await });
    let early = tokio::time::timeout(Duration::from_millis(300), &mut promoted).await;
    assert!(early.is_err(), "the key was not locked");

    let renewing = bench.store.renew(leases.member, super::LONG);
    let renewed = tokio::time::timeout(Duration::from_secs(3), renewing).await;

    assert_eq!(renewed.expect("in time").unwrap().len(), leases.held.len());
    long.commit().await.unwrap();
    assert_eq!(promoted.await.unwrap().unwrap(), 1);
    assert_eq!(texts(&bench.read(&leases).await), ["first", "due"]);
}

/// Refused before anything is written.
pub async fn a_message_that_is_too_large_is_refused<D: OutboxDatabase>(bench: &Bench<D>) {
    let limit = OutboxConfig::default().max_payload_bytes;
    let mut large = message(None, "");
    large.envelope.data = vec![0; limit + 1].into();
    let mut tx = bench.db.begin().await.unwrap();

    let refused = bench.outbox.append(&mut tx, &[large]).await.unwrap_err();

    assert!(matches!(refused, AppendError::TooLarge { bytes, .. } if bytes == limit + 1));
    assert_eq!(refused.class(), ErrorClass::Reject);
}
