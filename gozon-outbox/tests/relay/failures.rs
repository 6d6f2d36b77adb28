//! Each outcome in its own way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gozon_outbox::OutboxConfig;
use gozon_outbox::conformance::{eventually, message};

use crate::Story;
use crate::broker::{nacked, refused, returned, unknown};

#[tokio::test]
async fn a_nacked_message_is_repeated_until_it_is_confirmed() {
    let story = Story::new().await;
    story
        .broker
        .script(|_, attempt| if attempt < 3 { nacked() } else { None });
    let relay = story.start();

    story.say(&["a:1"]).await;

    story.emptied().await;
    assert_eq!(story.broker.seen(), ["a:1", "a:1", "a:1"]);
    relay.stop().await;
}

#[tokio::test]
async fn an_unknown_message_is_repeated_alone() {
    let story = Story::new().await;
    story
        .broker
        .script(|_, attempt| if attempt == 1 { unknown() } else { None });
    let relay = story.start();

    story.say(&["a:1", "b:1", "c:1", ":1"]).await;

    story.emptied().await;
    assert_eq!(story.broker.seen().len(), 8);
    assert_eq!(story.broker.largest_retry(), 1);
    relay.stop().await;
}

#[tokio::test]
async fn a_publisher_that_panics_leaves_its_batch_unknown() {
    let story = Story::new().await;
    let panicked = AtomicBool::new(false);
    story.broker.script(move |text, _| {
        assert!(
            text != "a:1" || panicked.swap(true, Ordering::SeqCst),
            "as scripted"
        );
        None
    });
    let relay = story.start();

    story.say(&["a:1"]).await;

    eventually("the relay repeats", || async {
        story.broker.seen().len() > 1
    })
    .await;
    relay.kill().await;
}

#[tokio::test]
async fn a_returned_message_is_kept_until_it_has_a_queue() {
    let story = Story::new().await;
    let routed = Arc::new(AtomicBool::new(false));
    let bound = routed.clone();
    story.broker.script(move |text, _| match text {
        "a:1" if !bound.load(Ordering::SeqCst) => returned(),
        _ => None,
    });
    let relay = story.start();
    story.say(&["a:1", "a:2", "b:1"]).await;
    eventually("it is returned again and again", || async {
        story
            .broker
            .seen()
            .iter()
            .filter(|text| *text == "a:1")
            .count()
            > 2
    })
    .await;
    let seen = story.broker.seen();
    assert!(seen.contains(&"b:1".to_owned()) && !seen.contains(&"a:2".to_owned()));

    routed.store(true, Ordering::SeqCst);

    story.emptied().await;
    assert_eq!(story.broker.first_seen("a"), ["a:1", "a:2"]);
    relay.stop().await;
}

#[tokio::test]
async fn a_refused_message_is_a_dead_letter_that_holds_its_key() {
    let story = Story::new().await;
    story
        .broker
        .script(|text, _| if text == "a:1" { refused() } else { None });
    let relay = story.start();

    story.say(&["a:1", "a:2", "b:1"]).await;

    eventually("only the dead letter and its follower are left", || async {
        let stats = story.bench.outbox.stats().await.unwrap();
        (stats.pending, stats.dead) == (1, 1)
    })
    .await;
    relay.stop().await;
    // Neither does the next relay let the follower through.
    let next = story.start();
    story.say(&["b:2"]).await;
    eventually("the next relay works", || async {
        story.broker.seen().contains(&"b:2".to_owned())
    })
    .await;
    assert_eq!(story.broker.first_seen("a"), ["a:1"]);
    let reason: String =
        sqlx::query_scalar("SELECT last_error FROM gozon_outbox WHERE state = 'dead'")
            .fetch_one(story.bench.db.reader())
            .await
            .unwrap();
    assert_eq!(reason, "too large");
    next.stop().await;
}

#[tokio::test]
async fn an_unreadable_row_is_a_dead_letter_and_not_the_end_of_the_relay() {
    let story = Story::new().await;
    story.say(&["a:1"]).await;
    sqlx::query("UPDATE gozon_outbox SET attributes = 'nonsense'")
        .execute(story.bench.db.writer())
        .await
        .unwrap();
    story.say(&["a:2", "b:1"]).await;

    let relay = story.start();

    eventually("it is dead and others flow", || async {
        let stats = story.bench.outbox.stats().await.unwrap();
        (stats.pending, stats.dead) == (1, 1)
    })
    .await;
    assert_eq!(story.broker.seen(), ["b:1"]);
    relay.stop().await;
}

#[tokio::test]
async fn an_outage_publishes_little_loses_nothing_and_ends_soon() {
    let story = Story::new().await;
    let down = Arc::new(AtomicBool::new(true));
    let broker_down = down.clone();
    story.broker.script(move |_, _| {
        if broker_down.load(Ordering::SeqCst) {
            unknown()
        } else {
            None
        }
    });
    let messages: Vec<_> = (0..3_000)
        .map(|n| {
            message(
                Some(&format!("k{}", n % 1_500)),
                &format!("k{}:{n}", n % 1_500),
            )
        })
        .collect();
    story.bench.append(&messages).await;
    let relay = story.start();
    eventually("many attempts failed", || async {
        story.broker.seen().len() > 1_200
    })
    .await;
    let attempts = story.broker.seen().len();
    // The breaker is open: what follows are probes, not the backlog.
    eventually("probes go on", || async {
        story.broker.seen().len() > attempts + 20
    })
    .await;
    assert!(story.broker.seen().len() < 3_000);

    down.store(false, Ordering::SeqCst);

    story.emptied().await;
    for key in 0..1_500 {
        let name = format!("k{key}");
        let wanted = [format!("{name}:{key}"), format!("{name}:{}", key + 1_500)];
        assert_eq!(story.broker.first_seen(&name), wanted);
    }
    relay.stop().await;
}

/// More of them than fit into memory, with and without a key.
#[tokio::test]
async fn a_type_that_does_not_get_through_leaves_room_for_the_others() {
    let story = Story::new().await;
    let down = Arc::new(AtomicBool::new(true));
    let type_down = down.clone();
    story.broker.script(move |text, _| {
        (text.contains("down") && type_down.load(Ordering::SeqCst)).then(|| nacked().unwrap())
    });
    let mut messages: Vec<_> = (0..600)
        .map(|n| {
            let key = format!("k{}", n % 200);
            let mut bad = match n % 3 {
                0 => message(None, &format!(":down{n}")),
                _ => message(Some(&key), &format!("{key}:down{n:03}")),
            };
            bad.envelope.kind = "down".to_owned();
            bad
        })
        .collect();
    messages.push(message(Some("good"), "good:1"));
    messages.push(message(Some("k1"), "k1:last"));
    messages.push(message(None, ":good"));
    story.bench.append(&messages).await;
    let config = OutboxConfig {
        max_buffered: 100,
        read_limit: 50,
        ..Story::config()
    };

    let relay = story.start_with(config);

    eventually("the others flow", || async {
        let seen = story.broker.seen();
        [":good", "good:1"]
            .iter()
            .all(|text| seen.contains(&(*text).to_owned()))
    })
    .await;
    assert!(!story.broker.seen().contains(&"k1:last".to_owned()));
    down.store(false, Ordering::SeqCst);
    story.emptied().await;
    let k1 = story.broker.first_seen("k1");
    assert!(k1.is_sorted() && k1.len() == 3, "{k1:?}");
    relay.stop().await;
}
