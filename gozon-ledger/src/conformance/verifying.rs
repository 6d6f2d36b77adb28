//! Rules about `verify`.

use std::sync::Arc;

use time::Duration;
use tokio::task::JoinSet;

use super::kit::{BANK, account, assert_clean, id, open_users, pay, post, top_up};
use super::tamper::ALL;
use super::tamper_holds::ALL_OF_HOLDS;
use super::{HandClock, Subject, Tamper};

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
