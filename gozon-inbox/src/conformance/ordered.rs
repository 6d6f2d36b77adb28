//! What a subscription that asks for order is promised: a later message of a
//! key never overtakes an earlier one, whatever becomes of that.

use std::sync::Arc;
use std::time::Duration;

use gozon_core::{Envelope, MessageId};
use tokio::sync::Semaphore;

use super::bench::{Bench, CONSUMER, Running, eventually};
use super::feed::Feed;
use super::handlers::{Act, Scripted, envelope};
use super::probe::Probe;
use super::subject::Subject;
use crate::dead::Signature;
use crate::handler::HandleError;
use crate::store::{InboxStats, State};

/// Longer than the bench's retry pause.
const A_WHILE: Duration = Duration::from_secs(61);

fn keyed(key: &str) -> Envelope {
    Envelope {
        key: Some(key.to_owned()),
        ..envelope("probe")
    }
}

fn later() -> Act {
    Act::Fail(HandleError::retry("not yet"))
}

fn reject() -> Act {
    Act::Fail(HandleError::reject("poison"))
}

fn ids(messages: &[&Envelope]) -> Vec<MessageId> {
    messages.iter().map(|message| message.id).collect()
}

/// The messages whose effects committed, in that order, as far as the handler
/// can tell: the last call of each.
fn run_order<D>(handler: &Scripted<D>) -> Vec<MessageId> {
    let all: Vec<MessageId> = handler.calls().into_iter().flatten().collect();
    let mut order: Vec<MessageId> = Vec::new();
    for (at, id) in all.iter().enumerate() {
        if !all[at + 1..].contains(id) {
            order.push(*id);
        }
    }
    order
}

async fn is<D: Probe>(bench: &Bench<D>, message: &Envelope, state: State) -> bool {
    bench.mark(message).await.map(|mark| mark.state) == Some(state)
}

async fn held<D: Probe>(bench: &Bench<D>) -> u64 {
    bench.inbox.stats().await.unwrap().held
}

fn start<D: Probe>(bench: &Bench<D>, handler: &Arc<Scripted<D>>) -> Running {
    bench.start_ordered(Arc::clone(handler) as _, Feed::default())
}

pub async fn later_messages_wait_behind_one_that_is_tried_again<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let [first, second, third] = [keyed("a"), keyed("a"), keyed("a")];
    let (other, keyless) = (keyed("b"), envelope("probe"));
    // In the batch, alone, and at the first retry.
    let handler = Scripted::<D>::default().on(first.id, 3, later());
    let handler = Arc::new(handler);
    let running = start(&bench, &handler);

    // The second comes with it, the third after it.
    let batch = [first.clone(), other.clone(), second.clone()];
    running.feed.deliver(&batch).await;
    running.acked(3).await;
    running
        .feed
        .deliver(&[third.clone(), keyless.clone()])
        .await;
    running.acked(5).await;
    assert!(bench.has_effects(&[&other, &keyless]).await, "others pass");
    let (retry, dead) = (1, 0);
    let stats = InboxStats {
        retry,
        held: 2,
        dead,
    };
    assert_eq!(bench.inbox.stats().await.unwrap(), stats);
    eventually(async || {
        D::age(&bench.db, A_WHILE).await;
        is(&bench, &third, State::Done).await
    })
    .await;

    let order = run_order(&handler);
    let of_the_key: Vec<MessageId> = order
        .into_iter()
        .filter(|id| ![other.id, keyless.id].contains(id))
        .collect();
    assert_eq!(of_the_key, ids(&[&first, &second, &third]));
    let fourth = keyed("a");
    running.feed.deliver(std::slice::from_ref(&fourth)).await;
    running.acked(6).await;
    eventually(async || is(&bench, &fourth, State::Done).await).await;
    let all = [&first, &second, &third, &fourth, &other, &keyless];
    assert!(bench.has_effects(&all).await);
    running.stop().await;
}

pub async fn a_dead_letter_holds_its_key_until_it_is_replayed<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let [first, second, third] = [keyed("a"), keyed("a"), keyed("a")];
    let handler = Arc::new(Scripted::<D>::default().on(first.id, 1, reject()));
    let running = start(&bench, &handler);
    for message in [&first, &second, &third] {
        running.feed.deliver(std::slice::from_ref(message)).await;
    }
    running.acked(3).await;
    assert!(is(&bench, &first, State::Dead).await);
    D::age(&bench.db, A_WHILE).await;
    assert_eq!(held(&bench).await, 2);
    assert_eq!(handler.calls().len(), 1);

    let decision = Signature::new("anna", "mended");
    let replayed = bench.inbox.replay(CONSUMER, first.id, &decision).await;
    replayed.unwrap();
    eventually(async || is(&bench, &third, State::Done).await).await;

    let order: Vec<MessageId> = handler.calls().into_iter().skip(1).flatten().collect();
    assert_eq!(order, ids(&[&first, &second, &third]));
    running.stop().await;
}

