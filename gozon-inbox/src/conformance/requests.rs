//! What a keyed HTTP request promises.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gozon_core::{Append, AppendError, ErrorClass, NewMessage};

use super::bench::Bench;
use super::handlers::envelope;
use super::probe::Probe;
use super::subject::Subject;
use crate::requests::{Begun, PendingRequest, RequestError, RequestKey, StoredAnswer};

fn key(fingerprint: u8) -> RequestKey {
    RequestKey {
        user: "1".into(),
        route: "POST /orders".into(),
        key: "k".into(),
        fingerprint: [fingerprint; 32],
    }
}

fn answer() -> StoredAnswer {
    StoredAnswer {
        status: 201,
        headers: vec![("location".into(), "/orders/1".into())],
        body: br#"{"id":1}"#.to_vec(),
    }
}

async fn begin<D: Probe>(bench: &Bench<D>, key: RequestKey) -> Result<Begun<D>, RequestError> {
    let outbox = Arc::clone(&bench.outbox);
    bench.inbox.requests().begin(key, outbox).await
}

async fn fresh<D: Probe>(bench: &Bench<D>, key: RequestKey) -> PendingRequest<D> {
    match begin(bench, key).await.unwrap() {
        Begun::Fresh(pending) => pending,
        Begun::Replay(answer) => panic!("fresh, found a replay of {answer:?}"),
    }
}

async fn replayed<D: Probe>(bench: &Bench<D>, key: RequestKey) -> StoredAnswer {
    match begin(bench, key).await.unwrap() {
        Begun::Replay(answer) => answer,
        Begun::Fresh(_) => panic!("a replay, found a fresh request"),
    }
}

/// Does the work of a request: an effect and a message.
async fn serve<D: Probe>(pending: PendingRequest<D>) {
    work(pending).await.unwrap();
}

async fn work<D: Probe>(mut pending: PendingRequest<D>) -> Result<(), RequestError> {
    D::write(pending.unit().tx(), "order").await.unwrap();
    pending.unit().emit(NewMessage {
        envelope: envelope("order_created"),
        delay: None,
    });
    pending.finish(answer()).await
}

pub async fn a_repeat_gets_the_first_answer<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;

    serve(fresh(&bench, key(1)).await).await;

    assert_eq!(replayed(&bench, key(1)).await, answer());
    assert_eq!(replayed(&bench, key(1)).await, answer());
    assert_eq!(D::effects(&bench.db).await, ["order"]);
    assert_eq!(bench.outbox.committed().len(), 1);
}

pub async fn another_request_under_the_same_key_is_refused<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    serve(fresh(&bench, key(1)).await).await;

    let refused = begin(&bench, key(2)).await.unwrap_err();

    assert!(matches!(refused, RequestError::Mismatch));
    assert_eq!(refused.class(), ErrorClass::Reject);
    assert_eq!(replayed(&bench, key(1)).await, answer());
}

pub async fn a_concurrent_repeat_waits_for_the_first<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let first = fresh(&bench, key(1)).await;

    let (repeat, ()) = tokio::join!(replayed(&bench, key(1)), serve(first));

    assert_eq!(repeat, answer());
    assert_eq!(D::effects(&bench.db).await, ["order"]);
}

pub async fn a_repeat_does_not_wait_for_ever<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let first = fresh(&bench, key(1)).await;

    // The bench's wait is 1 s; a database's own lock timeout is longer.
    let bound = Duration::from_secs(4);
    let repeat = tokio::time::timeout(bound, begin(&bench, key(1)))
        .await
        .expect("the wait is bounded")
        .unwrap_err();

    assert!(matches!(repeat, RequestError::InProgress), "{repeat:?}");
    assert_eq!(repeat.class(), ErrorClass::Retry);
    serve(first).await;
    assert_eq!(replayed(&bench, key(1)).await, answer());
}

pub async fn a_rollback_frees_the_key<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;

    let mut refused = fresh(&bench, key(1)).await;
    D::write(refused.unit().tx(), "refused").await.unwrap();
    refused.abandon().await;
    let mut dropped = fresh(&bench, key(2)).await;
    D::write(dropped.unit().tx(), "dropped").await.unwrap();
    drop(dropped);
    serve(fresh(&bench, key(3)).await).await;

    assert_eq!(D::effects(&bench.db).await, ["order"]);
    assert_eq!(replayed(&bench, key(3)).await, answer());
}

pub async fn an_expired_key_can_be_used_again<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    serve(fresh(&bench, key(1)).await).await;
    D::age(&bench.db, Duration::from_secs(23 * 60 * 60)).await;
    assert_eq!(replayed(&bench, key(1)).await, answer());
    D::age(&bench.db, Duration::from_secs(2 * 60 * 60)).await;

    serve(fresh(&bench, key(2)).await).await;

    assert_eq!(replayed(&bench, key(2)).await, answer());
    assert_eq!(bench.inbox.prune().await.unwrap(), 0);
    D::age(&bench.db, Duration::from_secs(25 * 60 * 60)).await;
    assert_eq!(bench.inbox.prune().await.unwrap(), 1);
}

pub async fn keys_of_others_are_other_keys<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    serve(fresh(&bench, key(1)).await).await;

    let mut of_another_user = key(1);
    of_another_user.user = "2".into();
    let mut for_another_route = key(1);
    for_another_route.route = "POST /accounts/topup".into();
    for other in [of_another_user, for_another_route] {
        serve(fresh(&bench, other).await).await;
    }

    assert_eq!(D::effects(&bench.db).await, ["order"; 3]);
}

pub async fn only_success_is_stored<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let mut pending = fresh(&bench, key(1)).await;
    D::write(pending.unit().tx(), "refused").await.unwrap();

    let refusal = StoredAnswer {
        status: 422,
        ..answer()
    };
    let error = pending.finish(refusal).await.unwrap_err();

    assert!(matches!(error, RequestError::NotSuccess { status: 422 }));
    assert_eq!(error.class(), ErrorClass::Bug);
    assert!(D::effects(&bench.db).await.is_empty());
    fresh(&bench, key(1)).await.abandon().await;
}

pub async fn an_answer_is_stored_only_if_the_work_commits<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let outbox = Arc::new(Refuses);
    let begun = bench.inbox.requests().begin(key(1), outbox).await.unwrap();
    let Begun::Fresh(pending) = begun else {
        panic!("nobody used this key")
    };

    let error = work(pending).await.unwrap_err();

    assert!(matches!(error, RequestError::Commit(_)), "{error}");
    assert!(D::effects(&bench.db).await.is_empty());
    serve(fresh(&bench, key(1)).await).await;
    assert_eq!(D::effects(&bench.db).await, ["order"]);
}

/// An outbox that is full, say: what is to be sent fails the commit.
struct Refuses;

#[async_trait]
impl<Tx: Send> Append<Tx> for Refuses {
    async fn append(&self, _: &mut Tx, _: &[NewMessage]) -> Result<(), AppendError> {
        Err(AppendError::Store {
            class: ErrorClass::Reject,
            source: "no room".into(),
        })
    }

    fn committed(&self, _: &[NewMessage]) {}
}
