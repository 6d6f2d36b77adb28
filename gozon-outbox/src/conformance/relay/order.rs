//! Everything arrives, and the messages of a key in the order of their commits.

use std::time::Duration;

use gozon_core::Outcome;

use super::{Answer, Stage, pass, spoken};
use crate::conformance::message;

/// With and without a key, and again when it has been idle.
pub async fn what_is_committed_is_published_and_deleted(stage: &Stage) {
    stage.say(&["a:1", "a:2", ":1"]);
    let relay = stage.start();

    stage.emptied().await;
    pass(Duration::from_secs(60)).await;
    stage.say(&["b:1", ":2"]);
    stage.emptied().await;

    let mut texts = stage.texts();
    texts.sort();
    assert_eq!(texts, [":1", ":2", "a:1", "a:2", "b:1"]);
    relay.stop().await;
}

/// Nor does it take two from one read, or one more from the next.
pub async fn a_key_has_one_unconfirmed_message_at_most(stage: &Stage) {
    stage.broker().script(|_| Answer::Later(Outcome::Confirmed));
    stage.say(&["a:1", "a:2", "b:1", "b:2", ":1", ":2"]);
    let relay = stage.start();

    stage.sees(&["a:1", "b:1", ":1", ":2"]).await;
    stage.say(&["a:3"]);
    pass(Duration::from_secs(5)).await;

    let mut heads = stage.texts();
    heads.sort();
    assert_eq!(heads, [":1", ":2", "a:1", "b:1"]);
    stage.broker().script(|_| Answer::CONFIRMED);
    stage.broker().answer();
    stage.emptied().await;
    assert_eq!(stage.first_seen("a"), ["a:1", "a:2", "a:3"]);
    relay.stop().await;
}

/// An answer that takes long delays its own key alone.
pub async fn other_keys_flow_past_an_unconfirmed_message(stage: &Stage) {
    stage.broker().script(|seen| match seen.text.as_str() {
        "slow:1" => Answer::Later(Outcome::Confirmed),
        _ => Answer::CONFIRMED,
    });
    stage.say(&["slow:1", "slow:2"]);
    let relay = stage.start();
    stage.sees(&["slow:1"]).await;

    for round in 0..20 {
        let said = format!("quick:{round:02}");
        stage.say(&[&said]);
        stage.sees(&[&said]).await;
    }

    assert_eq!(stage.times("slow:1"), 1, "the others waited for it");
    assert_eq!(stage.first_seen("slow"), ["slow:1"]);
    stage.broker().answer();
    stage.emptied().await;
    relay.stop().await;
}

/// Neither those that were read with it nor those that come later, for as long
/// as it takes; and then they come in order.
pub async fn a_held_key_lets_no_successor_through(stage: &Stage) {
    stage.broker().script(|seen| match seen.text.as_str() {
        "hot:000" if seen.attempt < 6 => Answer::nacked(),
        _ => Answer::CONFIRMED,
    });
    let hot: Vec<String> = (0..200).map(|n| format!("hot:{n:03}")).collect();
    for said in &hot[..100] {
        stage.say(&[said]);
    }
    let relay = stage.start();
    stage.sees(&["hot:000"]).await;

    for said in &hot[100..] {
        stage.say(&[said]);
        pass(Duration::from_millis(10)).await;
    }
    stage.say(&["cold:1", "cold:2"]);
    stage.sees(&["cold:1", "cold:2"]).await;

    stage.emptied().await;
    assert_eq!(stage.first_seen("hot"), hot);
    assert_eq!(stage.times("hot:000"), 6);
    relay.stop().await;
}

/// A cursor that only moves forward passes it by.
pub async fn a_lower_number_that_commits_later_is_published(stage: &Stage) {
    let relay = stage.start();
    let late = stage.draw();
    stage.say(&["b:1", "c:1", ":1"]);
    stage.sees(&["b:1", "c:1", ":1"]).await;
    pass(Duration::from_secs(1)).await;

    stage.commit(late, &spoken("a:1"));

    stage.sees(&["a:1"]).await;
    stage.emptied().await;
    relay.stop().await;
}

/// Not before, not much later, and behind what was appended meanwhile.
pub async fn a_delayed_message_is_published_when_it_is_due(stage: &Stage) {
    let relay = stage.start();
    let delay = Duration::from_secs(20);
    stage.append(&message(Some("a"), "a:late").with_delay(delay));
    stage.say(&["a:now"]);
    stage.sees(&["a:now"]).await;

    pass(delay - Duration::from_secs(2)).await;
    assert_eq!(stage.texts(), ["a:now"]);
    pass(Duration::from_secs(10)).await;

    assert_eq!(stage.texts(), ["a:now", "a:late"]);
    stage.emptied().await;
    relay.stop().await;
}

/// The dice fall the same in every run.
pub async fn order_survives_random_outcomes(stage: &Stage) {
    stage.broker().script(|seen| {
        let sum: usize = seen.text.bytes().map(usize::from).sum();
        match (sum * 31 + seen.attempt * 7) % 10 {
            0 => Answer::nacked(),
            1 => Answer::unknown(),
            2 => Answer::returned(),
            _ => Answer::CONFIRMED,
        }
    });
    let relay = stage.start();

    for round in 0..20 {
        for key in 0..25 {
            stage.say(&[&format!("k{key}:{round:02}")]);
        }
        pass(Duration::from_millis(20)).await;
    }

    stage.emptied().await;
    for key in 0..25 {
        let wanted: Vec<String> = (0..20).map(|round| format!("k{key}:{round:02}")).collect();
        assert_eq!(stage.first_seen(&format!("k{key}")), wanted);
    }
    relay.stop().await;
}
