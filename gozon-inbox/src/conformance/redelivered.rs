//! What a consumer does with messages that may have ended someone before.

use std::collections::HashSet;
use std::sync::Arc;

use gozon_core::{Envelope, MessageId};

use super::bench::{Bench, CONSUMER, eventually};
use super::feed::Feed;
use super::handlers::{Act, Scripted, envelope};
use super::probe::{Mark, Probe};
use super::subject::Subject;
use crate::store::State;

pub async fn company_is_noted_and_not_counted<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let batch: Vec<Envelope> = (0..4).map(|_| envelope("probe")).collect();
    let ids: Vec<MessageId> = batch.iter().map(|message| message.id).collect();
    let handler = Arc::new(Scripted::<D>::default());
    let running = bench.start(Arc::clone(&handler) as _);

    running.feed.redeliver(&batch).await;
    running.acked(4).await;

    assert_eq!(handler.calls(), [ids], "one transaction for all");
    let (state, attempts) = (State::Done, 0);
    assert_eq!(bench.mark(&batch[0]).await, Some(Mark { state, attempts }));
    running.stop().await;
}

pub async fn after_a_crash_each_message_runs_alone<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let batch: Vec<Envelope> = (0..3).map(|_| envelope("probe")).collect();
    let ids: Vec<MessageId> = batch.iter().map(|message| message.id).collect();
    // Someone noted them and did not live to say more.
    let noted = bench.store().note_trying(CONSUMER, &ids).await.unwrap();
    assert_eq!(noted.new, HashSet::from_iter(ids.clone()));
    let handler = Arc::new(Scripted::<D>::default());
    let running = bench.start(Arc::clone(&handler) as _);

    // The second is delivered as new: a repeat of the relay, say.
    running
        .feed
        .redeliver(&[batch[0].clone(), batch[2].clone()])
        .await;
    running.feed.deliver(&batch[1..2]).await;
    running.acked(3).await;

    assert_eq!(handler.calls(), [[ids[0]], [ids[2]], [ids[1]]]);
    let (state, attempts) = (State::Done, 1);
    for message in &batch {
        assert_eq!(bench.mark(message).await, Some(Mark { state, attempts }));
    }
    assert!(bench.has_effects(&[&batch[0], &batch[1], &batch[2]]).await);
    running.stop().await;
}

pub async fn a_message_that_ends_every_attempt_is_dead<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let (killer, other) = (envelope("probe"), envelope("probe"));
    // The bench allows three attempts; each was committed, none had an outcome.
    for attempts in 1..=3 {
        let counted = bench.store().attempt(CONSUMER, killer.id).await.unwrap();
        assert_eq!(counted, Some(attempts));
    }
    let handler = Arc::new(Scripted::<D>::default());
    let running = bench.start(Arc::clone(&handler) as _);

    running
        .feed
        .redeliver(&[killer.clone(), other.clone()])
        .await;
    running.acked(2).await;

    assert_eq!(handler.calls(), [[other.id]], "it is not run once more");
    let letters = bench.inbox.dead_letters(CONSUMER, None, 10).await.unwrap();
    assert!(letters[0].reason.contains("3 attempts"), "{letters:?}");
    running.stop().await;
}

pub async fn a_message_is_tried_by_one_consumer_at_a_time<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let message = envelope("probe");
    let one_message = std::slice::from_ref(&message);
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let act = Act::Wait(Arc::clone(&gate));
    let handler = Arc::new(Scripted::<D>::default().on(message.id, 1, act));
    let one = bench.start_as(CONSUMER, Arc::clone(&handler) as _, Feed::default());
    let two = bench.start_as(CONSUMER, Arc::clone(&handler) as _, Feed::default());

    one.feed.redeliver(one_message).await;
    eventually(async || handler.calls().len() == 1).await;
    two.feed.redeliver(one_message).await;
    two.feed.deliver(one_message).await;
    gate.add_permits(1);
    one.acked(1).await;
    two.acked(2).await;

    assert_eq!(handler.calls().len(), 1);
    assert!(bench.has_effects(&[&message]).await);
    one.stop().await;
    two.stop().await;
}

pub async fn what_is_done_is_only_acknowledged<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let batch: Vec<Envelope> = (0..3).map(|_| envelope("probe")).collect();
    let handler = Arc::new(Scripted::<D>::default());
    let running = bench.start(Arc::clone(&handler) as _);
    running.feed.deliver(&batch).await;
    running.acked(3).await;

    running.feed.redeliver(&batch).await;
    running.acked(6).await;

    assert_eq!(handler.calls().len(), 1);
    let (state, attempts) = (State::Done, 0);
    assert_eq!(bench.mark(&batch[2]).await, Some(Mark { state, attempts }));
    running.stop().await;
}
