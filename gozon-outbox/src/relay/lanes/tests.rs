use std::time::Duration;

use tokio::time::Instant;

use super::*;
use crate::store::Kept;

fn message(key: &str, seq: i64) -> Message {
    Message {
        ticket: Ticket {
            lane: LaneId::of(Some(key), seq),
            seq,
            partition: 1,
            kind: "probe".to_owned(),
            attempts: 0,
            bytes: 0,
        },
        envelope: Err("of no matter here".to_owned()),
    }
}

fn kept(key: &str, seq: i64) -> Kept {
    Kept {
        seq,
        partition: 1,
        key: Some(key.to_owned()),
        kind: "probe".to_owned(),
        dead: false,
        attempts: 1,
        retry_in: Duration::ZERO,
    }
}

/// Publishes the message, which fails, and writes that into the table.
fn fail(lanes: &mut Lanes, key: &str, seq: i64, now: Instant) {
    lanes.add(message(key, seq));
    let taken = lanes.take_batch(1, now, |_| Verdict::Go);
    let ticket = &taken.batch[0].ticket;
    lanes.failed(ticket, false, false);
    lanes.written(&ticket.lane, now);
}

#[test]
fn what_is_under_way_is_not_replaced_by_what_the_table_said_before() {
    let (mut lanes, now) = (Lanes::new(16, 100), Instant::now());
    fail(&mut lanes, "k", 1, now);
    let due = lanes.take_due(now, 10, now, |_| true);
    assert_eq!(due, [(LaneId::of(Some("k"), 1), 1)]);

    lanes.restore(&kept("k", 1), true, now);

    assert_eq!(lanes.next_due(), None);
    assert_eq!(lanes.held(), 1);
}

#[test]
fn what_has_no_room_is_left_to_the_table_and_comes_back() {
    let (mut lanes, now) = (Lanes::new(16, 1), Instant::now());
    fail(&mut lanes, "a", 1, now);

    fail(&mut lanes, "b", 2, now);

    assert_eq!((lanes.held(), lanes.left()), (1, vec![1]));
    lanes.released(&"a".into());
    assert_eq!(lanes.take_left(), [1]);
    lanes.restore(&kept("b", 2), true, now);
    assert_eq!((lanes.held(), lanes.left_any()), (1, false));
}

#[test]
fn a_partition_that_is_given_up_leaves_nothing_to_recall() {
    let (mut lanes, now) = (Lanes::new(16, 1), Instant::now());
    fail(&mut lanes, "a", 1, now);
    fail(&mut lanes, "b", 2, now);

    lanes.leave(1);

    assert!(!lanes.left_any() && lanes.is_clear(1));
    assert_eq!(lanes.held(), 0);
}
