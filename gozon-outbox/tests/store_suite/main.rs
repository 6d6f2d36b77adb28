//! The store suite, tried on SQLite, and on outboxes that are broken on
//! purpose: a suite that catches nothing proves nothing.
#![cfg(all(feature = "sqlite", feature = "conformance"))]
// Helpers of tests fail as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod appending;
mod broken;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gozon_outbox::conformance::model::beside_the_model;
use gozon_outbox::conformance::{Bench, Verdict, check, rules, run_all};
use gozon_sqlx::sqlite::{PoolSettings, open};
use gozon_sqlx::{Db, Sqlite};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use appending::{
    AsksTheFirst, BindsEveryValue, CommitsByItself, CutsAtZero, CutsKeys, Flaw, ForgetsTheDelayed,
    NeverSaysNo, ReusesNumbers, ReversesSlices, flawed, without_a_limit,
};
use broken::{Call, Cap, Fault, broken};

/// An empty database in a folder of its own.
async fn database() -> (Db<Sqlite>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("outbox.db");
    let db = open(&file, &PoolSettings::default()).await.unwrap();
    (db, folder)
}

#[tokio::test]
async fn sqlite_keeps_every_rule_of_an_outbox_store() {
    let folders = std::sync::Mutex::new(Vec::new());
    let report = run_all(|| async {
        let (db, folder) = database().await;
        folders.lock().unwrap().push(folder);
        broken(Bench::new(db).await, Fault::None)
    })
    .await;

    if let Err(report) = report.into_result() {
        panic!("{report}");
    }
}

/// What asking which keys are pending costs, in steps of SQLite's machine: no more
/// beside a backlog that is ten times as long.
#[tokio::test]
async fn asking_for_pending_keys_costs_no_more_beside_a_longer_backlog() {
    let mut steps = Vec::new();
    let (db, _folder) = database().await;
    let bench = Bench::new(db).await;
    let keys: Vec<String> = (0..100).map(|n| format!("none{n}")).collect();
    for upto in [10_000, 100_000] {
        fill(&bench, upto).await;
        let mut tx = bench.db.begin().await.unwrap();
        let counted = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&counted);
        let mut handle = tx.lock_handle().await.unwrap();
        handle.set_progress_handler(100, move || {
            counter.fetch_add(1, Ordering::SeqCst);
            true
        });
        drop(handle);

        bench.outbox.keys_pending(&mut tx, &keys).await.unwrap();

        tx.lock_handle().await.unwrap().remove_progress_handler();
        steps.push(counted.load(Ordering::SeqCst));
    }
    println!("hundreds of steps: {steps:?}");
    assert!(steps[1] <= steps[0] * 3 / 2, "{steps:?}");
}

/// Ready messages of as many keys, over all partitions, until there are `upto`.
async fn fill(bench: &Bench<Sqlite>, upto: u32) {
    sqlx::query(
        "WITH RECURSIVE n (n) AS (
             SELECT 1 + (SELECT count(*) FROM gozon_outbox)
             UNION ALL
             SELECT n + 1 FROM n WHERE n < ?1
         )
         INSERT INTO gozon_outbox
             (created_at, message_id, partition, key, kind, attributes, data)
         SELECT 0, randomblob(16), n % 64, 'k' || n, 'probe', '{}', x'' FROM n",
    )
    .bind(upto)
    .execute(bench.db.writer())
    .await
    .unwrap();
}

/// The suite asks with one seed, so that it takes little time everywhere.
#[tokio::test]
async fn sqlite_answers_as_the_model_with_many_seeds() {
    for seed in 1..=12 {
        let (db, _folder) = database().await;
        beside_the_model(&Bench::new(db).await, seed).await;
    }
}

