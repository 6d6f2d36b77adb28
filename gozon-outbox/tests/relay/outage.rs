//! The database goes away and comes back, or answers late.

use gozon_outbox::conformance::{eventually, message};
use gozon_outbox::{OutboxConfig, Relay, RelayError};
use tokio_util::sync::CancellationToken;

use crate::Story;
use crate::broker::{nacked, returned};
use crate::store::Scripted;

#[tokio::test]
async fn an_outage_of_the_database_is_waited_out() {
    let story = Story::new().await;
    let store = Scripted::on(story.bench.store.clone());
    store.down();
    let relay = Relay::on(store.clone(), story.broker.clone(), Story::config()).unwrap();
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(relay.run(shutdown.clone()));
    story.say(&["a:1"]).await;
    eventually("it tries again and again", || async { store.refused() > 2 }).await;

    store.up();

    story.emptied().await;
    shutdown.cancel();
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_was_confirmed_during_an_outage_is_deleted_after_it() {
    let story = Story::new().await;
    let store = Scripted::on(story.bench.store.clone());
    story.broker.close_gate();
    let relay = Relay::on(store.clone(), story.broker.clone(), Story::config()).unwrap();
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(relay.run(shutdown.clone()));
    story.say(&["a:1", "b:1"]).await;
    eventually("both are in flight", || async {
        story.broker.seen().len() == 2
    })
    .await;
    store.down();
    story.broker.open_gate();
    eventually("the database refuses", || async { store.refused() > 2 }).await;

    store.up();

    story.emptied().await;
    assert_eq!(story.broker.seen().len(), 2, "nothing was repeated");
    shutdown.cancel();
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_no_repeat_cures_ends_the_relay() {
    let story = Story::new().await;
    let store = Scripted::on(story.bench.store.clone());
    store.script(|_, _| Some(sqlx::Error::RowNotFound));
    let relay = Relay::on(store, story.broker.clone(), Story::config()).unwrap();

    let ended = relay.run(CancellationToken::new()).await;

    assert!(matches!(ended, Err(RelayError::Store { .. })));
}

/// Rows 2 and 3 were in memory when the read began, so it left them out; the
/// key was held and released before it answered, so nothing but the answer
/// itself stands between row 4 and the broker.
#[tokio::test]
async fn a_read_that_a_hold_overtook_lets_no_successor_through() {
    let story = Story::new().await;
    let store = Scripted::on(story.bench.store.clone());
    story.broker.script(|text, attempt| match text {
        "a:1" if attempt == 1 => nacked(),
        _ => None,
    });
    story.broker.close_gate();
    let relay = story.start_on(store.clone(), Story::config());
    story.say(&["a:1", "a:2", "a:3"]).await;
    eventually("the first is in flight", || async {
        story.broker.seen() == ["a:1"]
    })
    .await;
    store.shut("read");
    let before = store.calls("read");
    eventually("a read knows what to leave out", || async {
        store.calls("read") > before
    })
    .await;
    story.say(&["a:4"]).await;
    store.keep_back("read");
    let before = store.done("read");
    store.open("read");
    eventually("it has read the fourth", || async {
        store.done("read") > before
    })
    .await;

    story.broker.open_gate();
    eventually("the key was held and is released", || async {
        // Its answer stands before that of the read.
        store.done("unhold") > 0 && story.bench.outbox.stats().await.unwrap().held == 0
    })
    .await;
    store.let_go("read");

    story.emptied().await;
    assert_eq!(story.broker.first_seen("a"), ["a:1", "a:2", "a:3", "a:4"]);
    relay.stop().await;
}

#[tokio::test]
async fn confirmed_messages_that_cannot_be_deleted_do_not_pile_up() {
    let story = Story::new().await;
    let store = Scripted::on(story.bench.store.clone());
    // As with a full disk: it reads, and does not write.
    store.script(|name, _| (name == "delete").then_some(sqlx::Error::PoolTimedOut));
    let config = OutboxConfig {
        max_buffered: 50,
        ..Story::config()
    };
    let messages: Vec<_> = (0..500).map(|n| message(None, &format!(":{n}"))).collect();
    story.bench.append(&messages).await;

    let relay = story.start_on(store.clone(), config);
    eventually("deletes were refused many times", || async {
        store.calls("delete") > 6
    })
    .await;

    assert!(
        story.broker.seen().len() <= 100,
        "{}",
        story.broker.seen().len()
    );
    store.up();
    story.emptied().await;
    assert_eq!(story.broker.seen().len(), 500, "nothing was repeated");
    relay.stop().await;
}

/// The caller was told that it failed; the server did it all the same, later.
#[tokio::test]
async fn a_sweep_that_arrives_late_holds_nothing_for_ever() {
    let story = Story::new().await;
    let store = Scripted::on(story.bench.store.clone());
    store.script(|name, nth| (name == "sweep" && nth == 1).then_some(sqlx::Error::PoolTimedOut));
    story
        .broker
        .script(|text, _| (text == "a:1").then(|| nacked().unwrap()));
    let relay = story.start_on(store.clone(), Story::config());
    story.say(&["a:1"]).await;
    eventually("a sweep was refused", || async {
        !store.sweeps().is_empty()
    })
    .await;
    story.broker.script(|_, _| None);
    story.emptied().await;
    let (leases, keys) = store.sweeps().remove(0);
    story.broker.close_gate();
    // More than are read ahead of one key.
    let later: Vec<String> = (2..60).map(|n| format!("a:{n}")).collect();
    let said: Vec<&str> = later.iter().map(String::as_str).collect();
    story.say(&said).await;
    eventually("the next is in flight", || async {
        story.broker.seen().contains(&later[0])
    })
    .await;

    story.bench.store.sweep(&leases, &keys).await.unwrap();
    story.say(&["a:last"]).await;
    story.broker.open_gate();

    story.emptied().await;
    assert_eq!(story.broker.first_seen("a")[1..59], later);
    assert_eq!(story.broker.first_seen("a").last().unwrap(), "a:last");
    relay.stop().await;
}

/// It had looked at the table before the caller knew of any failure, and writes
/// when the followers that it did not see as ready could be ready again.
#[tokio::test]
async fn a_sweep_that_looks_early_and_writes_late_reorders_nothing() {
    let story = Story::new().await;
    let store = Scripted::on(story.bench.store.clone());
    story
        .broker
        .script(|text, _| (text == "a:1").then(|| nacked().unwrap()));
    let relay = story.start_on(store.clone(), Story::config());
    story.say(&["a:1", "a:2", "a:3"]).await;
    eventually("the followers are held", || story.has(3, "held")).await;
    story.say(&["a:4"]).await;
    store.shut("sweep");
    let swept = store.calls("sweep");
    eventually("a sweep begins", || async { store.calls("sweep") > swept }).await;
    let looked: Vec<i64> = story.seqs("ready").await;
    assert_eq!(looked.len(), 1, "a:4 alone is ready");
    // Until it has ended, so that the server lets go of the lease.
    store.shut("release");

    story.broker.script(|_, _| None);
    eventually("the first is delivered", || story.has(2, "held")).await;
    store.script(|name, _| (name == "sweep begun").then_some(sqlx::Error::PoolTimedOut));
    store.open("sweep");
    eventually("the lease is given back", || async {
        store.calls("release") > 0
    })
    .await;
    story.hold(&looked).await;
    store.up();
    store.open("release");

    story.emptied().await;
    assert_eq!(
        story.broker.first_seen("a"),
        ["a:1", "a:2", "a:3", "a:4"],
        "in the order of their commits"
    );
    relay.stop().await;
}

/// Failures that never cease must not keep a key from being released.
#[tokio::test]
async fn a_key_is_released_while_others_fail_without_end() {
    let story = Story::new().await;
    let store = Scripted::on(story.bench.store.clone());
    story.broker.script(|text, attempt| match text {
        "a:1" if attempt == 1 => nacked(),
        text if text.starts_with("bad") => returned(),
        _ => None,
    });
    let mut messages: Vec<_> = (0..400)
        .map(|n| {
            let mut bad = message(None, "bad");
            bad.envelope.kind = format!("bad{}", n % 200);
            bad
        })
        .collect();
    messages.extend(["a:1", "a:2"].map(|text| message(Some("a"), text)));
    story.bench.append(&messages).await;
    let config = OutboxConfig {
        returned_min: std::time::Duration::from_millis(5),
        returned_max: std::time::Duration::from_millis(5),
        ..Story::config()
    };

    store.slow("hold", std::time::Duration::from_millis(20));
    let relay = story.start_on(store, config);

    eventually("the key flows", || async {
        story.broker.first_seen("a") == ["a:1", "a:2"]
    })
    .await;
    relay.stop().await;
}
