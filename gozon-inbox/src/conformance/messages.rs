//! What a consumer does with a batch.

use std::sync::Arc;

use async_trait::async_trait;
use gozon_core::trace::TraceContext;
use gozon_core::{Envelope, Incoming, Malformed, MessageId, NewMessage};
use tokio::sync::Semaphore;

use super::bench::{Bench, CONSUMER, eventually};
use super::handlers::{Act, Scripted, envelope};
use super::probe::Probe;
use super::subject::Subject;
use crate::handler::{Each, HandleError, Handler};
use crate::store::{InboxStats, State};

pub async fn poison_does_not_stop_its_neighbours<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let batch: Vec<Envelope> = (0..5).map(|_| envelope("probe")).collect();
    let (rejected, bug, later) = (&batch[1], &batch[2], &batch[3]);
    let handler = Scripted::<D>::default()
        .on(rejected.id, 9, Act::Fail(HandleError::reject("poison")))
        .on(bug.id, 9, Act::Fail(HandleError::bug("poison")))
        .on(later.id, 9, Act::Fail(HandleError::retry("not yet")));
    let running = bench.start(Arc::new(handler));

    running.feed.deliver(&batch).await;
    running.acked(5).await;

    assert!(bench.has_effects(&[&batch[0], &batch[4]]).await);
    let (retry, held, dead) = (1, 0, 2);
    assert_eq!(
        bench.inbox.stats().await.unwrap(),
        InboxStats { retry, held, dead }
    );
    let letters = bench.inbox.dead_letters(CONSUMER, None, 10).await.unwrap();
    assert!(letters.iter().all(|letter| letter.reason == "poison"));
    running.stop().await;
}

pub async fn a_panicking_handler_loses_only_its_message<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let batch: Vec<Envelope> = (0..3).map(|_| envelope("probe")).collect();
    let handler = Scripted::<D>::default().on(batch[1].id, 9, Act::Panic);
    let running = bench.start(Arc::new(handler));

    running.feed.deliver(&batch).await;
    running.acked(3).await;

    assert!(bench.has_effects(&[&batch[0], &batch[2]]).await);
    assert_eq!(bench.mark(&batch[1]).await.unwrap().state, State::Dead);
    running.stop().await;
}

pub async fn messages_are_sent_only_if_the_effect_commits<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let (good, bad) = (envelope("probe"), envelope("probe"));
    let act = Act::Fail(HandleError::reject("no"));
    let running = bench.start(Arc::new(Scripted::<D>::default().on(bad.id, 9, act)));

    running.feed.deliver(&[good.clone(), bad]).await;
    running.acked(2).await;

    let causes = |sent: Vec<NewMessage>| -> Vec<Option<String>> {
        sent.into_iter()
            .map(|message| message.envelope.causation_id)
            .collect()
    };
    let only_good = vec![Some(good.id.to_string())];
    assert_eq!(causes(bench.outbox.appended()), only_good);
    assert_eq!(causes(bench.outbox.committed()), only_good);
    running.stop().await;
}

pub async fn conflicts_repeat_the_work_and_count_nothing<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let batch = [envelope("probe"), envelope("probe")];
    let conflict = Act::Fail(HandleError::from(sqlx::Error::PoolTimedOut));
    let handler = Arc::new(Scripted::<D>::default().on(batch[0].id, 4, conflict));
    let running = bench.start(Arc::clone(&handler) as _);

    running.feed.deliver(&batch).await;
    running.acked(2).await;

    assert!(bench.has_effects(&[&batch[0], &batch[1]]).await);
    assert!(handler.calls().iter().all(|call| call.len() == 2));
    assert_eq!(bench.mark(&batch[0]).await.unwrap().attempts, 0);
    running.stop().await;
}

pub async fn a_conflict_without_end_does_not_stop_the_consumer<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let batch = [envelope("probe"), envelope("probe")];
    let conflict = Act::Fail(HandleError::from(sqlx::Error::PoolTimedOut));
    let handler = Scripted::<D>::default().on(batch[0].id, 1_000, conflict);
    let running = bench.start(Arc::new(handler));

    running.feed.deliver(&batch).await;
    running.acked(2).await;

    assert!(bench.has_effects(&[&batch[1]]).await);
    assert_eq!(bench.mark(&batch[0]).await.unwrap().state, State::Retry);
    running.stop().await;
}

