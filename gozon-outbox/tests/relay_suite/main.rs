//! The relay suite, tried on our relay, on a simple one that somebody else could
//! have written, and on that one broken on purpose: a suite that catches nothing
//! proves nothing, and one that takes our relay alone proves no more.
#![cfg(feature = "conformance")]
// Helpers of tests fail as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod naive;
mod storms;

use std::sync::Arc;

use gozon_core::Publisher;
use gozon_outbox::conformance::relay::{RULES, Relays, Work, check, run_all};
use gozon_outbox::store::OutboxStore;
use gozon_outbox::{OutboxConfig, Relay};
use tokio_util::sync::CancellationToken;

use naive::{Fault, Naive};

fn ours(
    store: Arc<dyn OutboxStore>,
    publisher: Arc<dyn Publisher>,
    config: OutboxConfig,
    shutdown: CancellationToken,
) -> Work {
    Box::pin(async move {
        let relay = Relay::on(store, publisher, config).unwrap();
        relay.run(shutdown).await.unwrap();
    })
}

#[tokio::test(start_paused = true)]
async fn our_relay_keeps_every_rule() {
    if let Err(report) = run_all(ours).await.into_result() {
        panic!("{report}");
    }
}

/// Ours with so little memory that the table alone knows most held keys.
fn cramped(max_held: usize) -> impl Relays + 'static {
    move |store, publisher, config: OutboxConfig, shutdown| -> Work {
        let config = OutboxConfig { max_held, ..config };
        ours(store, publisher, config, shutdown)
    }
}

#[tokio::test(start_paused = true)]
async fn our_relay_keeps_every_rule_with_little_memory() {
    if let Err(report) = run_all(cramped(8)).await.into_result() {
        panic!("{report}");
    }
}

fn naive(fault: Fault) -> impl Relays + 'static {
    move |store, publisher, config, shutdown| -> Work {
        Box::pin(Naive::new(fault, store, publisher, config).run(shutdown))
    }
}

#[tokio::test(start_paused = true)]
async fn a_simple_relay_keeps_every_rule() {
    if let Err(report) = run_all(naive(Fault::None)).await.into_result() {
        panic!("{report}");
    }
}

/// A time of its own, which passes only when nobody has anything to do.
fn paused() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
}

