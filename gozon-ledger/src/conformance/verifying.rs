//! Rules about `verify`.

use std::sync::Arc;

use time::Duration;
use tokio::task::JoinSet;

use super::kit::{BANK, account, assert_clean, id, open_users, pay, post, top_up};
use super::tamper::ALL;
use super::tamper_holds::ALL_OF_HOLDS;
use super::{HandClock, Subject, Tamper};
use crate::{Books, Report, VerifyBudget, VerifyCursor};

/// No honest post is reported, also when it commits in the middle of the audit.
pub async fn honest_books_are_clean_also_beside_traffic(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    open_users(books.as_ref(), &[1, 2], 1_000).await;
    let mut traffic = JoinSet::new();
    for task in 0..4_u128 {
        let books = Arc::clone(&books);
        traffic.spawn(async move {
            for n in 0..25 {
                let number = task * 100 + n;
                let hold = pay(20_000 + number, 1, 2, 5).pending(None);
                let batch = [pay(number, 1, 2, 1), pay(9_000 + number, 2, 1, 1), hold];
                books.post(&batch).await.unwrap();
                let part = pay(30_000 + number, 1, 2, 2).posting(id(20_000 + number));
                books.post(&[part]).await.unwrap();
            }
        });
    }

    while !traffic.is_empty() {
        assert_clean(books.as_ref()).await;
        while traffic.try_join_next().is_some() {}
    }

    let report = books.verify().await.unwrap();
    assert!(report.is_clean());
    assert_eq!(
        (report.accounts, report.transfers, report.entries),
        (3, 402, 604)
    );
}

/// One account for each kind, so that each must be found among all the others.
pub async fn every_kind_of_tampering_is_found(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    let books = books.as_ref();
    let users: Vec<u128> = (1..=20).collect();
    open_users(books, &users, 0).await;
    for n in &users {
        for k in 1..=3 {
            post(books, top_up(n * 10 + k, *n, 100)).await.unwrap();
        }
    }
    assert_clean(books).await;

    for ((tamper, kind), n) in ALL.into_iter().zip(&users) {
        must_be_found(subject, tamper(account(*n)), kind).await;
    }
}

/// Pending counters, reservations, resolutions, reversals, and the list of what
/// is open.
pub async fn every_kind_of_tampering_with_holds_is_found(subject: &dyn Subject, clock: &HandClock) {
    let books = subject.books();
    let books = books.as_ref();
    let users: Vec<u128> = (1..=20).collect();
    open_users(books, &users, 100).await;
    let end = gozon_core::Clock::now(clock) + Duration::hours(1);
    for n in &users {
        let number = |k: u128| n * 10 + k;
        for transfer in [
            pay(number(1), *n, BANK, 40).pending(None),
            pay(number(2), *n, BANK, 30).posting(id(number(1))),
            pay(number(3), *n, BANK, 20).pending(Some(end)),
            pay(number(4), *n, BANK, 10),
            pay(number(5), BANK, *n, 6).reversing(id(number(4))),
        ] {
            post(books, transfer).await.unwrap();
        }
    }
    assert_clean(books).await;

    for ((how, kind), n) in ALL_OF_HOLDS.into_iter().zip(&users) {
        must_be_found(subject, Tamper::OfHolds(account(*n), how), kind).await;
    }
}

async fn must_be_found(subject: &dyn Subject, how: Tamper, kind: &str) {
    let books = subject.books();
    let before = books.verify().await.unwrap().findings;
    subject.tamper(how).await;
    let after = books.verify().await.unwrap().findings;

    let new: Vec<_> = after.iter().filter(|one| !before.contains(one)).collect();
    assert!(
        new.iter().any(|finding| finding.kind() == kind),
        "{how:?} must be found as {kind}: {new:?}"
    );
}

