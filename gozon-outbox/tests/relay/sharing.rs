//! Several relays, one outbox.

use std::time::Duration;

use gozon_outbox::OutboxConfig;
use gozon_outbox::conformance::eventually;

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
    // Until it notices, after a third of its term, it may publish what it holds.
    eventually("it noticed", || async {
        let renewed = story
            .bench
            .store
            .renew(owner.member, Duration::from_secs(600))
            .await;
        assert_eq!(renewed.unwrap().len(), 64);
        story
            .bench
            .store
            .heartbeat(owner.member, Duration::from_secs(600), false)
            .await
            .unwrap()
            == 2
    })
    .await;
    story.broker.open_gate();

    eventually("what it had confirmed is deleted", || async {
        !gozon_outbox::conformance::texts(&story.bench.read(&owner).await)
            .contains(&"a:1".to_owned())
    })
    .await;
    assert_eq!(story.broker.first_seen("a")[0], "a:1");
    zombie.stop().await;
    assert_eq!(
        story
            .bench
            .store
            .renew(owner.member, Duration::from_secs(600))
            .await
            .unwrap()
            .len(),
        64
    );
}