/// Each fault of the store breaks at least the rule beside it.
const CAUGHT: &[(Fault, &str)] = &[
    (Fault::PromotesInPlace, DELAYED),
    (Fault::PromotesEarly, DELAYED),
    (Fault::TakesWhatOthersHold, "no_partition_has_two_owners"),
    (Fault::TakesMoreThanAsked, TERM),
    (Fault::KeepsTheEpoch, TERM),
    (Fault::RenewsTheLost, TERM),
    (
        Fault::RenewsNothing,
        "a_renewed_lease_outlasts_its_first_term",
    ),
    (Fault::ReleasesNothing, RELEASED),
    (Fault::WaitsForTheGone, ALONE),
    (Fault::CountsTheGoneMembers, ALONE),
    (
        Fault::CountsTheDeadMembers,
        "members_are_counted_while_they_live",
    ),
    (Fault::CountsAllAsFree, "free_leases_are_counted"),
    (Fault::CountsNoEndedLease, "free_leases_are_counted"),
    (Fault::LeavesWithItsLeases, LEAVING),
    (Fault::LeavesUnnoticed, LEAVING),
    (
        Fault::ChecksNoLease(Call::Read),
        "only_owned_partitions_are_read",
    ),
    (
        Fault::ChecksNoLease(Call::Read),
        "a_read_under_a_lost_epoch_finds_nothing",
    ),
    (
        Fault::IgnoresTheCap(Cap::PerPartition),
        "a_read_keeps_its_limits",
    ),
    (Fault::IgnoresTheCap(Cap::PerKey), "a_read_keeps_its_limits"),
    (Fault::IgnoresTheCap(Cap::Limit), "a_read_keeps_its_limits"),
    (Fault::ReadsFromTheTop, "a_read_keeps_its_limits"),
    (Fault::IgnoresTheCap(Cap::Bytes), "a_read_keeps_its_bytes"),
    (Fault::ReadsNothingLarge, "a_read_keeps_its_bytes"),
    (
        Fault::ReadsBackwards,
        "the_messages_of_a_slice_keep_their_order",
    ),
    (
        Fault::ReadsBehindTheHeld,
        "what_is_behind_a_held_message_is_not_read",
    ),
    (Fault::IgnoresSkippedKeys, LEFT_OUT),
    (Fault::IgnoresSkippedNumbers, LEFT_OUT),
    (Fault::SkipsTheKeyless, LEFT_OUT),
    (Fault::OnlyMovesForward, "a_read_is_not_a_cursor"),
    (Fault::DeletesNothing, "a_number_is_never_used_twice"),
    (Fault::ForgetsHeldKeys, NEXT_OWNER),
    (Fault::KeepsEveryRow, NEXT_OWNER),
    (Fault::ForgetsAttempts, NEXT_OWNER),
    (Fault::ForgetsPauses, NEXT_OWNER),
    (Fault::FetchesReadyOnly, NEXT_OWNER),
    (
        Fault::CountsWhatWasPutAside,
        "attempts_are_counted_if_they_were_made",
    ),
    (
        Fault::CountsNoAttempt,
        "attempts_are_counted_if_they_were_made",
    ),
    (Fault::SweepsNothing, HELD_KEY),
    (Fault::SweepsTheNamedAlone, BEHIND),
    (Fault::SweepsEverything, BEHIND),
    (Fault::ChecksNoLease(Call::Sweep), BEHIND),
    (Fault::SweepsEverything, HELD_KEY),
    (Fault::UnholdsNothing, HELD_KEY),
    (Fault::UnholdsEverything, HELD_KEY),
    (Fault::RevivesTheDead, "a_dead_letter_stays_dead"),
    (Fault::BuriesNothing, "a_dead_letter_stays_dead"),
    (Fault::ChecksNoLease(Call::Hold), EPOCH),
    (Fault::ChecksNoLease(Call::Sweep), EPOCH),
    (Fault::ChecksNoLease(Call::Unhold), EPOCH),
    (Fault::ChecksNoLease(Call::Promote), EPOCH),
    (Fault::ChecksNoLease(Call::Release), EPOCH),
    (Fault::ClaimsWhatIsLost(Call::Hold), EPOCH),
    (Fault::ClaimsWhatIsLost(Call::Unhold), EPOCH),
    (Fault::DeletesUnderTheEpochAlone, EPOCH),
    (Fault::ChecksNoEpoch(Call::Read), AGAIN),
    (Fault::ChecksNoEpoch(Call::Hold), AGAIN),
    (Fault::ChecksNoEpoch(Call::Sweep), AGAIN),
    (Fault::ChecksNoEpoch(Call::Unhold), AGAIN),
    (Fault::ChecksNoEpoch(Call::Promote), AGAIN),
    (Fault::ChecksNoEpoch(Call::Release), AGAIN),
    (Fault::ChecksNoEpoch(Call::Release), RELEASED),
    (Fault::HoldsAllKeyless, KEYLESS),
    (Fault::KeepsOneKeyless, KEYLESS),
    (Fault::UnholdsEverything, MODEL),
    (Fault::SweepsEverything, MODEL),
    (Fault::ReadsFromTheTop, MODEL),
    (Fault::BuriesNothing, MODEL),
    (Fault::KeepsTheEpoch, MODEL),
    (Fault::ForgetsAttempts, MODEL),
    (Fault::PromotesInPlace, MODEL),
    (Fault::ChecksNoLease(Call::Sweep), MODEL),
    (Fault::CountsTheDead, "the_counts_add_up"),
    (Fault::CountsNoDelayed, "the_counts_add_up"),
    (Fault::CountsNoHeld, "the_counts_add_up"),
    (Fault::CountsNoAge, "the_counts_add_up"),
    (
        Fault::SkipsBetweenPages,
        "held_keys_are_loaded_page_by_page",
    ),
    (Fault::KeepsEveryRow, "a_held_key_is_one_entry"),
    (Fault::RanksEverybodyFirst, "members_stand_in_one_order"),
    (Fault::ListsFromTheStart, LISTED),
    (Fault::ListsWithoutReason, LISTED),
    (Fault::ReplaysAsReady, REPLAYED),
    (Fault::ReplaysNothing, REPLAYED),
    (
        Fault::DiscardsForGood,
        "a_discarded_dead_letter_is_kept_with_the_decision",
    ),
    (
        Fault::DecidesAboutAnything,
        "only_dead_letters_are_decided_about",
    ),
    (Fault::ForgetsWhoDecided, RECORDED),
    (Fault::ListsDecisionsForwards, RECORDED),
    (
        Fault::SkipsDecisions,
        "who_follows_the_decisions_misses_none",
    ),
    (
        Fault::CarriesTheDead,
        "a_dead_letter_is_looked_at_without_its_payload",
    ),
    (
        Fault::ArchivesNothing,
        "an_archived_message_leaves_the_outbox_and_is_found",
    ),
    (Fault::ArchivesAgain, "archiving_twice_changes_nothing"),
    (
        Fault::ArchivesWhatIsDeleted,
        "a_deleted_message_is_not_archived",
    ),
    (
        Fault::ReadsTheArchiveBackwards,
        "the_archive_of_a_key_is_read_page_by_page",
    ),
    (Fault::TrimsWithoutLimit, "the_archive_is_trimmed_in_bites"),
    (Fault::TrimsTheYoung, "the_archive_is_trimmed_in_bites"),
    (Fault::CountsTheDeadByType, "the_counts_per_type_add_up"),
];

