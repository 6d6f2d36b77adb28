//! What a mark promises.

use std::sync::Arc;
use std::time::Duration;

use gozon_core::{Envelope, ErrorClass, MessageId};
use gozon_sqlx::Db;

use super::bench::{Bench, CONSUMER, eventually};
use super::feed::Feed;
use super::handlers::{Act, Scripted, envelope};
use super::probe::{Mark, Probe};
use super::subject::Subject;
use crate::handler::HandleError;
use crate::store::{Marks, State};

pub async fn mark_and_effect_commit_together<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let (good, bad) = (envelope("probe"), envelope("probe"));
    let act = Act::Fail(HandleError::reject("no"));
    let handler = Arc::new(Scripted::<D>::default().on(bad.id, 9, act));
    let running = bench.start(handler);

    running.feed.deliver(std::slice::from_ref(&good)).await;
    running.feed.deliver(std::slice::from_ref(&bad)).await;
    running.acked(2).await;

    assert!(bench.has_effects(&[&good]).await, "a rollback takes all");
    assert_eq!(bench.mark(&good).await.unwrap().state, State::Done);
    assert_eq!(bench.mark(&bad).await.unwrap().state, State::Dead);
    running.stop().await;
}

pub async fn a_repeat_has_no_effect<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let (first, second) = (envelope("probe"), envelope("probe"));
    let running = bench.start(Arc::new(Scripted::<D>::default()));

    let twice = [first.clone(), second.clone(), first.clone()];
    running.feed.deliver(&twice).await;
    running.feed.deliver(&twice).await;
    running.feed.redeliver(&twice).await;
    running.feed.redeliver(std::slice::from_ref(&first)).await;

    assert_eq!(running.acked(10).await.len(), 10, "each is acknowledged");
    assert!(bench.has_effects(&[&first, &second]).await);
    assert_eq!(bench.outbox.committed().len(), 2);
    running.stop().await;
}

pub async fn consumers_with_different_names_are_independent<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let message = envelope("probe");
    let one = bench.start_as("one", Arc::new(Scripted::<D>::default()), Feed::default());
    let two = bench.start_as("two", Arc::new(Scripted::<D>::default()), Feed::default());

    one.feed.deliver(std::slice::from_ref(&message)).await;
    two.feed.deliver(std::slice::from_ref(&message)).await;
    one.acked(1).await;
    two.acked(1).await;

    assert!(bench.has_effects(&[&message, &message]).await);
    one.stop().await;
    two.stop().await;
}

pub async fn batches_in_opposite_orders_do_not_deadlock<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    for _ in 0..20 {
        let ids: Vec<MessageId> = (0..300).map(|_| MessageId::generate()).collect();
        let reversed: Vec<MessageId> = ids.iter().rev().copied().collect();

        let (one, two) = tokio::join!(mark_all(&bench, ids), mark_all(&bench, reversed));

        assert_eq!(one + two, 300, "each was new to one of them");
    }
}

async fn mark_all<D: Probe>(bench: &Bench<D>, ids: Vec<MessageId>) -> usize {
    let marking = tokio::spawn(mark(bench.db.clone(), bench.marks(), ids));
    marking.await.expect("no deadlock")
}

async fn mark<D: Probe>(db: Db<D>, marks: Arc<dyn Marks<D::Tx>>, ids: Vec<MessageId>) -> usize {
    let mut tx = db.begin().await.unwrap();
    let new = marks.insert_done(&mut tx, CONSUMER, &ids).await.unwrap();
    tx.commit().await.unwrap();
    new.len()
}

pub async fn a_mark_in_flight_is_waited_for<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    for commits in [true, false] {
        let ids = vec![MessageId::generate()];
        let mut first = bench.db.begin().await.unwrap();
        let new = bench
            .marks()
            .insert_done(&mut first, CONSUMER, &ids)
            .await
            .unwrap();
        assert_eq!(new.len(), 1);

        let repeat = tokio::spawn(mark(bench.db.clone(), bench.marks(), ids));
        eventually(async || D::has_waiter(&bench.db).await).await;
        if commits {
            first.commit().await.unwrap();
        } else {
            first.rollback().await.unwrap();
        }
        let new = repeat.await.unwrap();

        assert_eq!(new, usize::from(!commits));
    }
}

pub async fn only_old_marks_are_deleted<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let (old, kept, young) = (envelope("probe"), envelope("probe"), envelope("probe"));
    let act = Act::Fail(HandleError::by_class(ErrorClass::Reject, "no"));
    let running = bench.start(Arc::new(Scripted::<D>::default().on(kept.id, 9, act)));
    let both: Vec<Envelope> = vec![old.clone(), kept.clone()];
    running.feed.deliver(&both).await;
    running.acked(2).await;
    D::age(&bench.db, Duration::from_secs(31 * 24 * 60 * 60)).await;
    running.feed.deliver(std::slice::from_ref(&young)).await;
    running.acked(3).await;

    assert_eq!(bench.inbox.prune().await.unwrap(), 1);

    assert_eq!(bench.mark(&old).await, None);
    assert_eq!(bench.mark(&young).await.unwrap().state, State::Done);
    let dead = Some(State::Dead);
    eventually(async || bench.mark(&kept).await.map(|Mark { state, .. }| state) == dead).await;
    running.stop().await;
}
