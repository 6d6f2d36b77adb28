//! Several relays, one outbox.

use std::time::Duration;

use gozon_outbox::OutboxConfig;
use gozon_outbox::conformance::{eventually, texts};

use crate::Story;
use crate::broker::nacked;

async fn owners(story: &Story) -> Vec<i64> {
    sqlx::query_scalar(
        "SELECT count(*) FROM gozon_outbox_leases WHERE owner IS NOT NULL GROUP BY owner",
    )
    .fetch_all(story.bench.db.reader())
    .await
    .unwrap()
}

#[tokio::test]
async fn two_relays_share_evenly_and_one_that_leaves_hands_over() {
    let story = Story::new().await;
    let first = story.start();
    eventually("the first owns all", || async {
        owners(&story).await == [64]
    })
    .await;

    let second = story.start();
    eventually("both own half", || async {
        owners(&story).await == [32, 32]
    })
    .await;
    first.stop().await;

    eventually("the second owns all", || async {
        owners(&story).await == [64]
    })
    .await;
    story.say(&["a:1", "b:1"]).await;
    story.emptied().await;
    second.stop().await;
}

#[tokio::test]
async fn the_heir_of_a_dead_relay_respects_the_keys_it_held() {
    let story = Story::new().await;
    story
        .broker
        .script(|text, _| if text == "a:1" { nacked() } else { None });
    let first = story.start_with(OutboxConfig {
        retry_min: Duration::from_secs(2),
        retry_max: Duration::from_secs(2),
        ..Story::config()
    });
    story.say(&["a:1", "a:2"]).await;
    eventually("the key is held", || async {
        story.bench.outbox.stats().await.unwrap().held > 0
    })
    .await;
    first.kill().await;
    story.broker.script(|_, _| None);
    story.say(&["a:3", "b:1"]).await;

    let heir = story.start();

    story.emptied().await;
    assert_eq!(story.broker.first_seen("a"), ["a:1", "a:2", "a:3"]);
    heir.stop().await;
}

#[tokio::test]
async fn who_is_certainly_alone_does_not_wait_for_a_dead_relays_term() {
    let story = Story::new().await;
    let long = OutboxConfig {
        term: Duration::from_secs(3_600),
        sole_process: true,
        ..Story::config()
    };
    let first = story.start_with(long.clone());
    eventually("the first owns all", || async {
        owners(&story).await == [64]
    })
    .await;
    first.kill().await;

    let second = story.start_with(long);
    story.say(&["a:1"]).await;

    story.emptied().await;
    second.stop().await;
}

#[tokio::test]
async fn a_relay_that_lost_its_leases_only_finishes_what_was_in_flight() {
    let story = Story::new().await;
    story.broker.close_gate();
    let zombie = story.start();
    story.say(&["a:1", "a:2"]).await;
    eventually("one message is in flight", || async {
        story.broker.seen() == ["a:1"]
    })
    .await;

    let owner = story.bench.own_all().await;
    story.say(&["b:1"]).await;
    // Two more heartbeats: it has asked for its leases and knows they are gone.
    for _ in 0..2 {
        let before = last_heartbeat(&story).await;
        eventually("a heartbeat", || async {
            last_heartbeat(&story).await > before
        })
        .await;
    }
    story.broker.open_gate();
    eventually("what it had confirmed is deleted", || async {
        texts(&story.bench.read(&owner).await) == ["a:2", "b:1"]
    })
    .await;
    zombie.stop().await;

    assert_eq!(story.broker.seen(), ["a:1"]);
    assert_eq!(owners(&story).await, [64]);
    assert_eq!(texts(&story.bench.read(&owner).await), ["a:2", "b:1"]);
}

async fn last_heartbeat(story: &Story) -> Option<i64> {
    sqlx::query_scalar("SELECT max(until) FROM gozon_outbox_members")
        .fetch_one(story.bench.db.reader())
        .await
        .unwrap()
}

/// Well before the survivor's next heartbeat, which is due after 20 s.
#[tokio::test]
async fn a_survivor_notices_within_a_second_that_leases_have_ended() {
    let story = Story::new().await;
    let config = OutboxConfig {
        term: Duration::from_secs(60),
        ..Story::config()
    };
    let survivor = story.start_with(config);
    eventually("the first owns all", || async {
        owners(&story).await == [64]
    })
    .await;
    // As if half of them had been a relay's that died a term ago.
    sqlx::query("UPDATE gozon_outbox_leases SET owner = x'00', until = 0 WHERE partition >= 32")
        .execute(story.bench.db.writer())
        .await
        .unwrap();
    assert_eq!(owners(&story).await, [32, 32]);

    eventually("the survivor owns all", || async {
        owners(&story).await == [64]
    })
    .await;
    survivor.stop().await;
}
