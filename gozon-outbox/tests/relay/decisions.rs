//! Dead letters that people replay or discard, and what was published.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gozon_core::ErrorClass;
use gozon_outbox::conformance::eventually;
use gozon_outbox::desk::Ruling;
use gozon_outbox::{DeadLetterPage, OutboxConfig, Signature};

use crate::Story;
use crate::broker::refused;

fn signed() -> Signature {
    Signature {
        by: "maria".to_owned(),
        reason: "the broker takes larger messages now".to_owned(),
    }
}

/// The broker refuses every message that says `…:poison` until it is healed.
fn poison(story: &Story) -> Arc<AtomicBool> {
    let healed = Arc::new(AtomicBool::new(false));
    let fine = healed.clone();
    story.broker.script(move |text, _| {
        let poisonous = text.ends_with("poison") && !fine.load(Ordering::SeqCst);
        poisonous.then(refused).flatten()
    });
    healed
}

async fn dead(story: &Story, count: usize) -> Vec<i64> {
    let list = async || {
        let page = DeadLetterPage::default();
        story.bench.outbox.dead_letters(&page).await.unwrap()
    };
    eventually("they are dead", || async { list().await.len() == count }).await;
    list().await.iter().map(|dead| dead.seq).collect()
}

/// Decided through another outbox, as another process would: the relay finds
/// the decisions in the table.
#[tokio::test]
async fn a_replayed_dead_letter_is_published_before_its_followers() {
    let story = Story::new().await;
    let healed = poison(&story);
    let relay = story.start();
    story.say(&["a:poison", "a:2", "b:1", ":poison"]).await;
    let seqs = dead(&story, 2).await;
    story.say(&["a:3"]).await;

    healed.store(true, Ordering::SeqCst);
    let replayed = story.bench.outbox.replay(&seqs, &signed()).await.unwrap();

    assert_eq!(replayed, seqs);
    story.emptied().await;
    assert_eq!(story.broker.first_seen("a"), ["a:poison", "a:2", "a:3"]);
    relay.stop().await;
}

#[tokio::test]
async fn a_discarded_dead_letter_lets_its_followers_through() {
    let story = Story::new().await;
    poison(&story);
    let relay = story.start();
    story.say(&["a:poison", "a:2", ":poison"]).await;
    let seqs = dead(&story, 2).await;
    story.say(&["a:3"]).await;

    story.bench.outbox.discard(&seqs, &signed()).await.unwrap();

    story.emptied().await;
    assert_eq!(story.broker.first_seen("a"), ["a:poison", "a:2", "a:3"]);
    let seen = story.broker.seen();
    assert_eq!(seen.iter().filter(|text| *text == "a:poison").count(), 1);
    let decisions = story.bench.outbox.decisions(None, None, 10).await.unwrap();
    assert_eq!(decisions.len(), 2);
    assert!(
        decisions
            .iter()
            .all(|made| made.ruling == Ruling::Discarded)
    );
    relay.stop().await;
}

#[tokio::test]
async fn a_replayed_dead_letter_that_is_refused_again_is_dead_again() {
    let story = Story::new().await;
    poison(&story);
    let relay = story.start();
    story.say(&["a:poison", "a:2"]).await;

    for attempt in 1..4 {
        let seqs = dead(&story, 1).await;
        let page = DeadLetterPage::default();
        let letters = story.bench.outbox.dead_letters(&page).await.unwrap();
        assert_eq!(letters[0].attempts, attempt);
        story.bench.outbox.replay(&seqs, &signed()).await.unwrap();
        eventually("the relay tried again", || async {
            let seen = story.broker.seen();
            seen.iter().filter(|text| *text == "a:poison").count() > attempt as usize
        })
        .await;
    }

    dead(&story, 1).await;
    assert_eq!(story.broker.first_seen("a"), ["a:poison"]);
    relay.stop().await;
}

/// The work of the hold is done, its answer is not back, and somebody decides.
#[tokio::test]
async fn a_decision_is_not_lost_while_the_dead_letter_is_being_written() {
    let story = Story::new().await;
    let healed = poison(&story);
    let store = crate::store::Scripted::on(story.bench.store.clone());
    store.keep_back("hold");
    let relay = story.start_on(store.clone(), Story::config());
    story.say(&["a:poison", "a:2"]).await;
    let seqs = dead(&story, 1).await;

    healed.store(true, Ordering::SeqCst);
    story.bench.outbox.replay(&seqs, &signed()).await.unwrap();
    let looks = store.done("decided");
    eventually("the relay has seen the decision", || async {
        store.done("decided") > looks + 1
    })
    .await;
    store.let_go("hold");

    story.emptied().await;
    assert_eq!(story.broker.first_seen("a"), ["a:poison", "a:2"]);
    relay.stop().await;
}

/// And by the next relay, if nobody relays at the moment.
#[tokio::test]
async fn a_decision_made_while_nobody_relays_is_carried_out_later() {
    let story = Story::new().await;
    let healed = poison(&story);
    let relay = story.start();
    story.say(&["a:poison", "a:2", "b:poison", "b:2"]).await;
    let seqs = dead(&story, 2).await;
    relay.stop().await;

    healed.store(true, Ordering::SeqCst);
    story
        .bench
        .outbox
        .replay(&seqs[..1], &signed())
        .await
        .unwrap();
    story
        .bench
        .outbox
        .discard(&seqs[1..], &signed())
        .await
        .unwrap();
    let relay = story.start();

    story.emptied().await;
    assert_eq!(story.broker.first_seen("a"), ["a:poison", "a:2"]);
    assert_eq!(story.broker.first_seen("b"), ["b:poison", "b:2"]);
    relay.stop().await;
}

#[tokio::test]
async fn a_decision_without_a_name_or_a_reason_is_refused() {
    let story = Story::new().await;
    let anonymous = Signature {
        by: String::new(),
        ..signed()
    };

    let refused = story.bench.outbox.discard(&[1], &anonymous).await;

    assert_eq!(refused.unwrap_err().class(), ErrorClass::Reject);
    let decisions = story.bench.outbox.decisions(None, None, 10).await;
    assert!(decisions.unwrap().is_empty());
}

#[tokio::test]
async fn what_was_published_is_archived_in_its_order_where_that_is_wanted() {
    let story = Story::new().await;
    let relay = story.start_with(OutboxConfig {
        archive: true,
        ..Story::config()
    });

    story.say(&["a:1", "a:2", "a:3", ":1"]).await;

    story.emptied().await;
    let archived = story.bench.outbox.archived_of_key("a", None, 10).await;
    let said: Vec<_> = archived
        .unwrap()
        .iter()
        .map(|archived| String::from_utf8(archived.envelope.data.to_vec()).unwrap())
        .collect();
    assert_eq!(said, ["a:1", "a:2", "a:3"]);
    relay.stop().await;
}

#[tokio::test]
async fn the_archive_forgets_what_is_too_old() {
    let story = Story::new().await;
    let relay = story.start_with(OutboxConfig {
        archive: true,
        ..Story::config()
    });
    story.say(&["a:1", "a:2", "a:3"]).await;
    story.emptied().await;
    relay.stop().await;

    let relay = story.start_with(OutboxConfig {
        archive: true,
        archive_retention: Duration::from_millis(1),
        archive_bite: 1,
        ..Story::config()
    });

    eventually("the archive is empty", || async {
        let left = story.bench.outbox.archived_of_key("a", None, 10).await;
        left.unwrap().is_empty()
    })
    .await;
    relay.stop().await;
}
