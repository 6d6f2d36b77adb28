//! The suite on the ledger in memory, and the suite itself: it must notice
//! every way in which a store can be wrong.
// A test fails by panicking, also in its helpers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg(feature = "conformance")]

use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use gozon_core::Clock;
use gozon_ledger::Books;
use gozon_ledger::conformance::{HandClock, RULES, Subject, Tamper, hand_clock, tamper_memory};
use gozon_ledger::memory::{Fault, MemoryLedger};

struct InMemory(Arc<MemoryLedger>);

#[async_trait]
impl Subject for InMemory {
    fn books(&self) -> Arc<dyn Books> {
        Arc::clone(&self.0) as Arc<dyn Books>
    }

    fn instance(&self, clock: Arc<dyn Clock>) -> Arc<dyn Books> {
        Arc::new(self.0.instance(clock))
    }

    async fn tamper(&self, how: Tamper) {
        tamper_memory(&self.0, how);
    }
}

async fn fresh(clock: Arc<dyn Clock>) -> Box<dyn Subject> {
    Box::new(InMemory(Arc::new(MemoryLedger::new(clock))))
}

gozon_ledger::ledger_conformance!(fresh);

/// A way to be wrong, and a rule that must notice it.
struct Broken {
    fault: Fault,
    rule: &'static str,
    check: fn(InMemory, HandClock) -> Checked,
}

type Checked = Pin<Box<dyn Future<Output = ()> + Send>>;

macro_rules! broken {
    ($($fault:ident => $module:ident::$rule:ident,)+) => {
        &[$(Broken {
            fault: Fault::$fault,
            rule: stringify!($rule),
            check: |subject, hand| {
                Box::pin(async move { $module::$rule(&subject, &hand).await })
            },
        }),+]
    };
}

// Below the macro, which they use.
#[path = "memory/everyday.rs"]
mod everyday;
#[path = "memory/special.rs"]
mod special;

/// Runs each rule on its broken ledger.
async fn assert_caught(broken: &[Broken]) {
    let mut escaped = Vec::new();
    for Broken { fault, rule, check } in broken {
        let (clock, hand) = hand_clock();
        let subject = InMemory(Arc::new(MemoryLedger::new(clock).with_fault(*fault)));
        // A task, so that a panic is an answer.
        match tokio::spawn(check(subject, hand)).await {
            Ok(()) => escaped.push((fault, rule)),
            Err(lost) => println!("{fault:?} is caught by {rule}: {}", said(lost)),
        }
    }
    assert!(escaped.is_empty(), "not caught: {escaped:#?}");
}

/// What a rule said when it failed, in one line.
fn said(lost: tokio::task::JoinError) -> String {
    let panic = lost.into_panic();
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("?").lines().collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_is_caught_by_the_rule_that_is_there_for_it() {
    assert_caught(special::FAULTS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_of_an_ordinary_day_is_caught() {
    assert_caught(everyday::FAULTS).await;
}

/// The model needs no rule of its own to see that something is wrong.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_notices_what_the_rules_notice() {
    assert_caught(special::SEEN_BY_THE_MODEL).await;
}

#[test]
fn every_rule_has_a_ledger_that_breaks_it() {
    let tables = [
        everyday::FAULTS,
        special::FAULTS,
        special::SEEN_BY_THE_MODEL,
    ];
    let proved: Vec<&str> = tables
        .into_iter()
        .flatten()
        .map(|broken| broken.rule)
        .collect();
    let unproved: Vec<_> = RULES.iter().filter(|rule| !proved.contains(rule)).collect();

    assert!(unproved.is_empty(), "not proved: {unproved:#?}");
}
