//! Messages that wait for their time, and for their key.

use std::time::Duration;

use gozon_core::Append;

use super::{Bench, eventually, message, texts};
use crate::OutboxDatabase;
use crate::key::stripe_of;

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

/// A transaction that keeps a key for long makes a promotion wait for it, not the
/// leases of all partitions.
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
    let renewed = tokio::select! {
        biased;
        _ = &mut promoted => panic!("the leases waited for the promotion"),
        renewed = tokio::time::timeout(Duration::from_secs(3), renewing) => renewed,
    };

    assert_eq!(renewed.expect("in time").unwrap().len(), leases.held.len());
    long.commit().await.unwrap();
    let mut moved = promoted.await.unwrap().unwrap();
    while moved == 0 {
        // Its patience ended before the transaction did.
        moved = bench.store.promote(&leases, 10).await.unwrap();
    }
    assert_eq!(moved, 1);
    assert_eq!(texts(&bench.read(&leases).await), ["first", "due"]);
}

/// A transaction that keeps a key for long keeps neither the due messages of
/// other keys nor what others append to those.
pub async fn a_promotion_passes_a_key_that_is_in_use<D: OutboxDatabase>(bench: &Bench<D>) {
    if D::NAME == "sqlite" {
        // As above.
        return;
    }
    let mut keys: Vec<String> = (0..20).map(|n| format!("k{n}")).collect();
    keys.sort_by_key(|key| stripe_of(key));
    // The last of them in the order in which locks are taken.
    let used = keys.pop().unwrap();
    keys.retain(|key| stripe_of(key) != stripe_of(&used));
    let due = |key: &String| message(Some(key), "due").with_delay(Duration::ZERO);
    let due: Vec<_> = keys.iter().chain([&used]).map(due).collect();
    bench.append(&due).await;
    let leases = bench.own_all().await;
    let mut long = bench.db.begin().await.unwrap();
    let first = [message(Some(&used), "first")];
    bench.outbox.append(&mut long, &first).await.unwrap();

    let moved = bench.store.promote(&leases, 100).await.unwrap();
    let (store, asked) = (bench.store.clone(), leases.clone());
    let mut waits = tokio::spawn(async move { store.promote(&asked, 100).await });
    let early = tokio::time::timeout(Duration::from_millis(300), &mut waits).await;
    assert!(early.is_err(), "it does not wait for the key");
    let appends: Vec<_> = keys.iter().map(|key| message(Some(key), "later")).collect();
    tokio::select! {
        biased;
        _ = &mut waits => panic!("an append waited for the promotion"),
        () = bench.append(&appends) => {}
    }

    assert_eq!(moved, u64::try_from(keys.len()).unwrap());
    let rows = bench.read(&leases).await;
    for key in &keys {
        let rows = rows.iter().filter(|row| row.key.as_ref() == Some(key));
        let rows: Vec<_> = rows.cloned().collect();
        assert_eq!(texts(&rows), ["due", "later"], "{key}");
    }
    assert!(rows.iter().all(|row| row.key.as_ref() != Some(&used)));
    long.commit().await.unwrap();
    let mut moved = waits.await.unwrap().unwrap();
    while moved == 0 {
        moved = bench.store.promote(&leases, 100).await.unwrap();
    }
    let rows = bench.read(&leases).await;
    let rows = rows
        .into_iter()
        .filter(|row| row.key.as_ref() == Some(&used));
    assert_eq!(texts(&rows.collect::<Vec<_>>()), ["first", "due"]);
}
