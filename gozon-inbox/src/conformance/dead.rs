//! What people can do about messages that were given up.

use std::sync::Arc;
use std::time::Duration;

use gozon_core::{Envelope, ErrorClass, Incoming, Malformed, MessageId, SignatureError};

use super::bench::{Bench, CONSUMER, Running, eventually};
use super::feed::Feed;
use super::handlers::{Act, Scripted, envelope, holds_all};
use super::probe::Probe;
use super::subject::Subject;
use crate::dead::{DeadLetter, Decision, DecisionError, Ruling, Signature};
use crate::handler::HandleError;
use crate::store::State;

fn decision() -> Signature {
    Signature::new("anna", "the handler was mended")
}

fn reject() -> Act {
    Act::Fail(HandleError::reject("poison"))
}

/// Consumes messages until all are dead.
async fn dies<D: Probe>(bench: &Bench<D>, messages: &[Envelope]) -> Running {
    let mut handler = Scripted::<D>::default();
    for message in messages {
        handler = handler.on(message.id, 1, reject());
    }
    let running = bench.start(Arc::new(handler));
    for message in messages {
        running.feed.deliver(std::slice::from_ref(message)).await;
    }
    running.acked(messages.len()).await;
    for message in messages {
        assert_eq!(bench.mark(message).await.unwrap().state, State::Dead);
    }
    running
}

async fn replay<D: Probe>(bench: &Bench<D>, message: &Envelope) {
    let decision = decision();
    let replayed = bench.inbox.replay(CONSUMER, message.id, &decision).await;
    replayed.unwrap();
}

async fn discard<D: Probe>(bench: &Bench<D>, message: &Envelope) {
    let decision = decision();
    let discarded = bench.inbox.discard(CONSUMER, message.id, &decision).await;
    discarded.unwrap();
}

async fn is<D: Probe>(bench: &Bench<D>, message: &Envelope, state: State) -> bool {
    bench.mark(message).await.map(|mark| mark.state) == Some(state)
}

async fn records<D: Probe>(bench: &Bench<D>) -> Vec<Decision> {
    bench.inbox.decisions(CONSUMER, None, 100).await.unwrap()
}

pub async fn dead_letters_come_in_pages<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let malformed: Vec<Malformed> = (0..7).map(|_| no_message()).collect();
    // Four die in one statement, at one time: the id decides among them.
    bench
        .store()
        .keep_malformed(CONSUMER, &malformed[..4])
        .await
        .unwrap();
    D::age(&bench.db, Duration::from_secs(60)).await;
    for one in &malformed[4..] {
        let one = std::slice::from_ref(one);
        bench.store().keep_malformed(CONSUMER, one).await.unwrap();
    }
    let other = [no_message()];
    bench.store().keep_malformed("other", &other).await.unwrap();

    let mut pages: Vec<Vec<DeadLetter>> = Vec::new();
    let mut after = None;
    // Three are needed; more would be a page that comes again.
    for _ in 0..9 {
        let page = bench.inbox.dead_letters(CONSUMER, after, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.position());
        pages.push(page);
    }

    let sizes: Vec<usize> = pages.iter().map(Vec::len).collect();
    assert_eq!(sizes, [3, 3, 1]);
    let shown: Vec<DeadLetter> = pages.into_iter().flatten().collect();
    assert!(shown.windows(2).all(|two| two[0].died_at >= two[1].died_at));
    let mut ids: Vec<MessageId> = shown.iter().map(|letter| letter.id).collect();
    ids.sort();
    let mut expected: Vec<MessageId> = malformed.iter().map(|one| one.id).collect();
    expected.sort();
    assert_eq!(ids, expected, "each once");
}

