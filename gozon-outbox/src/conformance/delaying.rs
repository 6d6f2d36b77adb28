//! Messages that wait for their time, and for their key.

use std::time::Duration;

use gozon_core::Append;

use super::{Bench, eventually, message, texts};
use crate::OutboxDatabase;

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