pub async fn a_discarded_dead_letter_lets_its_key_go_on<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let [first, second, third] = [keyed("a"), keyed("a"), keyed("a")];
    // The second fails as well: the third waits behind it in its turn.
    let handler = Scripted::<D>::default()
        .on(first.id, 1, reject())
        .on(second.id, 1, later());
    let handler = Arc::new(handler);
    let running = start(&bench, &handler);
    for message in [&first, &second, &third] {
        running.feed.deliver(std::slice::from_ref(message)).await;
    }
    running.acked(3).await;

    let decision = Signature::new("anna", "never was an order");
    let discarded = bench.inbox.discard(CONSUMER, first.id, &decision).await;
    discarded.unwrap();
    eventually(async || handler.calls().len() == 2).await;
    eventually(async || {
        D::age(&bench.db, A_WHILE).await;
        is(&bench, &third, State::Done).await
    })
    .await;

    let calls: Vec<MessageId> = handler.calls().into_iter().flatten().collect();
    assert_eq!(calls, ids(&[&first, &second, &second, &third]));
    assert!(bench.has_effects(&[&second, &third]).await);
    running.stop().await;
}

pub async fn what_waits_survives_its_consumer<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let messages: Vec<Envelope> = (0..6).map(|_| keyed("a")).collect();
    let failing = Scripted::<D>::default().on(messages[0].id, 1, later());
    let one = start(&bench, &Arc::new(failing));
    for message in &messages[..4] {
        one.feed.deliver(std::slice::from_ref(message)).await;
    }
    one.acked(4).await;
    one.stop().await;

    // The next one gets the last of them again, because an acknowledgement was
    // lost, and then what is new.
    let handler = Arc::new(Scripted::<D>::default());
    let two = start(&bench, &handler);
    two.feed.redeliver(&messages[3..4]).await;
    two.feed.deliver(&messages[4..]).await;
    two.acked(3).await;
    assert_eq!(handler.calls().len(), 0);
    D::age(&bench.db, A_WHILE).await;
    eventually(async || is(&bench, &messages[5], State::Done).await).await;

    let calls: Vec<MessageId> = handler.calls().into_iter().flatten().collect();
    let expected: Vec<MessageId> = messages.iter().map(|one| one.id).collect();
    assert_eq!(calls, expected);
    two.stop().await;
}

pub async fn a_crash_before_the_next_ones_turn_strands_nobody<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let [first, second] = [keyed("a"), keyed("a")];
    let failing = Scripted::<D>::default().on(first.id, 1, later());
    let one = start(&bench, &Arc::new(failing));
    for message in [&first, &second] {
        one.feed.deliver(std::slice::from_ref(message)).await;
    }
    one.acked(2).await;
    one.stop().await;
    // Someone handled the first and did not live to say so.
    let mut tx = bench.db.begin().await.unwrap();
    let done = bench.marks().finish(&mut tx, CONSUMER, first.id, 1).await;
    assert!(done.unwrap());
    tx.commit().await.unwrap();

    let handler = Arc::new(Scripted::<D>::default());
    let two = start(&bench, &handler);
    eventually(async || is(&bench, &second, State::Done).await).await;

    assert_eq!(handler.calls(), [[second.id]]);
    two.stop().await;
}

pub async fn what_must_run_alone_does_not_let_later_ones_pass<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let [first, second, third] = [keyed("a"), keyed("a"), keyed("a")];
    // Someone was trying the first when he died.
    bench.store().attempt(CONSUMER, first.id).await.unwrap();
    let handler = Arc::new(Scripted::<D>::default().on(first.id, 1, later()));
    let running = start(&bench, &handler);

    // In process, what was in flight comes again as new.
    running.feed.deliver(&[first.clone(), second.clone()]).await;
    running.acked(2).await;
    running
        .feed
        .redeliver(&[second.clone(), third.clone()])
        .await;
    running.acked(4).await;
    assert_eq!(handler.calls(), [[first.id]]);
    D::age(&bench.db, A_WHILE).await;
    eventually(async || is(&bench, &third, State::Done).await).await;

    assert_eq!(run_order(&handler), ids(&[&first, &second, &third]));
    assert!(bench.has_effects(&[&first, &second, &third]).await);
    running.stop().await;
}