/// Each fault breaks at least the rule beside it.
const CAUGHT: &[(Fault, &str)] = &[
    (
        Fault::DeletesNothing,
        "what_is_committed_is_published_and_deleted",
    ),
    (
        Fault::TwoUnconfirmedPerKey,
        "a_key_has_one_unconfirmed_message_at_most",
    ),
    (
        Fault::TwoUnconfirmedPerKey,
        "order_survives_random_outcomes",
    ),
    (
        Fault::OneAtATime,
        "other_keys_flow_past_an_unconfirmed_message",
    ),
    (
        Fault::LetsSuccessorsThrough,
        "a_held_key_lets_no_successor_through",
    ),
    (
        Fault::LetsSuccessorsThrough,
        "order_survives_random_outcomes",
    ),
    (
        Fault::OnlyMovesForward,
        "a_lower_number_that_commits_later_is_published",
    ),
    (
        Fault::NeverPromotes,
        "a_delayed_message_is_published_when_it_is_due",
    ),
    (
        Fault::TakesNackedForConfirmed,
        "a_nacked_message_is_kept_and_repeated",
    ),
    (Fault::NeverRepeats, "a_nacked_message_is_kept_and_repeated"),
    (
        Fault::TakesUnknownForConfirmed,
        "an_unknown_message_is_kept_and_repeated",
    ),
    (
        Fault::TakesReturnedForConfirmed,
        "a_returned_message_is_kept_and_repeated",
    ),
    (
        Fault::WaitsForAnswersForEver,
        "a_message_without_an_answer_is_repeated",
    ),
    (
        Fault::DeletesBeforeConfirm,
        "a_message_is_deleted_only_after_it_was_confirmed",
    ),
    (Fault::SaysNotWhen, "every_attempt_says_when_it_began"),
    (Fault::SaysWhenFirst, "every_attempt_says_when_it_began"),
    (
        Fault::BuriesAfterFiveTries,
        "an_outage_buries_nothing_however_long",
    ),
    (
        Fault::RepeatsTheRefused,
        "a_refused_message_is_buried_and_holds_its_key",
    ),
    (
        Fault::DropsTheRefused,
        "a_refused_message_is_buried_and_holds_its_key",
    ),
    (
        Fault::TrustsEveryRow,
        "an_unreadable_message_is_buried_and_holds_its_key",
    ),
    (
        Fault::PassesTheUnreadable,
        "an_unreadable_message_is_buried_and_holds_its_key",
    ),
    (
        Fault::PublishesAfterItsTerm,
        "nothing_is_published_after_the_term",
    ),
    (
        Fault::PublishesAfterItsTerm,
        "a_paused_relay_that_was_replaced_publishes_nothing_more",
    ),
    (
        Fault::StartsAtTheEnd,
        "a_dead_relays_messages_are_delivered_by_another",
    ),
    (
        Fault::StartsAtTheEnd,
        "the_heir_repeats_what_was_unconfirmed",
    ),
    (
        Fault::ForgetsHeldKeys,
        "the_heir_knows_the_keys_that_were_held",
    ),
    (Fault::TakesEverything, "relays_share_the_partitions"),
    (
        Fault::TakesOnce,
        "a_killed_relay_is_replaced_without_a_new_start",
    ),
    (
        Fault::EndsWithTheDatabase,
        "an_outage_of_the_database_is_waited_out",
    ),
    (
        Fault::StopsAtOnce,
        "a_stopping_relay_waits_for_its_answers_and_publishes_nothing_new",
    ),
    (
        Fault::PublishesWhileStopping,
        "a_stopping_relay_waits_for_its_answers_and_publishes_nothing_new",
    ),
    (
        Fault::LeavesWithoutAWord,
        "a_stopped_relay_leaves_nothing_behind",
    ),
    (
        Fault::StopsWithAnAnswerAlone,
        "stopping_ends_even_without_an_answer",
    ),
    (Fault::TwoUnconfirmedPerKey, STORM),
    (Fault::LetsSuccessorsThrough, STORM),
    (Fault::PublishesAfterItsTerm, STORM),
    (Fault::ForgetsHeldKeys, STORM),
    (Fault::DeletesBeforeConfirm, STORM),
    (Fault::OnlyMovesForward, STORM),
    (Fault::WaitsInLine, "a_hot_key_does_not_starve_the_others"),
    (
        Fault::HasNoBreaker,
        "a_type_that_does_not_get_through_is_published_little",
    ),
    (
        Fault::ParksNothing,
        "a_type_that_does_not_get_through_leaves_room_for_the_others",
    ),
];

const STORM: &str = "whatever_happens_everything_arrives_in_order";

/// Each in a time of its own, in two threads, for some wait for what never happens.
#[test]
fn every_broken_relay_is_caught_by_the_rule_that_it_breaks() {
    let tried = |turn: usize| {
        let mine = CAUGHT.iter().skip(turn).step_by(2);
        let check = |(fault, rule): &(Fault, &'static str)| {
            let verdict = paused().block_on(check(naive(*fault), rule));
            (*fault, *rule, verdict)
        };
        mine.map(check).collect::<Vec<_>>()
    };
    let verdicts = std::thread::scope(|scope| {
        let threads = [0, 1].map(|turn| scope.spawn(move || tried(turn)));
        threads.map(|thread| thread.join().unwrap()).concat()
    });

    let mut escaped = Vec::new();
    for (fault, rule, verdict) in verdicts {
        match verdict {
            Ok(()) => escaped.push((fault, rule)),
            Err(violation) => println!("{fault:?} breaks {rule}: {violation}"),
        }
    }
    assert!(escaped.is_empty(), "not caught: {escaped:#?}");
}

#[test]
fn every_rule_has_a_relay_that_breaks_it() {
    let unproved: Vec<_> = RULES
        .iter()
        .map(|rule| rule.name)
        .filter(|rule| CAUGHT.iter().all(|(_, caught)| caught != rule))
        .collect();

    assert!(unproved.is_empty(), "not proved: {unproved:#?}");
}
