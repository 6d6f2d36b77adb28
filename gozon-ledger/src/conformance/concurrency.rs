//! Rules about many callers at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::kit::{assert_clean, held, open_users, pay, top_up, version};
use super::{HandClock, Subject};
use crate::{Books, Outcomes, Transfer};

/// Long enough for a slow machine; a deadlock that the database does not end
/// is found by it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Posts each batch from a task of its own; the outcomes in any order.
pub(super) async fn all_at_once(
    books: &Arc<dyn Books>,
    batches: Vec<Vec<Transfer>>,
) -> Vec<Outcomes> {
    let mut tasks = JoinSet::new();
    for batch in batches {
        let books = Arc::clone(books);
        tasks.spawn(async move { books.post(&batch).await.unwrap() });
    }
    tokio::time::timeout(PATIENCE, tasks.join_all())
        .await
        .expect("the posts wait for each other")
}

pub(super) fn posted(all: &[Outcomes]) -> usize {
    let outcomes = all.iter().flatten();
    let moved = outcomes.filter(|outcome| outcome.as_ref().is_ok_and(|posted| !posted.replayed));
    moved.count()
}

/// Exactly ten; the balance is exactly zero and the other side has it all.
pub async fn of_64_parallel_payments_from_an_account_that_can_pay_ten_ten_are_posted(
    subject: &dyn Subject,
    _: &HandClock,
) {
    let books = subject.books();
    open_users(books.as_ref(), &[1], 1_000).await;
    books.open_account(&super::kit::user(2)).await.unwrap();
    let batches = (1..=64).map(|n| vec![pay(n, 1, 2, 100)]).collect();

    let all = all_at_once(&books, batches).await;

    assert_eq!(posted(&all), 10);
    let refused = all.iter().flatten().filter_map(|one| one.as_ref().err());
    assert!(refused.clone().all(|e| e.kind() == "insufficient_funds"));
    assert_eq!(refused.count(), 54);
    assert_eq!(held(books.as_ref(), 1).await, 0);
    assert_eq!(held(books.as_ref(), 2).await, 1_000);
    assert_eq!(version(books.as_ref(), 2).await, 10);
    assert_clean(books.as_ref()).await;
}

/// Batches that name the same accounts in opposite orders all get through.
pub async fn transfers_in_opposite_directions_do_not_deadlock(
    subject: &dyn Subject,
    _: &HandClock,
) {
    let books = subject.books();
    let users: Vec<u128> = (1..=8).collect();
    open_users(books.as_ref(), &users, 10_000).await;
    let batches = (0..40_u128).map(|task| {
        let ring = (0..8).map(|step| {
            let (a, b) = (step + 1, (step + 1) % 8 + 1);
            let number = task * 100 + step;
            if task % 2 == 0 {
                pay(number, a, b, 1)
            } else {
                pay(number, b, a, 1)
            }
        });
        if task % 4 < 2 {
            ring.collect()
        } else {
            let mut ring: Vec<_> = ring.collect();
            ring.reverse();
            ring
        }
    });

    let all = all_at_once(&books, batches.collect()).await;

    assert_eq!(posted(&all), 320);
    for n in users {
        assert_eq!(held(books.as_ref(), n).await, 10_000, "account {n}");
    }
    assert_clean(books.as_ref()).await;
}

/// One moves, all others get its answer.
pub async fn a_storm_of_one_transfer_moves_once(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    open_users(books.as_ref(), &[1], 0).await;
    let batches = (0..32).map(|_| vec![top_up(1, 1, 5)]).collect();

    let all = all_at_once(&books, batches).await;

    assert_eq!(posted(&all), 1);
    for outcome in all.iter().flatten() {
        assert_eq!(outcome.as_ref().unwrap().balances[1].1.posted, 5);
    }
    assert_eq!(held(books.as_ref(), 1).await, 5);
    assert_clean(books.as_ref()).await;
}

/// Although they share no account whose lock could hold one of them back. The
/// other ids of their batches come in opposite orders.
pub async fn of_two_transfers_that_claim_one_id_at_once_one_is_posted(
    subject: &dyn Subject,
    _: &HandClock,
) {
    let books = subject.books();
    open_users(books.as_ref(), &[1, 2, 3, 4], 10_000).await;

    for round in 0..10_u128 {
        let (x, y) = (round * 2 + 1, round * 2 + 2);
        let here = vec![pay(x, 1, 2, 1), pay(y, 1, 2, 1)];
        let there = vec![pay(y, 3, 4, 1), pay(x, 3, 4, 1)];

        let all = all_at_once(&books, vec![here, there]).await;

        let refused = all.iter().flatten().filter_map(|one| one.as_ref().err());
        assert!(
            refused
                .clone()
                .all(|refused| refused.kind() == "id_conflict")
        );
        assert_eq!((posted(&all), refused.count()), (2, 2));
    }
    assert_clean(books.as_ref()).await;
}