pub async fn a_replayed_message_runs_with_its_full_budget<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let mut message = envelope("probe");
    message.subject = Some("what was sent".into());
    // The bench allows three attempts: one that is refused, and after the
    // replay two that fail and one that does not.
    let later = Act::Fail(HandleError::retry("not yet"));
    let handler = Scripted::<D>::default()
        .on(message.id, 1, reject())
        .on(message.id, 2, later);
    let handler = Arc::new(handler);
    let running = bench.start(Arc::clone(&handler) as _);
    running.feed.deliver(std::slice::from_ref(&message)).await;
    running.acked(1).await;
    assert!(is(&bench, &message, State::Dead).await);

    replay(&bench, &message).await;
    // At once: nobody has turned the time yet.
    eventually(async || handler.calls().len() == 2).await;
    eventually(async || {
        D::age(&bench.db, Duration::from_secs(61)).await;
        is(&bench, &message, State::Done).await
    })
    .await;

    assert!(bench.has_effects(&[&message]).await);
    assert_eq!(handler.calls().len(), 4);
    let [record] = records(&bench).await.try_into().unwrap();
    assert_eq!(record.ruling, Ruling::Replayed);
    assert_eq!(record.signature, decision());
    let letter = record.letter;
    assert_eq!((letter.id, letter.attempts), (message.id, 1));
    assert_eq!(letter.reason, "poison");
    running.stop().await;
}

pub async fn a_replayed_message_that_dies_again_can_be_replayed_again<D: Probe>(
    subject: Subject<D>,
) {
    let bench = Bench::new(subject).await;
    let message = envelope("probe");
    let handler = Arc::new(Scripted::<D>::default().on(message.id, 2, reject()));
    let running = bench.start(Arc::clone(&handler) as _);
    running.feed.deliver(std::slice::from_ref(&message)).await;
    running.acked(1).await;

    for calls in [2, 3] {
        replay(&bench, &message).await;
        eventually(async || handler.calls().len() == calls).await;
        eventually(async || !is(&bench, &message, State::Retry).await).await;
    }

    assert!(is(&bench, &message, State::Done).await);
    let records = records(&bench).await;
    let attempts: Vec<u32> = records.iter().map(|one| one.letter.attempts).collect();
    assert_eq!(attempts, [2, 1], "newest first, and nothing is forgotten");
    assert!(records[0].id > records[1].id);
    let older = bench.inbox.decisions(CONSUMER, Some(records[0].id), 9);
    assert_eq!(older.await.unwrap(), records[1..]);
    running.stop().await;
}

pub async fn a_discarded_message_is_recorded_and_never_runs<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let message = envelope("probe");
    let running = dies(&bench, std::slice::from_ref(&message)).await;
    let [letter] = bench
        .inbox
        .dead_letters(CONSUMER, None, 9)
        .await
        .unwrap()
        .try_into()
        .unwrap();

    discard(&bench, &message).await;
    running.feed.deliver(std::slice::from_ref(&message)).await;
    running.feed.redeliver(std::slice::from_ref(&message)).await;
    running.acked(3).await;

    assert!(bench.has_effects(&[]).await, "a repeat has no effect");
    assert_eq!(bench.inbox.stats().await.unwrap().dead, 0);
    let left = bench.inbox.dead_letters(CONSUMER, None, 9).await.unwrap();
    assert_eq!(left, []);
    // Old marks go, decisions stay.
    D::age(&bench.db, Duration::from_secs(31 * 24 * 60 * 60)).await;
    assert_eq!(bench.inbox.prune().await.unwrap(), 1);
    let [record] = records(&bench).await.try_into().unwrap();
    assert_eq!(record.ruling, Ruling::Discarded);
    assert_eq!(record.signature, decision());
    assert_eq!(record.letter, letter, "whole, as it stood");
    assert!(holds_all(&record.letter, &message), "{:?}", record.letter);
    running.stop().await;
}