/// A whole round in slices, the cursor kept as text in between, as if another
/// process went on each time.
async fn in_slices(books: &dyn Books, budget: VerifyBudget) -> (Report, usize) {
    let mut all = Report::default();
    let mut slices = 0;
    let mut cursor = VerifyCursor::default();
    loop {
        let slice = books.verify_some(cursor, budget).await.unwrap();
        slices += 1;
        assert!(slices < 5_000, "the round does not end");
        let report = slice.report;
        let read = report.accounts + report.entries + report.transfers;
        // An account counts when it is done, perhaps slices after it was read.
        let most = budget.rows.saturating_add(100);
        assert!(read <= most, "{read} rows of {}", budget.rows);
        all.accounts += report.accounts;
        all.entries += report.entries;
        all.transfers += report.transfers;
        all.findings.extend(report.findings);
        all.truncated |= report.truncated;
        let Some(next) = slice.next else {
            return (all, slices);
        };
        let done = next.progress();
        assert_eq!(
            (done.accounts, done.entries, done.transfers),
            (all.accounts, all.entries, all.transfers)
        );
        let text = serde_json::to_string(&next).unwrap();
        cursor = serde_json::from_str(&text).unwrap();
        assert_eq!(cursor, next);
    }
}

fn rows(rows: u64) -> VerifyBudget {
    VerifyBudget {
        rows,
        time: std::time::Duration::from_secs(60),
    }
}

/// Whatever their size, also one row each, and also when no time is left.
pub async fn slices_find_what_a_whole_run_finds(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    let books = books.as_ref();
    let users: Vec<u128> = (1..=20).collect();
    open_users(books, &users, 0).await;
    for n in &users {
        for k in 1..=3 {
            post(books, top_up(n * 10 + k, *n, 100)).await.unwrap();
        }
    }
    let (clean, _) = in_slices(books, rows(10)).await;
    assert_eq!(clean, books.verify().await.unwrap());
    for ((tamper, _), n) in ALL.into_iter().zip(&users) {
        subject.tamper(tamper(account(*n))).await;
    }

    let whole = books.verify().await.unwrap();

    let sorted = |report: &Report| {
        let mut told: Vec<_> = report
            .findings
            .iter()
            .map(|one| format!("{one:?}"))
            .collect();
        told.sort();
        told
    };
    let no_time = VerifyBudget {
        rows: 1_000,
        time: std::time::Duration::ZERO,
    };
    for (budget, least) in [
        (rows(1), 150),
        (rows(7), 20),
        (rows(100_000), 1),
        (no_time, 5),
    ] {
        let (sliced, slices) = in_slices(books, budget).await;
        assert_eq!(sorted(&sliced), sorted(&whole), "{budget:?}");
        assert_eq!(
            (sliced.accounts, sliced.entries, sliced.transfers),
            (whole.accounts, whole.entries, whole.transfers),
            "{budget:?}"
        );
        assert!(slices >= least, "{slices} slices of {budget:?}");
    }
}

/// Accounts get entries while they are followed, over many slices; none of that
/// is reported, and what was there at the beginning is checked in this round.
pub async fn slices_beside_traffic_report_no_honest_post(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    open_users(books.as_ref(), &[1, 2, 3], 1_000).await;
    for n in 1..=30 {
        post(books.as_ref(), pay(n, n % 3 + 1, (n + 1) % 3 + 1, 1))
            .await
            .unwrap();
    }
    let mut traffic = JoinSet::new();
    for task in 1..=3_u128 {
        let books = Arc::clone(&books);
        traffic.spawn(async move {
            for n in 0..40 {
                let to = task % 3 + 1;
                let transfer = pay(task << 32 | n, task, to, 1);
                books.post(&[transfer]).await.unwrap()[0].as_ref().unwrap();
            }
        });
    }

    let mut rounds = 0;
    while !traffic.is_empty() || rounds == 0 {
        let (report, slices) = in_slices(books.as_ref(), rows(5)).await;
        assert!(report.is_clean(), "{:?}", report.findings);
        assert!(slices > 10 && report.entries >= 66 && report.transfers >= 33);
        rounds += 1;
        while traffic.try_join_next().is_some() {}
    }

    let (last, _) = in_slices(books.as_ref(), rows(5)).await;
    assert_eq!(last, books.verify().await.unwrap());
    assert_eq!((last.accounts, last.transfers), (4, 153));
}
