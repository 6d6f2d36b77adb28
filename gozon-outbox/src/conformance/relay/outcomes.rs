//! Each outcome in its own way; nothing is lost by any of them.

use std::time::Duration;

use gozon_core::{Clock, Outcome, SystemClock};

use super::{Answer, Stage, pass, spoken};
use crate::store::RowState;

/// And then confirmed, deleted, and its key flows.
async fn is_kept_and_repeated(stage: &Stage, answer: Answer) {
    stage
        .broker()
        .script(move |seen| match (seen.text.as_str(), seen.attempt < 4) {
            ("a:1" | ":1", true) => answer.clone(),
            _ => Answer::CONFIRMED,
        });
    stage.say(&["a:1", "a:2", ":1", "b:1"]);
    let relay = stage.start();

    stage.sees(&["a:2"]).await;

    stage.emptied().await;
    assert_eq!((stage.times("a:1"), stage.times(":1")), (4, 4));
    assert_eq!(stage.first_seen("a"), ["a:1", "a:2"]);
    relay.stop().await;
}

/// The broker could not take it: later it may.
pub async fn a_nacked_message_is_kept_and_repeated(stage: &Stage) {
    is_kept_and_repeated(stage, Answer::nacked()).await;
}

/// The channel went with the answer: the broker may not have it.
pub async fn an_unknown_message_is_kept_and_repeated(stage: &Stage) {
    is_kept_and_repeated(stage, Answer::unknown()).await;
}

/// No queue is bound: one may be bound later. Not confirmed, whatever follows.
pub async fn a_returned_message_is_kept_and_repeated(stage: &Stage) {
    is_kept_and_repeated(stage, Answer::returned()).await;
}

/// After `publish_timeout` at the latest, for a transport that forgets a
/// message must not hold its key for ever.
pub async fn a_message_without_an_answer_is_repeated(stage: &Stage) {
    stage.broker().script(|seen| match seen.text.as_str() {
        "a:1" if seen.attempt == 1 => Answer::Never,
        _ => Answer::CONFIRMED,
    });
    stage.say(&["a:1", "a:2"]);
    let relay = stage.start();

    stage.sees(&["a:2"]).await;

    stage.emptied().await;
    assert_eq!(stage.times("a:1"), 2);
    relay.stop().await;
}

/// Or a relay that dies in between has lost it.
pub async fn a_message_is_deleted_only_after_it_was_confirmed(stage: &Stage) {
    stage.broker().script(|_| Answer::Later(Outcome::Confirmed));
    stage.say(&["a:1", ":1"]);
    let relay = stage.start();
    stage.sees(&["a:1", ":1"]).await;

    pass(Duration::from_secs(2)).await;
    assert_eq!(stage.rows().len(), 2);
    stage.broker().answer();

    stage.emptied().await;
    relay.stop().await;
}

/// A repeat says its own time, not that of the first attempt.
pub async fn every_attempt_says_when_it_began(stage: &Stage) {
    stage.broker().script(|seen| match seen.attempt {
        1 => Answer::nacked(),
        _ => Answer::CONFIRMED,
    });
    let before = SystemClock.now();
    stage.say(&["a:1", ":1"]);
    let relay = stage.start();

    stage.emptied().await;

    for text in ["a:1", ":1"] {
        let seen = stage.seen();
        let attempts = seen.iter().filter(|arrival| arrival.text == text);
        let said: Vec<_> = attempts.map(|arrival| arrival.published_at).collect();
        let [Some(first), Some(second)] = said[..] else {
            panic!("the attempts of {text} say {said:?}");
        };
        assert!(
            before <= first,
            "{text} was published at {first}, before it was there"
        );
        assert!(first != second, "both attempts of {text} say {first}");
    }
    relay.stop().await;
}

/// A broker that is away for ten minutes makes no message bad.
pub async fn an_outage_buries_nothing_however_long(stage: &Stage) {
    stage.broker().script(|seen| match seen.attempt % 3 {
        0 => Answer::nacked(),
        1 => Answer::unknown(),
        _ => Answer::returned(),
    });
    stage.say(&["a:1", "a:2", "b:1", ":1"]);
    let relay = stage.start();

    pass(Duration::from_secs(600)).await;
    let tries = stage.times("a:1");
    assert!(tries > 20, "a:1 was tried {tries} times in ten minutes");
    assert_eq!(stage.texts_in(RowState::Dead), [""; 0]);
    assert_eq!(stage.rows().len(), 4);

    stage.broker().script(|_| Answer::CONFIRMED);
    stage.emptied().await;
    assert_eq!(stage.first_seen("a"), ["a:1", "a:2"]);
    relay.stop().await;
}

/// It is not published again, and what is behind it waits for a person, also
/// when the relay changes; the others flow.
pub async fn a_refused_message_is_buried_and_holds_its_key(stage: &Stage) {
    stage.broker().script(|seen| match seen.text.as_str() {
        "a:1" => Answer::refused(),
        _ => Answer::CONFIRMED,
    });
    stage.say(&["a:1", "a:2", "b:1"]);
    let relay = stage.start();
    stage.sees(&["a:1", "b:1"]).await;
    stage
        .eventually("it is dead", || stage.texts_in(RowState::Dead) == ["a:1"])
        .await;
    pass(Duration::from_secs(60)).await;
    relay.stop().await;

    let next = stage.start();
    stage.say(&["a:3", "b:2"]);
    stage.sees(&["b:2"]).await;
    pass(Duration::from_secs(60)).await;

    let mut texts = stage.texts();
    texts.sort();
    assert_eq!(texts, ["a:1", "b:1", "b:2"]);
    assert_eq!(stage.texts_in(RowState::Dead), ["a:1"]);
    assert_eq!(stage.rows().len(), 3);
    next.stop().await;
}

/// Nor does it end the relay.
pub async fn an_unreadable_message_is_buried_and_holds_its_key(stage: &Stage) {
    let unreadable = stage.append(&spoken("a:1"));
    stage.garble(unreadable);
    stage.say(&["a:2", "b:1"]);

    let relay = stage.start();

    stage.sees(&["b:1"]).await;
    stage
        .eventually("it is dead", || stage.texts_in(RowState::Dead) == ["a:1"])
        .await;
    pass(Duration::from_secs(60)).await;
    assert_eq!(stage.texts(), ["b:1"]);
    assert_eq!(stage.rows().len(), 2);
    relay.stop().await;
}
