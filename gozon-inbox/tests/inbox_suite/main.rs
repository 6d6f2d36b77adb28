//! The inbox's suite, tried on stores and consumers that are broken on purpose:
//! a suite that catches nothing proves nothing. On SQLite; what only a server
//! can show is proved in the package `gozon-tests`, story `inbox_store`.

// A failure here is a failed test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod broken;

use std::time::Duration;

use gozon_inbox::conformance::{Subject, check, rules};
use gozon_sqlx::Sqlite;
use gozon_sqlx::sqlite::{PoolSettings, open};
use tokio::task::JoinSet;

use broken::{Fault, broken};

/// How long a broken subject may fail to do what it will never do. Longer than
/// any rule needs on a sound one.
const PATIENCE: Duration = Duration::from_secs(6);

/// Each fault breaks at least the rule beside it.
const CAUGHT: &[(Fault, &str)] = &[
    (Fault::MarksAfterTheEffect, "a_repeat_has_no_effect"),
    (Fault::MarksAfterTheEffect, "a_mark_in_flight_is_waited_for"),
    (Fault::ForgetsMarks, "mark_and_effect_commit_together"),
    (Fault::ForgetsMarks, "a_repeat_has_no_effect"),
    (
        Fault::ForgetsMarks,
        "batches_in_opposite_orders_do_not_deadlock",
    ),
    (Fault::ForgetsMarks, "what_is_done_is_only_acknowledged"),
    (
        Fault::SharesMarks,
        "consumers_with_different_names_are_independent",
    ),
    (Fault::PrunesTheYoung, "only_old_marks_are_deleted"),
    (Fault::PrunesWhatIsKept, "only_old_marks_are_deleted"),
    (
        Fault::ForgetsWhatIsKept,
        "poison_does_not_stop_its_neighbours",
    ),
    (Fault::PoisonBlocks, "poison_does_not_stop_its_neighbours"),
    (
        Fault::DiesOfAPanic,
        "a_panicking_handler_loses_only_its_message",
    ),
    (
        Fault::SendsAtOnce,
        "messages_are_sent_only_if_the_effect_commits",
    ),
    (
        Fault::CountsConflicts,
        "conflicts_repeat_the_work_and_count_nothing",
    ),
    (
        Fault::RepeatsForEver,
        "a_conflict_without_end_does_not_stop_the_consumer",
    ),
    (Fault::LosesTheTrace, "the_trace_goes_on"),
    (
        Fault::DropsWhatItHolds,
        "shutdown_finishes_the_batch_in_hand",
    ),
    (Fault::LosesTheMalformed, "what_is_no_message_is_kept"),
    (
        Fault::AcksAtOnce,
        "nothing_is_acknowledged_before_the_commit",
    ),
    (
        Fault::EndsWithItsStream,
        "deliveries_that_end_are_asked_for_again",
    ),
    (
        Fault::RequeuesInAnOutage,
        "messages_are_held_while_the_database_is_away",
    ),
    (
        Fault::NeverClaims,
        "a_retry_waits_for_its_time_and_then_runs",
    ),
    (
        Fault::CountsInsideTheTransaction,
        "attempts_survive_a_rolled_back_handler",
    ),
    (
        Fault::CountsInsideTheTransaction,
        "a_message_is_dead_after_the_last_attempt",
    ),
    (
        Fault::CountsInsideTheTransaction,
        "a_message_that_ends_every_attempt_is_dead",
    ),
    (
        Fault::KeepsTheRejected,
        "a_rejected_message_is_dead_at_once",
    ),
    (Fault::ClaimsEarly, "instances_share_what_is_due"),
    (Fault::ClaimsTwice, "instances_share_what_is_due"),
    (Fault::HasNoFence, "a_late_claimer_changes_nothing"),
    (
        Fault::ForgetsWhatIsMalformed,
        "a_kept_message_that_cannot_be_read_is_dead",
    ),
    (Fault::CountsCompany, "company_is_noted_and_not_counted"),
    (
        Fault::TakesTriedForDone,
        "after_a_crash_each_message_runs_alone",
    ),
    (
        Fault::FinishesTwice,
        "a_message_is_tried_by_one_consumer_at_a_time",
    ),
    (Fault::PagesFromTheStart, "dead_letters_come_in_pages"),
    (Fault::PagesByTimeAlone, "dead_letters_come_in_pages"),
    (
        Fault::ReplaysOnCredit,
        "a_replayed_message_runs_with_its_full_budget",
    ),
    (
        Fault::RecordsNoReplay,
        "a_replayed_message_that_dies_again_can_be_replayed_again",
    ),
    (
        Fault::RecordsNoDiscard,
        "a_discarded_message_is_recorded_and_never_runs",
    ),
    (
        Fault::DiscardsTheMark,
        "a_discarded_message_is_recorded_and_never_runs",
    ),
    (
        Fault::ReplaysAnything,
        "what_is_no_message_can_only_be_discarded",
    ),
    (
        Fault::DecidesWithoutLooking,
        "only_a_dead_letter_can_be_decided_about",
    ),
    (
        Fault::DecidesWithoutLooking,
        "a_letter_is_decided_about_once",
    ),
    (Fault::DecidesForAll, "each_consumer_decides_about_its_own"),
    (
        Fault::IgnoresLines,
        "later_messages_wait_behind_one_that_is_tried_again",
    ),
    (
        Fault::IgnoresLines,
        "a_dead_letter_holds_its_key_until_it_is_replayed",
    ),
    (
        Fault::NeverMovesUp,
        "a_discarded_dead_letter_lets_its_key_go_on",
    ),
    (
        Fault::NeverMovesUp,
        "a_message_that_comes_while_its_line_moves_is_not_lost",
    ),
    (Fault::QueuesInFront, "what_waits_survives_its_consumer"),
    (Fault::QueuesInFront, "instances_do_not_reorder_a_key"),
    (
        Fault::NeverLooksForTheStuck,
        "a_crash_before_the_next_ones_turn_strands_nobody",
    ),
    (
        Fault::TakesTriedForDone,
        "what_must_run_alone_does_not_let_later_ones_pass",
    ),
    (Fault::LosesWhatWasNoted, "what_was_noted_waits_as_well"),
    (Fault::OrdersEverything, "without_order_nobody_waits"),
    (Fault::EveryKeyIsFresh, "a_repeat_gets_the_first_answer"),
    (
        Fault::EveryKeyIsFresh,
        "a_concurrent_repeat_waits_for_the_first",
    ),
    (
        Fault::IgnoresFingerprints,
        "another_request_under_the_same_key_is_refused",
    ),
    (Fault::RemembersKeys, "a_rollback_frees_the_key"),
    (Fault::RemembersKeys, "only_success_is_stored"),
    (
        Fault::AnswersOutsideTheTransaction,
        "an_answer_is_stored_only_if_the_work_commits",
    ),
    (Fault::KeysNeverExpire, "an_expired_key_can_be_used_again"),
    (Fault::SharesKeys, "keys_of_others_are_other_keys"),
];