pub async fn what_was_noted_waits_as_well<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let [first, second] = [keyed("a"), keyed("a")];
    // In company, and alone.
    let handler = Arc::new(Scripted::<D>::default().on(first.id, 2, later()));
    let running = start(&bench, &handler);

    running
        .feed
        .redeliver(&[first.clone(), second.clone()])
        .await;
    running.acked(2).await;
    assert_eq!(held(&bench).await, 1);
    D::age(&bench.db, A_WHILE).await;
    eventually(async || is(&bench, &second, State::Done).await).await;

    assert_eq!(run_order(&handler), ids(&[&first, &second]));
    assert!(bench.has_effects(&[&first, &second]).await);
    running.stop().await;
}

pub async fn instances_do_not_reorder_a_key<D: Probe>(subject: Subject<D>) {
    const KEYS: usize = 3;
    const EACH: usize = 12;
    let bench = Bench::new(subject).await;
    let lines: Vec<Vec<Envelope>> = (0..KEYS)
        .map(|key| (0..EACH).map(|_| keyed(&key.to_string())).collect())
        .collect();
    let mut handler = Scripted::<D>::default();
    for line in &lines {
        for at in [0, 3, 7] {
            handler = handler.on(line[at].id, 1, later());
        }
    }
    let handler = Arc::new(handler);
    // Each key comes to one instance; what waits is run by either.
    let one = start(&bench, &handler);
    let two = start(&bench, &handler);

    for ((alone, left), right) in lines[0].iter().zip(&lines[1]).zip(&lines[2]) {
        one.feed.deliver(std::slice::from_ref(alone)).await;
        two.feed.deliver(&[left.clone(), right.clone()]).await;
    }
    eventually(async || {
        D::age(&bench.db, A_WHILE).await;
        let stats = bench.inbox.stats().await.unwrap();
        let settled = one.feed.acked().len() + two.feed.acked().len();
        settled == KEYS * EACH && stats == InboxStats::default()
    })
    .await;

    let order = run_order(&handler);
    for line in &lines {
        let ids: Vec<MessageId> = line.iter().map(|one| one.id).collect();
        let ran: Vec<MessageId> = order
            .iter()
            .filter(|id| ids.contains(id))
            .copied()
            .collect();
        assert_eq!(ran, ids);
    }
    let all: Vec<&Envelope> = lines.iter().flatten().collect();
    assert!(bench.has_effects(&all).await, "each once");
    one.stop().await;
    two.stop().await;
}

pub async fn a_message_that_comes_while_its_line_moves_is_not_lost<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let [first, second] = [keyed("a"), keyed("a")];
    let gate = Arc::new(Semaphore::new(0));
    let handler = Scripted::<D>::default().on(first.id, 1, later()).on(
        first.id,
        1,
        Act::Wait(Arc::clone(&gate)),
    );
    let handler = Arc::new(handler);
    let running = start(&bench, &handler);
    running.feed.deliver(std::slice::from_ref(&first)).await;
    running.acked(1).await;
    D::age(&bench.db, A_WHILE).await;
    eventually(async || handler.calls().len() == 2).await;

    // The first is being handled again, and nobody knows how that will end. On
    // SQLite the second waits for the one writer, on PostgreSQL for nobody.
    running.feed.deliver(std::slice::from_ref(&second)).await;
    gate.add_permits(1);
    running.acked(2).await;
    eventually(async || is(&bench, &second, State::Done).await).await;

    assert_eq!(run_order(&handler), ids(&[&first, &second]));
    assert_eq!(bench.inbox.stats().await.unwrap(), InboxStats::default());
    running.stop().await;
}

pub async fn without_order_nobody_waits<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let [first, second] = [keyed("a"), keyed("a")];
    let handler = Arc::new(Scripted::<D>::default().on(first.id, 1, later()));
    let running = bench.start(Arc::clone(&handler) as _);

    running.feed.deliver(std::slice::from_ref(&first)).await;
    running.feed.deliver(std::slice::from_ref(&second)).await;
    running.acked(2).await;

    assert!(bench.has_effects(&[&second]).await);
    assert_eq!(held(&bench).await, 0);
    running.stop().await;
}