pub async fn what_is_no_message_can_only_be_discarded<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let malformed = no_message();
    let id = malformed.id;
    let running = bench.start(Arc::new(Scripted::<D>::default()));
    let incoming = Incoming::Malformed(malformed.clone());
    running.feed.incoming(id, incoming, false).await;
    running.acked(1).await;

    let refused = bench.inbox.replay(CONSUMER, id, &decision()).await;
    let refused = refused.unwrap_err();
    assert!(matches!(refused, DecisionError::Malformed), "{refused}");
    assert_eq!(refused.class(), ErrorClass::Reject);
    assert_eq!(records(&bench).await, []);
    bench
        .inbox
        .discard(CONSUMER, id, &decision())
        .await
        .unwrap();

    let [record] = records(&bench).await.try_into().unwrap();
    assert!(record.letter.malformed);
    assert_eq!(record.letter.attributes, malformed.headers);
    assert_eq!(record.letter.data, malformed.data);
    running.stop().await;
}

pub async fn only_a_dead_letter_can_be_decided_about<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let (done, waiting, tried) = (envelope("probe"), envelope("probe"), envelope("probe"));
    let later = Act::Fail(HandleError::retry("not yet"));
    let running = bench.start(Arc::new(Scripted::<D>::default().on(waiting.id, 1, later)));
    running.feed.deliver(std::slice::from_ref(&done)).await;
    running.feed.deliver(std::slice::from_ref(&waiting)).await;
    running.acked(2).await;
    bench.store().attempt(CONSUMER, tried.id).await.unwrap();

    let (unknown, decision) = (envelope("probe"), decision());
    for (message, expected) in [
        (&done, Some(State::Done)),
        (&waiting, Some(State::Retry)),
        (&tried, Some(State::Trying)),
        (&unknown, None),
    ] {
        let replayed = bench.inbox.replay(CONSUMER, message.id, &decision).await;
        let discarded = bench.inbox.discard(CONSUMER, message.id, &decision).await;
        for error in [replayed.unwrap_err(), discarded.unwrap_err()] {
            let found = match error {
                DecisionError::NotDead { state } => Some(state),
                DecisionError::Unknown => None,
                other => panic!("{other}"),
            };
            assert_eq!(found, expected);
        }
    }
    let unsigned = Signature::new("", "why not");
    let refused = bench.inbox.replay(CONSUMER, done.id, &unsigned).await;
    assert!(matches!(
        refused,
        Err(DecisionError::Unsigned(SignatureError { field: "by", .. }))
    ));

    assert_eq!(records(&bench).await, []);
    assert!(bench.has_effects(&[&done]).await);
    running.stop().await;
}

pub async fn a_letter_is_decided_about_once<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let messages: Vec<Envelope> = (0..8).map(|_| envelope("probe")).collect();
    let running = dies(&bench, &messages).await;
    running.stop().await;

    for message in &messages {
        let decision = decision();
        let (one, two, three) = tokio::join!(
            bench.inbox.replay(CONSUMER, message.id, &decision),
            bench.inbox.discard(CONSUMER, message.id, &decision),
            bench.inbox.replay(CONSUMER, message.id, &decision),
        );
        let decided = [one, two, three].iter().filter(|one| one.is_ok()).count();
        assert_eq!(decided, 1);
    }

    assert_eq!(records(&bench).await.len(), messages.len());
}

pub async fn each_consumer_decides_about_its_own<D: Probe>(subject: Subject<D>) {
    let bench = Bench::new(subject).await;
    let message = envelope("probe");
    let handler = || Arc::new(Scripted::<D>::default().on(message.id, 1, reject()));
    let one = bench.start(handler());
    let two = bench.start_as("other", handler(), Feed::default());
    for running in [&one, &two] {
        running.feed.deliver(std::slice::from_ref(&message)).await;
        running.acked(1).await;
    }

    replay(&bench, &message).await;
    eventually(async || is(&bench, &message, State::Done).await).await;

    let others = bench.inbox.dead_letters("other", None, 9).await.unwrap();
    assert_eq!(others.len(), 1, "the other's letter is still dead");
    assert_eq!(bench.inbox.decisions("other", None, 9).await.unwrap(), []);
    one.stop().await;
    two.stop().await;
}

fn no_message() -> Malformed {
    Malformed {
        id: MessageId::generate(),
        reason: "no type".into(),
        headers: r#"{"x":"1"}"#.into(),
        data: (&b"\x00\xff"[..]).into(),
    }
}