pub async fn the_trace_goes_on<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let trace = TraceContext::root();
    let mut traced = envelope("probe");
    traced.traceparent = Some(trace.traceparent().to_owned());
    let batch = [traced, envelope("probe")];

    let running = bench.start(Arc::new(Scripted::<D>::default()));
    running.feed.deliver(&batch).await;
    running.acked(2).await;
    running.stop().await;
    let running = bench.start_as("each", Arc::new(Each(Sees)), super::Feed::default());
    running.feed.deliver(&batch).await;
    running.acked(2).await;
    running.stop().await;

    let sent = bench.outbox.committed();
    assert_eq!(sent.len(), 4);
    let trace_ids: Vec<Option<String>> = sent.iter().map(trace_id_of).collect();
    assert_eq!(trace_ids[0].as_deref(), Some(trace.trace_id()));
    assert_eq!(trace_ids[2].as_deref(), Some(trace.trace_id()));
    assert!(trace_ids.iter().all(Option::is_some), "a trace of our own");
    assert_ne!(trace_ids[3].as_deref(), Some(trace.trace_id()));
}

fn trace_id_of(message: &NewMessage) -> Option<String> {
    let parent = message.envelope.traceparent.as_deref()?;
    TraceContext::parse(parent, None).map(|trace| trace.trace_id().to_owned())
}

/// Sends the trace that it runs in.
struct Sees;

#[async_trait]
impl<Tx: Send> Handler<Tx> for Sees {
    async fn handle(
        &self,
        _tx: &mut Tx,
        _message: &Envelope,
        out: &mut Vec<NewMessage>,
    ) -> Result<(), HandleError> {
        let trace = gozon_core::trace::current();
        let mut envelope = envelope("answer");
        envelope.traceparent = trace.map(|trace| trace.traceparent().to_owned());
        let delay = None;
        out.push(NewMessage { envelope, delay });
        Ok(())
    }
}

pub async fn shutdown_finishes_the_batch_in_hand<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let (message, late) = (envelope("probe"), envelope("probe"));
    let gate = Arc::new(Semaphore::new(0));
    let act = Act::Wait(Arc::clone(&gate));
    let handler = Arc::new(Scripted::<D>::default().on(message.id, 1, act));
    let running = bench.start(Arc::clone(&handler) as _);
    running.feed.deliver(std::slice::from_ref(&message)).await;
    running.feed.deliver(std::slice::from_ref(&late)).await;
    eventually(async || !handler.calls().is_empty()).await;

    running.shutdown.cancel();
    gate.add_permits(1);
    let feed = running.feed.clone();
    running.result().await.unwrap();

    assert_eq!(feed.acked(), [message.id]);
    assert!(bench.has_effects(&[&message]).await);
}

pub async fn what_is_no_message_is_kept<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let malformed = Malformed {
        id: MessageId::generate(),
        reason: "no type\0".into(),
        headers: r#"{"x":"1"}"#.into(),
        data: (&b"\x00\xff"[..]).into(),
    };
    let running = bench.start(Arc::new(Scripted::<D>::default()));

    for redelivered in [false, true] {
        let incoming = Incoming::Malformed(malformed.clone());
        running
            .feed
            .incoming(malformed.id, incoming, redelivered)
            .await;
    }
    running.acked(2).await;

    let letters = bench.inbox.dead_letters(CONSUMER, None, 10).await.unwrap();
    let [letter] = letters.as_slice() else {
        panic!("one dead letter, found {letters:?}")
    };
    assert!(letter.malformed);
    assert_eq!(letter.id, malformed.id);
    assert_eq!(letter.reason, "no type");
    assert_eq!(letter.attributes, malformed.headers);
    assert_eq!(letter.data, malformed.data);
    running.stop().await;
}

pub async fn nothing_is_acknowledged_before_the_commit<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let message = envelope("probe");
    let gate = Arc::new(Semaphore::new(0));
    let act = Act::Wait(Arc::clone(&gate));
    let handler = Arc::new(Scripted::<D>::default().on(message.id, 1, act));
    let running = bench.start(Arc::clone(&handler) as _);

    running.feed.deliver(std::slice::from_ref(&message)).await;
    eventually(async || !handler.calls().is_empty()).await;
    let early = running.feed.acked();
    gate.add_permits(1);
    running.acked(1).await;

    assert_eq!(early, [], "the handler was still at work");
    assert!(bench.has_effects(&[&message]).await);
    running.stop().await;
}

pub async fn deliveries_that_end_are_asked_for_again<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let [first, second, third] = [envelope("probe"), envelope("probe"), envelope("probe")];
    let running = bench.start(Arc::new(Scripted::<D>::default()));

    running.feed.deliver(std::slice::from_ref(&first)).await;
    running.feed.end().await;
    running.feed.deliver(std::slice::from_ref(&second)).await;
    running.feed.panic().await;
    running.feed.resume().await;
    running.feed.deliver(std::slice::from_ref(&third)).await;
    running.acked(3).await;

    assert!(bench.has_effects(&[&first, &second, &third]).await);
    running.stop().await;
}
