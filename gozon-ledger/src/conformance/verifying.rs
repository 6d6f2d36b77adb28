//! Rules about `verify`.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::kit::{account, assert_clean, open_users, pay, post, top_up};
use super::tamper::ALL;
use super::{HandClock, Subject};

/// No honest post is reported, also when it commits in the middle of the audit.
pub async fn honest_books_are_clean_also_beside_traffic(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    open_users(books.as_ref(), &[1, 2], 1_000).await;
    let mut traffic = JoinSet::new();
    for task in 0..4_u128 {
        let books = Arc::clone(&books);
        traffic.spawn(async move {
            for n in 0..25 {
                let batch = [
                    pay(task * 100 + n, 1, 2, 1),
                    pay(9_000 + task * 100 + n, 2, 1, 1),
                ];
                books.post(&batch).await.unwrap();
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
        (3, 202, 404)
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
        let before = books.verify().await.unwrap().findings;
        subject.tamper(tamper(account(*n))).await;
        let after = books.verify().await.unwrap().findings;

        let new: Vec<_> = after.iter().filter(|one| !before.contains(one)).collect();
        assert!(
            new.iter().any(|finding| finding.kind() == kind),
            "{:?} must be found as {kind}: {new:?}",
            tamper(account(*n))
        );
    }
}
