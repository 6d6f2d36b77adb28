//! A relay that is told to stop.

use std::time::Duration;

use gozon_core::Outcome;

use super::{Answer, Stage, pass};
use crate::OutboxConfig;

/// What was confirmed is deleted, and what was not published stays.
pub async fn a_stopping_relay_waits_for_its_answers_and_publishes_nothing_new(stage: &Stage) {
    stage.broker().script(|_| Answer::Later(Outcome::Confirmed));
    stage.say(&["a:1", "a:2"]);
    let relay = stage.start();
    stage.sees(&["a:1"]).await;

    relay.shut_down();
    pass(Duration::from_secs(1)).await;
    assert!(!relay.has_ended(), "it did not wait");
    stage.say(&["b:1"]);
    pass(Duration::from_secs(1)).await;
    stage.broker().answer();
    relay.stop().await;

    assert_eq!(stage.texts(), ["a:1"]);
    let mut left = crate::conformance::texts(&stage.rows());
    left.sort();
    assert_eq!(left, ["a:2", "b:1"]);
}

/// Nobody has to wait for the end of its term.
pub async fn a_stopped_relay_leaves_nothing_behind(stage: &Stage) {
    let relay = stage.start();
    stage.say(&["a:1"]);
    stage.emptied().await;

    relay.stop().await;

    let all = u32::try_from(stage.partitions()).unwrap();
    assert_eq!(stage.free_and_members(), (all, 0));
}

/// After `drain_timeout`, and nothing is lost.
pub async fn stopping_ends_even_without_an_answer(stage: &Stage) {
    stage.broker().script(|_| Answer::Never);
    stage.say(&["a:1"]);
    let config = OutboxConfig {
        drain_timeout: Duration::from_secs(3),
        ..OutboxConfig::default()
    };
    let relay = stage.start_with(config);
    stage.sees(&["a:1"]).await;

    relay.shut_down();
    pass(Duration::from_secs(10)).await;

    assert!(relay.has_ended(), "it waits for ever");
    assert_eq!(stage.rows().len(), 1);
}