const DELAYED: &str = "a_delayed_message_draws_its_number_when_it_is_due";
const TERM: &str = "a_lease_can_be_taken_only_after_its_term";
const RELEASED: &str = "a_released_lease_can_be_taken_at_once";
const ALONE: &str = "who_is_certainly_alone_takes_leases_at_once";
const LEAVING: &str = "a_member_that_leaves_leaves_nothing_behind";
const LEFT_OUT: &str = "a_read_leaves_out_what_it_is_told_to";
const NEXT_OWNER: &str = "a_held_key_is_found_by_its_next_owner";
const HELD_KEY: &str = "a_held_key_leaves_the_ready_set_and_comes_back_in_order";
const EPOCH: &str = "every_write_but_a_delete_checks_the_epoch";
const AGAIN: &str = "a_lease_taken_again_is_another_lease";
const BEHIND: &str = "what_is_behind_any_held_message_leaves_the_ready_set";
const LISTED: &str = "dead_letters_are_listed_page_by_page";
const REPLAYED: &str = "a_replayed_dead_letter_keeps_its_place";
const RECORDED: &str = "every_decision_is_recorded";
const KEYLESS: &str = "messages_without_a_key_are_held_one_by_one";

const MODEL: &str = "whatever_it_is_asked_it_answers_as_the_model";

