//! Order per key.

use gozon_outbox::conformance::eventually;

use crate::Story;
use crate::broker::nacked;

#[tokio::test]
async fn a_key_has_one_unconfirmed_message_while_other_keys_flow() {
    let story = Story::new().await;
    story.broker.close_gate();
    let relay = story.start();

    story
        .say(&["a:1", "a:2", "a:3", "b:1", "b:2", ":1", ":2"])
        .await;

    eventually("all heads are in flight", || async {
        story.broker.seen().len() == 4
    })
    .await;
    story.say(&["a:4", "c:1"]).await;
    eventually("a later key flows beside them", || async {
        story.broker.seen().len() == 5
    })
    .await;
    let mut heads = story.broker.seen();
    heads.sort();
    assert_eq!(heads, [":1", ":2", "a:1", "b:1", "c:1"]);

    story.broker.open_gate();
    story.emptied().await;
    assert!(!story.broker.overlapped());
    assert_eq!(story.broker.first_seen("a"), ["a:1", "a:2", "a:3", "a:4"]);
    relay.stop().await;
}

#[tokio::test]
async fn a_held_key_lets_no_successor_through_and_costs_others_nothing() {
    let story = Story::new().await;
    story.broker.script(|text, attempt| match text {
        "hot:0" if attempt < 6 => nacked(),
        _ => None,
    });
    let relay = story.start();

    let hot: Vec<String> = (0..300).map(|n| format!("hot:{n}")).collect();
    story
        .say(&hot.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
    story.say(&["cold:1", "cold:2"]).await;

    story.emptied().await;
    assert_eq!(story.broker.first_seen("hot"), hot);
    assert_eq!(story.broker.first_seen("cold"), ["cold:1", "cold:2"]);
    let seen = story.broker.seen();
    assert_eq!(seen.iter().filter(|text| *text == "hot:0").count(), 6);
    assert!(!story.broker.overlapped());
    relay.stop().await;
}

#[tokio::test]
async fn order_survives_random_failures_under_load() {
    let story = Story::new().await;
    story.broker.script(|text, attempt| {
        let dice = text.bytes().map(usize::from).sum::<usize>() * 31 + attempt * 7;
        match dice % 10 {
            0 => nacked(),
            1 => crate::broker::unknown(),
            2 => crate::broker::returned(),
            _ => None,
        }
    });
    let relay = story.start();

    let mut expected = Vec::new();
    for round in 0..20 {
        let said: Vec<String> = (0..25).map(|key| format!("k{key}:{round:02}")).collect();
        story
            .say(&said.iter().map(String::as_str).collect::<Vec<_>>())
            .await;
        expected.push(format!("{round:02}"));
    }

    story.emptied().await;
    for key in 0..25 {
        let wanted: Vec<String> = expected
            .iter()
            .map(|round| format!("k{key}:{round}"))
            .collect();
        assert_eq!(story.broker.first_seen(&format!("k{key}")), wanted);
    }
    assert!(!story.broker.overlapped());
    relay.stop().await;
}
