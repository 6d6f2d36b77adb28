use std::sync::Arc;

use gozon_inbox::conformance::{Bench, Recorder, Subject};
use gozon_inbox::{Begun, RequestKey};
use gozon_sqlx::Postgres;

use super::database;

#[tokio::test]
async fn a_keyed_request_gives_its_transaction_the_usual_lock_timeout_back() {
    let (db, ()) = database().await;
    lock_timeout_is_given_back(Subject::new(db)).await;
}

pub(crate) async fn lock_timeout_is_given_back(subject: Subject<Postgres>) {
    let bench = Bench::new(subject).await;
    let key = RequestKey {
        user: "1".into(),
        route: "POST /orders".into(),
        key: "k".into(),
        fingerprint: [0; 32],
    };

    let begun = bench
        .inbox
        .requests()
        .begin(key, Arc::new(Recorder::default()))
        .await
        .unwrap();

    let Begun::Fresh(mut pending) = begun else {
        panic!("nobody used this key")
    };
    let timeout: String = sqlx::query_scalar("SELECT current_setting('lock_timeout')")
        .fetch_one(pending.unit().tx())
        .await
        .unwrap();
    assert_eq!(timeout, "7s");
    pending.abandon().await;
}
