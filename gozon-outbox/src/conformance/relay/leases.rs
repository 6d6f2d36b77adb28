//! Relays that come, go, pause and die.

use std::time::Duration;

use gozon_core::Outcome;

use super::{Answer, Stage, Weather, pass};
use crate::OutboxConfig;
use crate::store::RowState;

/// Longer than a term of the default settings.
const PAUSE: Duration = Duration::from_secs(25);

/// What is in memory is not published either, once the lease may be another's,
/// although nobody told the relay so.
pub async fn nothing_is_published_after_the_term(stage: &Stage) {
    stage.broker().script(|_| Answer::Later(Outcome::Confirmed));
    let texts: Vec<String> = (0..400)
        .map(|n| format!("k{}:{}", n % 40, n / 40))
        .collect();
    for text in &texts {
        stage.say(&[text]);
    }
    let relay = stage.start();
    stage.sees(&["k0:0", "k39:0"]).await;
    relay.database(Weather::Silent);

    // One answer after the other, on both sides of the term's end.
    let before = stage.seen().len();
    for _ in 0..12 {
        stage.broker().answer();
        pass(Duration::from_secs(2)).await;
    }
    let at_the_end = stage.seen().len();
    pass(PAUSE).await;
    assert_eq!(stage.seen().len(), at_the_end);
    assert!(at_the_end < texts.len(), "{before} then {at_the_end}");

    stage.broker().script(|_| Answer::CONFIRMED);
    relay.database(Weather::Fair);
    stage.emptied().await;
    relay.stop().await;
}

/// It wakes in the middle of what it was doing, its leases are another's, and
/// what it had in its hands was published by that one.
pub async fn a_paused_relay_that_was_replaced_publishes_nothing_more(stage: &Stage) {
    stage.broker().script(|seen| match seen.relay {
        0 => Answer::Later(Outcome::Confirmed),
        _ => Answer::CONFIRMED,
    });
    for n in 0..10 {
        stage.say(&[&format!("a:{n}"), &format!("b:{n}"), &format!(":{n}")]);
    }
    let paused = stage.start();
    stage.sees(&["a:0", "b:0"]).await;
    paused.freeze();
    let heir = stage.start();
    stage
        .eventually("the heir has the leases", || {
            stage.seen().iter().any(|seen| seen.relay == heir.number())
        })
        .await;

    // What it waited for is there when it wakes.
    stage.broker().answer();
    pass(Duration::from_millis(10)).await;
    paused.thaw();

    stage.emptied().await;
    pass(PAUSE).await;
    stage.say(&["a:last"]);
    stage.emptied().await;
    assert_eq!(stage.first_seen("a").len(), 11);
    heir.stop().await;
    paused.stop().await;
}

/// After its term, and also what was committed meanwhile.
pub async fn a_dead_relays_messages_are_delivered_by_another(stage: &Stage) {
    let dead = stage.start();
    stage.say(&["a:1", "b:1"]);
    stage.sees(&["a:1", "b:1"]).await;
    dead.kill().await;
    stage.say(&["a:2", "b:2", "c:1", ":1"]);

    let heir = stage.start();

    stage.emptied().await;
    assert_eq!(stage.first_seen("a"), ["a:1", "a:2"]);
    assert_eq!(stage.first_seen("c"), ["c:1"]);
    heir.stop().await;
}

/// It cannot know whether the broker has it.
pub async fn the_heir_repeats_what_was_unconfirmed(stage: &Stage) {
    stage.broker().script(|seen| match seen.relay {
        0 => Answer::Never,
        _ => Answer::CONFIRMED,
    });
    stage.say(&["a:1", "a:2", ":1"]);
    let dead = stage.start();
    stage.sees(&["a:1", ":1"]).await;
    dead.kill().await;

    let heir = stage.start();

    stage.emptied().await;
    assert_eq!((stage.times("a:1"), stage.times(":1")), (2, 2));
    assert_eq!(stage.first_seen("a"), ["a:1", "a:2"]);
    heir.stop().await;
}

/// They are not among what a read finds, so it has to ask.
pub async fn the_heir_knows_the_keys_that_were_held(stage: &Stage) {
    stage.broker().script(|seen| match seen.text.as_str() {
        "a:1" | ":1" => Answer::nacked(),
        _ => Answer::CONFIRMED,
    });
    stage.say(&["a:1", "a:2", ":1"]);
    let dead = stage.start();
    stage
        .eventually("they are held", || {
            stage.texts_in(RowState::Held).contains(&"a:1".to_owned())
                && stage.texts_in(RowState::Held).contains(&":1".to_owned())
        })
        .await;
    dead.kill().await;
    stage.say(&["a:3", "b:1"]);
    let heir = stage.start();
    stage.sees(&["b:1"]).await;

    pass(Duration::from_secs(10)).await;
    assert_eq!(stage.first_seen("a"), ["a:1"]);
    stage.broker().script(|_| Answer::CONFIRMED);

    stage.emptied().await;
    assert_eq!(stage.first_seen("a"), ["a:1", "a:2", "a:3"]);
    heir.stop().await;
}

/// Evenly, soon after one has come; and when one has left, the other has all.
pub async fn relays_share_the_partitions(stage: &Stage) {
    let all = stage.partitions();
    let first = stage.start();
    stage
        .eventually("the first has all", || stage.shares() == [all])
        .await;

    let second = stage.start();
    stage
        .eventually("both have half", || stage.shares() == [all / 2, all / 2])
        .await;
    for n in 0..20 {
        stage.say(&[&format!("k{n}:1")]);
    }
    stage.emptied().await;
    let by_second = stage.seen().iter().filter(|seen| seen.relay == 1).count();
    assert!(by_second > 0 && by_second < 20, "{by_second} of 20");

    first.stop().await;
    stage
        .eventually("the second has all", || stage.shares() == [all])
        .await;
    second.stop().await;
}

/// By those that are there, within two terms.
pub async fn a_killed_relay_is_replaced_without_a_new_start(stage: &Stage) {
    let all = stage.partitions();
    let (dies, stays) = (stage.start(), stage.start());
    stage
        .eventually("both have half", || stage.shares() == [all / 2, all / 2])
        .await;

    dies.kill().await;
    pass(2 * OutboxConfig::default().term).await;

    assert_eq!(stage.shares(), [all]);
    for n in 0..20 {
        stage.say(&[&format!("k{n}:1")]);
    }
    stage.emptied().await;
    stays.stop().await;
}

/// Also one that lasts longer than the term; what was confirmed meanwhile is
/// deleted after it.
pub async fn an_outage_of_the_database_is_waited_out(stage: &Stage) {
    stage.broker().script(|_| Answer::Later(Outcome::Confirmed));
    let relay = stage.start();
    stage.say(&["a:1", "a:2", ":1"]);
    stage.sees(&["a:1", ":1"]).await;

    relay.database(Weather::Refused);
    stage.broker().script(|_| Answer::CONFIRMED);
    stage.broker().answer();
    pass(PAUSE).await;
    assert!(relay.refused() > 2, "it asked {} times", relay.refused());
    relay.database(Weather::Fair);

    stage.emptied().await;
    assert_eq!(stage.first_seen("a"), ["a:1", "a:2"]);
    relay.stop().await;
}