/// Each flaw of what joins the caller's transaction, likewise.
const CAUGHT_APPENDING: &[(&str, Check, &str)] = &[
    (
        "CutsAtZero",
        on::<CutsAtZero>,
        "a_message_comes_out_as_it_went_in",
    ),
    (
        "CutsKeys",
        on::<CutsKeys>,
        "a_key_is_kept_up_to_its_limit_and_refused_beyond",
    ),
    (
        "ReversesSlices",
        on::<ReversesSlices>,
        "the_messages_of_a_slice_keep_their_order",
    ),
    (
        "CommitsByItself",
        on::<CommitsByItself>,
        "a_rollback_removes_the_messages",
    ),
    (
        "BindsEveryValue",
        on::<BindsEveryValue>,
        "thousands_of_keys_fit_into_one_transaction",
    ),
    (
        "ForgetsTheDelayed",
        on::<ForgetsTheDelayed>,
        "pending_keys_are_those_that_have_messages",
    ),
    (
        "NeverSaysNo",
        on::<NeverSaysNo>,
        "pending_keys_are_those_that_have_messages",
    ),
    (
        "AsksTheFirst",
        on::<AsksTheFirst>,
        "a_key_behind_a_long_backlog_is_pending",
    ),
    (
        "NeverSaysNo",
        on::<NeverSaysNo>,
        "a_key_behind_a_long_backlog_is_pending",
    ),
    (
        "ReusesNumbers",
        on::<ReusesNumbers>,
        "a_number_is_never_used_twice",
    ),
    (
        "HasNoLimit",
        |db, rule| Box::pin(async { check(without_a_limit(Bench::new(db).await), rule).await }),
        "a_message_that_is_too_large_is_refused",
    ),
];

/// SQLite has one writer, so nothing on it can break these: their broken
/// adapters are in the story `outbox_store` on PostgreSQL.
const ON_POSTGRESQL: &[&str] = &[
    "sequence_order_is_commit_order_per_key",
    "opposite_orders_of_keys_do_not_deadlock",
    "a_promotion_that_waits_for_a_key_lets_leases_be_renewed",
    "a_promotion_passes_a_key_that_is_in_use",
];

type Checked = Pin<Box<dyn Future<Output = Verdict> + Send>>;
type Check = fn(Db<Sqlite>, &'static str) -> Checked;
/// What is broken, the rule, and how it is tried.
type Try = (
    String,
    &'static str,
    Box<dyn FnOnce(Db<Sqlite>) -> Checked + Send>,
);

fn on<F: Flaw>(db: Db<Sqlite>, rule: &'static str) -> Checked {
    Box::pin(async move { check(flawed::<F>(db).await, rule).await })
}

/// Side by side, for some wait for what never happens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_broken_outbox_is_caught_by_the_rule_that_it_breaks() {
    let mut tried = JoinSet::new();
    let turns = Arc::new(Semaphore::new(16));
    let mut tries: Vec<Try> = Vec::new();
    for (fault, rule) in CAUGHT {
        let (fault, rule) = (*fault, *rule);
        let run = move |db| -> Checked {
            Box::pin(async move { check(broken(Bench::new(db).await, fault), rule).await })
        };
        tries.push((format!("{fault:?}"), rule, Box::new(run)));
    }
    for (name, run, rule) in CAUGHT_APPENDING {
        let (run, rule) = (*run, *rule);
        tries.push(((*name).to_owned(), rule, Box::new(move |db| run(db, rule))));
    }
    for (fault, rule, run) in tries {
        let turns = Arc::clone(&turns);
        tried.spawn(async move {
            let _turn = turns.acquire_owned().await.unwrap();
            let (db, _folder) = database().await;
            (fault, rule, run(db).await)
        });
    }

    let mut escaped = Vec::new();
    let mut verdicts = tried.join_all().await;
    verdicts.sort_by_key(|(fault, rule, _)| (*rule, fault.clone()));
    for (fault, rule, verdict) in verdicts {
        match verdict {
            Ok(()) => escaped.push((fault, rule)),
            Err(violation) => println!("{fault} breaks {rule}: {violation}"),
        }
    }
    assert!(escaped.is_empty(), "not caught: {escaped:#?}");
}

#[test]
fn every_rule_has_an_outbox_that_breaks_it() {
    let stores = CAUGHT.iter().map(|(_, rule)| *rule);
    let appends = CAUGHT_APPENDING.iter().map(|(.., rule)| *rule);
    let proved: Vec<&str> = stores
        .chain(appends)
        .chain(ON_POSTGRESQL.to_vec())
        .collect();
    let unproved: Vec<_> = rules::<Sqlite>()
        .into_iter()
        .map(|rule| rule.name)
        .filter(|rule| !proved.contains(rule))
        .collect();

    assert!(unproved.is_empty(), "not proved: {unproved:#?}");
}
