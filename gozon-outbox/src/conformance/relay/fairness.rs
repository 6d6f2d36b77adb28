//! Nobody waits for what others do.

use std::time::Duration;

use super::{Answer, Stage, pass};
use crate::OutboxConfig;
use crate::conformance::message;

/// Hundreds of one key in front of it, and new ones all the time.
pub async fn a_hot_key_does_not_starve_the_others(stage: &Stage) {
    let mut next = 0;
    let mut heat = |count: usize| {
        for _ in 0..count {
            stage.say(&[&format!("hot:{next:05}")]);
            next += 1;
        }
    };
    heat(400);
    stage.say(&["cold:1", ":cold"]);
    let relay = stage.start();
    stage.sees(&["hot:00000"]).await;
    let started = tokio::time::Instant::now();

    while !["cold:1", ":cold"].iter().all(|text| stage.times(text) > 0) {
        assert!(
            started.elapsed() < Duration::from_millis(300),
            "the others wait"
        );
        heat(1);
        pass(Duration::from_millis(2)).await;
    }

    stage.emptied().await;
    relay.stop().await;
}

/// A broker that confirms nothing of a type is asked now and then, and not for
/// every message that waits; what it confirms again flows soon.
pub async fn a_type_that_does_not_get_through_is_published_little(stage: &Stage) {
    stage.broker().script(|seen| match seen.kind.as_str() {
        "down" => Answer::nacked(),
        _ => Answer::CONFIRMED,
    });
    for n in 0..500 {
        let mut down = message(Some(&format!("k{n}")), &format!("k{n}:1"));
        down.envelope.kind = "down".to_owned();
        stage.append(&down);
    }
    stage.say(&["good:1"]);
    let relay = stage.start();
    stage.sees(&["good:1"]).await;

    // Every one by itself would be repeated some fourteen times in a minute.
    pass(Duration::from_secs(60)).await;
    let seen = stage.seen().len();
    assert!(seen < 4 * 500, "{seen} attempts for 500 messages");
    stage.broker().script(|_| Answer::CONFIRMED);

    stage.emptied().await;
    relay.stop().await;
}

/// Also if more of it waits than fits into memory.
pub async fn a_type_that_does_not_get_through_leaves_room_for_the_others(stage: &Stage) {
    stage.broker().script(|seen| match seen.kind.as_str() {
        "down" => Answer::nacked(),
        _ => Answer::CONFIRMED,
    });
    for n in 0..600 {
        let key = format!("k{}", n % 200);
        let mut down = match n % 3 {
            0 => message(None, &format!(":{n}")),
            _ => message(Some(&key), &format!("{key}:{n:03}")),
        };
        down.envelope.kind = "down".to_owned();
        stage.append(&down);
    }
    stage.say(&["good:1", "k1:last", ":good"]);
    let config = OutboxConfig {
        max_buffered: 100,
        read_limit: 50,
        ..OutboxConfig::default()
    };

    let relay = stage.start_with(config);

    stage.sees(&["good:1", ":good"]).await;
    assert_eq!(stage.times("k1:last"), 0);
    stage.broker().script(|_| Answer::CONFIRMED);
    stage.emptied().await;
    assert_eq!(stage.first_seen("k1").last().unwrap(), "k1:last");
    relay.stop().await;
}
