//! Due messages beside transactions that keep keys.

use std::time::Duration;

use gozon_core::Append;
use gozon_outbox::conformance::{Bench, message, texts};
use gozon_sqlx::{Postgres, Transaction};
use gozon_tests::eventually;
use sqlx::PgConnection;
use tokio::sync::oneshot;
use tokio::time::timeout;

const BOUND: Duration = Duration::from_secs(30);

/// A transaction that has appended to `k`; it says before in which session.
async fn keeper(bench: Bench<Postgres>, session: oneshot::Sender<i32>) -> Transaction<Postgres> {
    let mut tx = bench.db.begin().await.unwrap();
    let connection: &mut PgConnection = &mut tx;
    let pid = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(connection);
    // The first one is asked by nobody.
    let _ = session.send(pid.await.unwrap());
    let messages = [message(Some("k"), "append")];
    bench.outbox.append(&mut tx, &messages).await.unwrap();
    tx
}

async fn waits_for_a_lock(bench: &Bench<Postgres>, pid: i32) {
    let asked = async || {
        let waits: bool =
            sqlx::query_scalar("SELECT count(*) > 0 FROM pg_locks WHERE pid = $1 AND NOT granted")
                .bind(pid)
                .fetch_one(bench.db.reader())
                .await?;
        anyhow::ensure!(waits, "{pid} does not wait");
        Ok(())
    };
    eventually(BOUND, "the next one waits for the key", asked)
        .await
        .unwrap();
}

/// Each transaction keeps the key until the next one waits for it, so whoever
/// only looks whether it is free never gets it.
#[tokio::test(flavor = "multi_thread")]
async fn a_due_message_gets_a_key_that_is_never_free() {
    let bench = Bench::new(super::database().await).await;
    let leases = bench.own_all().await;
    let (session, _) = oneshot::channel();
    let due = message(Some("k"), "due").with_delay(Duration::ZERO);
    bench.append(&[due]).await;
    let mut keeps = keeper(bench.clone(), session).await;
    let (store, asked) = (bench.store.clone(), leases.clone());
    let promoted =
        tokio::spawn(async move { while store.promote(&asked, 10).await.unwrap() == 0 {} });

    let chain = async {
        while !promoted.is_finished() {
            let (session, known) = oneshot::channel();
            let next = tokio::spawn(keeper(bench.clone(), session));
            waits_for_a_lock(&bench, known.await.unwrap()).await;
            keeps.commit().await.unwrap();
            keeps = next.await.unwrap();
        }
        keeps.commit().await.unwrap();
    };
    timeout(BOUND, chain).await.expect("the key was never had");

    let said = texts(&bench.read(&leases).await);
    assert_eq!(
        said.iter().filter(|text| *text == "due").count(),
        1,
        "{said:?}"
    );
}

/// More of them than one promotion looks at.
#[tokio::test]
async fn due_messages_of_a_key_in_use_hide_no_others() {
    let bench = Bench::new(super::database().await).await;
    let leases = bench.own_all().await;
    let due = |key, text| message(Some(key), text).with_delay(Duration::ZERO);
    let hidden: Vec<_> = (0..50).map(|_| due("used", "used")).collect();
    bench.append(&hidden).await;
    bench.append(&[due("free", "free")]).await;
    let mut long = bench.db.begin().await.unwrap();
    let first = [message(Some("used"), "")];
    bench.outbox.append(&mut long, &first).await.unwrap();

    assert_eq!(bench.store.promote(&leases, 10).await.unwrap(), 1);

    assert_eq!(texts(&bench.read(&leases).await), ["free"]);
}
