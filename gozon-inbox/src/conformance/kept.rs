//! What becomes of messages that could not be handled.

use std::sync::Arc;
use std::time::Duration;

use gozon_core::Envelope;

use super::bench::{Bench, CONSUMER, eventually};
use super::handlers::{Act, Scripted, envelope, holds_all};
use super::probe::{Mark, Probe};
use super::subject::Subject;
use crate::handler::HandleError;
use crate::store::{InboxStore, Kept, State};

/// Longer than the bench's retry pause.
const A_WHILE: Duration = Duration::from_secs(61);

fn retry() -> Act {
    Act::Fail(HandleError::retry("not yet"))
}

pub async fn a_retry_waits_for_its_time_and_then_runs<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let mut message = envelope("probe");
    message.subject = Some("what was sent".into());
    let handler = Arc::new(Scripted::<D>::default().on(message.id, 1, retry()));
    let running = bench.start(Arc::clone(&handler) as _);
    running.feed.deliver(std::slice::from_ref(&message)).await;
    running.acked(1).await;
    assert_eq!(bench.mark(&message).await.unwrap().state, State::Retry);
    // A repeat while it waits has no effect, and does not hurry it.
    running.feed.redeliver(std::slice::from_ref(&message)).await;
    running.acked(2).await;
    assert_eq!(handler.calls().len(), 1, "not before its time");

    D::age(&bench.db, A_WHILE).await;
    eventually(async || is(&bench, &message, State::Done).await).await;

    assert!(bench.has_effects(&[&message]).await);
    assert_eq!(bench.outbox.committed().len(), 1);
    running.stop().await;
}

async fn is<D: Probe>(bench: &Bench<D>, message: &Envelope, state: State) -> bool {
    bench.mark(message).await.map(|mark| mark.state) == Some(state)
}

pub async fn attempts_survive_a_rolled_back_handler<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let message = envelope("probe");
    let running = bench.start(Arc::new(Scripted::<D>::default().on(
        message.id,
        2,
        retry(),
    )));
    let (state, attempts) = (State::Retry, 1);

    running.feed.deliver(std::slice::from_ref(&message)).await;
    running.acked(1).await;
    let first = bench.mark(&message).await;
    D::age(&bench.db, A_WHILE).await;
    let second = Some(Mark { state, attempts: 2 });
    eventually(async || bench.mark(&message).await == second).await;

    assert_eq!(first, Some(Mark { state, attempts }));
    assert!(bench.has_effects(&[]).await);
    running.stop().await;
}

pub async fn a_message_is_dead_after_the_last_attempt<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let message = envelope("probe");
    let handler = Arc::new(Scripted::<D>::default().on(message.id, 99, retry()));
    let running = bench.start(Arc::clone(&handler) as _);
    running.feed.deliver(std::slice::from_ref(&message)).await;
    running.acked(1).await;

    // Again and again, because a pause begins anew with each attempt.
    eventually(async || {
        D::age(&bench.db, A_WHILE).await;
        is(&bench, &message, State::Dead).await
    })
    .await;

    assert_eq!(handler.calls().len(), 3);
    let letters = bench.inbox.dead_letters(CONSUMER, None, 10).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].attempts, letters[0].malformed), (3, false));
    assert_eq!(letters[0].reason, "not yet");
    assert!(holds_all(&letters[0], &message), "{:?}", letters[0]);
    running.stop().await;
}

pub async fn a_rejected_message_is_dead_at_once<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let message = envelope("probe");
    let act = Act::Fail(HandleError::reject("unknown\0 version"));
    let handler = Arc::new(Scripted::<D>::default().on(message.id, 9, act));
    let running = bench.start(Arc::clone(&handler) as _);

    running.feed.deliver(std::slice::from_ref(&message)).await;
    running.acked(1).await;

    let letters = bench.inbox.dead_letters(CONSUMER, None, 10).await.unwrap();
    assert_eq!(letters[0].reason, "unknown version");
    assert_eq!(handler.calls().len(), 1);
    running.stop().await;
}

pub async fn instances_share_what_is_due<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let store = bench.store();
    for _ in 0..2 {
        put_aside(store.as_ref(), &envelope("probe")).await;
    }
    let lease = Duration::from_secs(60);
    assert_eq!(store.claim_due(CONSUMER, lease).await.unwrap(), None);
    D::age(&bench.db, A_WHILE).await;

    let (one, two) = tokio::join!(
        store.claim_due(CONSUMER, lease),
        store.claim_due(CONSUMER, lease)
    );
    let third = store.claim_due(CONSUMER, lease).await.unwrap();

    let (one, two) = (one.unwrap().unwrap(), two.unwrap().unwrap());
    assert_ne!(one.id, two.id);
    assert_eq!((one.attempts, two.attempts, third), (2, 2, None));
}

pub async fn a_late_claimer_changes_nothing<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let store = bench.store();
    let message = envelope("probe");
    put_aside(store.as_ref(), &message).await;
    let lease = Duration::from_secs(60);
    D::age(&bench.db, A_WHILE).await;
    let late = store.claim_due(CONSUMER, lease).await.unwrap().unwrap();
    D::age(&bench.db, A_WHILE).await;
    let next = store.claim_due(CONSUMER, lease).await.unwrap().unwrap();
    assert_eq!((late.attempts, next.attempts), (2, 3));

    let mut tx = bench.db.begin().await.unwrap();
    let finished = bench
        .marks()
        .finish(&mut tx, CONSUMER, late.id, late.attempts)
        .await;
    assert!(!finished.unwrap());
    tx.rollback().await.unwrap();
    let kept = kept(&message, late.attempts, None);

    assert!(!store.keep(CONSUMER, &kept).await.unwrap());
    assert!(is(&bench, &message, State::Retry).await);
}

pub async fn a_kept_message_that_cannot_be_read_is_dead<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let message = envelope("probe");
    put_aside(bench.store().as_ref(), &message).await;
    D::spoil(&bench.db, message.id).await;
    D::age(&bench.db, A_WHILE).await;

    let running = bench.start(Arc::new(Scripted::<D>::default()));
    eventually(async || is(&bench, &message, State::Dead).await).await;

    let letters = bench.inbox.dead_letters(CONSUMER, None, 10).await.unwrap();
    assert!(letters[0].malformed);
    assert_eq!(letters[0].attributes, "no json");
    running.stop().await;
}

async fn put_aside(store: &dyn InboxStore, message: &Envelope) {
    let attempts = store.attempt(CONSUMER, message.id).await.unwrap().unwrap();
    let kept = kept(message, attempts, Some(Duration::from_secs(60)));
    assert!(store.keep(CONSUMER, &kept).await.unwrap());
}

fn kept(message: &Envelope, attempts: u32, retry_in: Option<Duration>) -> Kept {
    Kept {
        id: message.id,
        attempts,
        retry_in,
        reason: "not yet".into(),
        attributes: message.attributes_json().unwrap(),
        data: message.data.clone(),
        line: None,
        malformed: false,
    }
}
