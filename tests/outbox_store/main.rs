//! The outbox on PostgreSQL: the rules of its store, also tried on outboxes that
//! are broken on purpose (those that can be broken on SQLite are beside the
//! crate), and what goes on between processes that share it.

// Helpers of tests fail as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod beside;
mod broken;
mod pending;
mod process;
mod promoting;
mod sharing;
mod waking;

use std::pin::Pin;

use broken::{
    Flaw, Keeps, LocksInAnUnreadCte, LocksInTheSlicesOrder, LocksInValues, NumbersBeforeItLocks,
    Sound, flawed, promoting,
};
use gozon_outbox::conformance::{Bench, Verdict, check, run_all};
use gozon_sqlx::Db;
use gozon_sqlx::postgres::{PoolSettings, Postgres, connect};
use gozon_tests::servers::postgres_database;

async fn database() -> Db<Postgres> {
    let url = postgres_database().await.unwrap();
    connect(&url, &PoolSettings::default()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_keeps_every_rule_of_an_outbox_store() {
    let report = run_all(|| async { Bench::new(database().await).await }).await;

    if let Err(report) = report.into_result() {
        panic!("{report}");
    }
}

type Check = fn(Db<Postgres>, &'static str) -> Pin<Box<dyn Future<Output = Verdict> + Send>>;

/// Each fault breaks at least the rule beside it.
const CAUGHT: &[(&str, Check, &str)] = &[
    ("NumbersBeforeItLocks", on::<NumbersBeforeItLocks>, ORDER),
    ("LocksInValues", on::<LocksInValues>, ORDER),
    ("LocksInAnUnreadCte", on::<LocksInAnUnreadCte>, ORDER),
    (
        "LocksInTheSlicesOrder",
        on::<LocksInTheSlicesOrder>,
        DEADLOCK,
    ),
    (
        "PromotesUnderLock",
        |db, rule| Box::pin(keeping(db, Keeps::Leases, rule)),
        PROMOTION,
    ),
    (
        "LocksOneAfterTheOther",
        |db, rule| Box::pin(keeping(db, Keeps::Stripes, rule)),
        PASSING,
    ),
];

/// The same wrappers without a fault: they break nothing by themselves.
const SOUND: &[(&str, Check, &str)] = &[
    ("Sound", on::<Sound>, ORDER),
    ("Sound", on::<Sound>, DEADLOCK),
    (
        "a sound promotion",
        |db, rule| Box::pin(keeping(db, Keeps::Nothing, rule)),
        PROMOTION,
    ),
    (
        "a sound promotion",
        |db, rule| Box::pin(keeping(db, Keeps::Nothing, rule)),
        PASSING,
    ),
];

const ORDER: &str = "sequence_order_is_commit_order_per_key";
const DEADLOCK: &str = "opposite_orders_of_keys_do_not_deadlock";
const PROMOTION: &str = "a_promotion_that_waits_for_a_key_lets_leases_be_renewed";
const PASSING: &str = "a_promotion_passes_a_key_that_is_in_use";

async fn keeping(db: Db<Postgres>, keeps: Keeps, rule: &'static str) -> Verdict {
    check(promoting(Bench::new(db).await, keeps), rule).await
}

fn on<F: Flaw>(
    db: Db<Postgres>,
    rule: &'static str,
) -> Pin<Box<dyn Future<Output = Verdict> + Send>> {
    Box::pin(async move { check(flawed::<F>(db).await, rule).await })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_broken_outbox_is_caught_by_the_rule_that_it_breaks() {
    let mut escaped = Vec::new();
    for (fault, run, rule) in CAUGHT {
        match run(database().await, rule).await {
            Ok(()) => escaped.push((fault, rule)),
            Err(violation) => println!("{fault} breaks {rule}: {violation}"),
        }
    }
    assert!(escaped.is_empty(), "not caught: {escaped:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_outbox_passes_through_the_wrappers_of_the_broken_ones() {
    for (name, run, rule) in SOUND {
        if let Err(violation) = run(database().await, rule).await {
            panic!("{name} breaks {rule}: {violation}");
        }
    }
    // No fault is caught by a rule that was not tried with a sound one.
    for (fault, _, rule) in CAUGHT {
        assert!(SOUND.iter().any(|(.., sound)| sound == rule), "{fault}");
    }
}
