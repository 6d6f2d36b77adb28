//! Rules about floors, ceilings and the width of an `i64`.

use super::kit::{
    BANK, account, assert_clean, held, open_bank, open_users, pay, post, rub, top_up, user, version,
};
use super::{HandClock, Subject};
use crate::{NewAccount, PostError, Side};

/// Exactly the floor is allowed, one below is not; also for debit-normal
/// accounts and floors below zero.
pub async fn no_account_goes_below_its_floor(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2], 100).await;
    let cash = NewAccount::new(account(3), rub(), Side::Debit, "cash").with_floor(-50);
    books.open_account(&cash).await.unwrap();

    let refused = post(books, pay(1, 1, 2, 101)).await;
    assert_eq!(
        refused,
        Err(PostError::InsufficientFunds {
            account: account(1),
            available: 100,
            needed: 101
        })
    );
    post(books, pay(2, 1, 2, 100)).await.unwrap();
    assert_eq!(held(books, 1).await, 0);

    let refused = post(books, pay(3, BANK, 3, 51)).await;
    assert_eq!(
        refused,
        Err(PostError::InsufficientFunds {
            account: account(3),
            available: 50,
            needed: 51
        })
    );
    post(books, pay(4, BANK, 3, 50)).await.unwrap();
    assert_eq!(held(books, 3).await, -50);
    assert_clean(books).await;
}

/// Exactly the ceiling is allowed, one above is not.
pub async fn no_account_goes_above_its_ceiling(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    let books = books.as_ref();
    let ceiling = (1 << 53) - 1;
    open_bank(books).await;
    books
        .open_account(&user(1).with_ceiling(ceiling))
        .await
        .unwrap();
    post(books, top_up(1, 1, ceiling - 10)).await.unwrap();

    let refused = post(books, top_up(2, 1, 11)).await;

    assert_eq!(
        refused,
        Err(PostError::LimitExceeded {
            account: account(1),
            room: 10,
            amount: 11
        })
    );
    assert_eq!(held(books, 1).await, ceiling - 10);
    post(books, top_up(3, 1, 10)).await.unwrap();
    assert_eq!(held(books, 1).await, ceiling);
    assert_clean(books).await;
}

/// The largest amounts come back exactly, and the one too many is refused
/// without a trace, even where the balance itself would fit.
pub async fn counters_stop_before_they_overflow(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2], 0).await;
    let most = i64::MAX;

    post(books, top_up(1, 1, most)).await.unwrap();
    assert_eq!(held(books, 1).await, most);
    assert_eq!(held(books, BANK).await, most);

    let refused = post(books, top_up(2, 2, 1)).await;
    assert_eq!(
        refused,
        Err(PostError::AmountOverflow {
            account: account(BANK)
        })
    );
    post(books, pay(3, 1, 2, most)).await.unwrap();
    let refused = post(books, pay(4, 2, 1, 1)).await;
    assert_eq!(
        refused,
        Err(PostError::AmountOverflow {
            account: account(1)
        })
    );
    assert_eq!(held(books, 2).await, most);
    assert_eq!(version(books, 2).await, 1);
    let line = &books.statement(account(2), None, 1).await.unwrap()[0];
    assert_eq!((line.amount, line.balance), (most, most));
    assert_clean(books).await;
}