/// On SQLite a repeat waits for the one writer, before a store is asked at all.
const PROVED_ON_POSTGRES: &[&str] = &["a_repeat_does_not_wait_for_ever"];

async fn subject(fault: Option<Fault>) -> (Subject<Sqlite>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inbox.db");
    let db = open(&file, &PoolSettings::default()).await.unwrap();
    let sound = Subject::new(db);
    match fault {
        Some(fault) => (broken(sound, fault), folder),
        None => (sound, folder),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_broken_subject_is_caught_by_the_rule_that_it_breaks() {
    // Some at once: the broken ones are mostly waited for.
    let mut trials = JoinSet::new();
    let mut escaped = Vec::new();
    let mut left = CAUGHT.iter();
    loop {
        while trials.len() < 12 {
            let Some((fault, rule)) = left.next() else {
                break;
            };
            trials.spawn(async move {
                let (subject, _folder) = subject(Some(*fault)).await;
                (*fault, *rule, check(subject, rule, PATIENCE).await)
            });
        }
        let Some(trial) = trials.join_next().await else {
            break;
        };
        match trial.unwrap() {
            (fault, rule, Ok(())) => escaped.push((fault, rule)),
            (fault, rule, Err(how)) => {
                let how = how.lines().next().unwrap_or_default().to_owned();
                println!("{fault:?} breaks {rule}: {how}");
            }
        }
    }
    assert!(escaped.is_empty(), "not caught: {escaped:#?}");
}

#[test]
fn every_rule_has_a_subject_that_breaks_it() {
    let unproved: Vec<_> = rules::<Sqlite>()
        .iter()
        .map(|rule| rule.name)
        .filter(|rule| !PROVED_ON_POSTGRES.contains(rule))
        .filter(|rule| CAUGHT.iter().all(|(_, caught)| caught != rule))
        .collect();

    assert!(unproved.is_empty(), "not proved: {unproved:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rules_of_the_table_hold_within_the_same_patience() {
    // Otherwise a broken subject might only be a slow one.
    let mut names: Vec<&str> = CAUGHT.iter().map(|(_, rule)| *rule).collect();
    names.sort_unstable();
    names.dedup();
    for rule in names {
        let (subject, _folder) = subject(None).await;
        if let Err(how) = check(subject, rule, PATIENCE).await {
            panic!("{rule}: {how}");
        }
    }
}
