//! Rules about statements and their times.

use super::kit::{BANK, account, held, open_users, pay, post, top_up};
use super::{HandClock, Subject};
use crate::Entry;

/// In pages of any size, also while new entries arrive at the front.
pub async fn a_statement_pages_newest_first_and_leaves_nothing_out(
    subject: &dyn Subject,
    _: &HandClock,
) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1], 0).await;
    for n in 1..=7 {
        post(books, top_up(n, 1, 10).with_reference(format!("order {n}")))
            .await
            .unwrap();
    }

    let mut seen: Vec<Entry> = Vec::new();
    let mut cursor = None;
    loop {
        let page = books.statement(account(1), cursor, 3).await.unwrap();
        assert!(page.len() <= 3 && seen.len() <= 7, "{seen:?}");
        let Some(last) = page.last() else { break };
        cursor = Some(last.version);
        seen.extend(page);
        let late = 100 + u128::try_from(seen.len()).unwrap();
        post(books, top_up(late, 1, 1)).await.unwrap();
    }

    let versions: Vec<i64> = seen.iter().map(|line| line.version).collect();
    assert_eq!(versions, [7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(seen[0].reference, "order 7");
    assert_eq!(seen[0].balance, 70);
    assert!(seen.iter().all(|line| line.account == account(1)));
    let missing = books.statement(account(99), None, 3).await.unwrap();
    assert!(missing.is_empty());
    assert!(
        books
            .statement(account(1), None, 0)
            .await
            .unwrap()
            .is_empty()
    );
}

/// What made an account grow is positive for it, on whichever side it stands.
pub async fn a_statement_shows_amounts_in_the_normal_direction(
    subject: &dyn Subject,
    _: &HandClock,
) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2], 100).await;
    post(books, pay(1, 1, 2, 30)).await.unwrap();

    for (n, amounts) in [
        (1, vec![-30, 100]),
        (2, vec![30, 100]),
        (BANK, vec![100, 100]),
    ] {
        let lines = books.statement(account(n), None, 10).await.unwrap();
        let found: Vec<i64> = lines.iter().map(|line| line.amount).collect();
        assert_eq!(found, amounts, "account {n}");
        assert_eq!(lines[0].balance, held(books, n).await);
    }
}

/// Nor does it stand still when the clock does.
pub async fn time_rises_with_the_version_even_if_the_clock_goes_back(
    subject: &dyn Subject,
    clock: &HandClock,
) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2], 100).await;
    let mut told = Vec::new();

    for (n, turn) in [(1, 0), (2, -3_600), (3, 0), (4, 7_200), (5, -1)] {
        clock.turn(turn);
        let outcomes = books
            .post(&[pay(n, 1, 2, 1), pay(n + 100, 2, 1, 1)])
            .await
            .unwrap();
        told.extend(outcomes.into_iter().map(|one| one.unwrap().recorded_at));
    }

    for n in [1, 2, BANK] {
        let lines = books.statement(account(n), None, 100).await.unwrap();
        assert!(!lines.is_empty());
        let falling = lines
            .windows(2)
            .all(|two| two[0].recorded_at > two[1].recorded_at);
        assert!(falling, "account {n}: {lines:?}");
    }
    let lines = books.statement(account(1), None, 10).await.unwrap();
    let stored: Vec<_> = lines.iter().rev().map(|line| line.recorded_at).collect();
    assert_eq!(stored, told, "what was answered is what is stored");
    assert!(books.verify().await.unwrap().is_clean());
}
