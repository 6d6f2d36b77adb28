//! Rules about taking transfers back.

use super::kit::{account, assert_clean, balance, held, id, open_users, pay, post, rub, version};
use super::{HandClock, Subject};
use crate::{Books, PostError, Transfer};

fn refund(transfer: u128) -> Transfer {
    Transfer::new(id(transfer), "refund")
}

async fn refused(books: &dyn Books, transfer: Transfer) -> PostError {
    post(books, transfer).await.unwrap_err()
}

/// The original stays, the reversal stands beside it, and both name the same
/// business fact.
pub async fn a_reversal_moves_everything_back(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2], 100).await;
    let payment = pay(1, 1, 2, 30).with_reference("order 7");
    post(books, payment.clone()).await.unwrap();

    let reversal = refund(2).reversing(id(1));
    let posted = post(books, reversal.clone()).await.unwrap();

    assert_eq!((held(books, 1).await, held(books, 2).await), (100, 100));
    assert_eq!(version(books, 1).await, 3);
    let lines = books.statement(account(1), None, 2).await.unwrap();
    assert_eq!((lines[0].amount, lines[1].amount), (30, -30));
    assert_eq!(
        (&*lines[0].code, &*lines[0].reference),
        ("refund", "order 7")
    );
    assert!(post(books, payment).await.unwrap().replayed);
    let again = post(books, reversal).await.unwrap();
    assert!(again.replayed);
    assert_eq!(again.balances, posted.balances);
    assert_clean(books).await;
}

/// Leg by leg and over all reversals together; then nothing is left.
pub async fn partial_reversals_never_take_back_more_than_was_moved(
    subject: &dyn Subject,
    _: &HandClock,
) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2, 3], 1_000).await;
    // A price and a fee: 100 from the user, 90 to the shop, 10 to the house.
    let sale = Transfer::new(id(1), "sale")
        .debit(account(1), &rub(), 100)
        .credit(account(2), &rub(), 90)
        .credit(account(3), &rub(), 10);
    post(books, sale).await.unwrap();
    let back = |n, from: u128, amount: i64| pay(n, from, 1, amount).reversing(id(1));

    post(books, back(2, 2, 60)).await.unwrap();
    assert_eq!(
        refused(books, back(3, 2, 31)).await,
        PostError::ExceedsOriginal {
            account: account(2),
            left: 30,
            amount: 31
        }
    );
    let whole = refused(books, refund(3).reversing(id(1))).await;
    assert_eq!(whole.kind(), "exceeds_original");
    for (from, to) in [(1, 2), (2, 3)] {
        let turned = refused(books, pay(3, from, to, 5).reversing(id(1))).await;
        assert_eq!(turned.kind(), "exceeds_original", "{from} to {to}");
    }
    post(books, back(4, 3, 10)).await.unwrap();
    let outcomes = books
        .post(&[back(5, 2, 20), back(6, 2, 20), back(7, 2, 10)])
        .await
        .unwrap();

    assert!(outcomes[0].is_ok() && outcomes[2].is_ok(), "{outcomes:?}");
    let over = outcomes[1].clone().unwrap_err();
    assert_eq!(over.kind(), "exceeds_original");
    let done = PostError::AlreadyReversed { transfer: id(1) };
    assert_eq!(refused(books, refund(8).reversing(id(1))).await, done);
    assert_eq!(refused(books, back(8, 2, 1)).await, done);
    for n in [1, 2, 3] {
        assert_eq!(held(books, n).await, 1_000, "account {n}");
    }
    assert!(post(books, back(2, 2, 60)).await.unwrap().replayed);
    assert_clean(books).await;
}

/// What was posted of it, not what was held.
pub async fn a_posted_hold_can_be_taken_back(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2], 100).await;
    let hold = pay(1, 1, 2, 70).with_reference("order 7").pending(None);
    post(books, hold).await.unwrap();
    post(books, pay(2, 1, 2, 50).posting(id(1))).await.unwrap();

    let over = refused(books, pay(3, 2, 1, 51).reversing(id(2))).await;
    assert_eq!(over.kind(), "exceeds_original");
    post(books, refund(4).reversing(id(2))).await.unwrap();

    assert_eq!((held(books, 1).await, held(books, 2).await), (100, 100));
    let line = &books.statement(account(2), None, 1).await.unwrap()[0];
    assert_eq!((line.amount, &*line.reference), (-50, "order 7"));
    assert_clean(books).await;
}

/// What moved nothing, what is itself a reversal, and what is not there.
pub async fn only_what_moved_money_can_be_taken_back(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2], 100).await;
    post(books, pay(1, 1, 2, 10)).await.unwrap();
    post(books, refund(2).reversing(id(1))).await.unwrap();
    post(books, pay(3, 1, 2, 10).pending(None)).await.unwrap();
    post(books, refund(4).voiding(id(3))).await.unwrap();

    for (n, kind) in [(2, "reversal"), (3, "pending"), (4, "void")] {
        let transfer = id(n);
        let expected = PostError::NotReversible { transfer, kind };
        let error = refused(books, refund(9).reversing(transfer)).await;
        assert_eq!(error, expected);
    }
    let missing = PostError::TransferNotFound { transfer: id(77) };
    assert_eq!(refused(books, refund(9).reversing(id(77))).await, missing);
    assert_clean(books).await;
}

/// The shop that spent the money cannot give it back, and a refused reversal
/// takes nothing off what is left; limits and holds bind it like any transfer.
pub async fn a_reversal_keeps_the_limits(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2, 3], 50).await;
    post(books, pay(1, 1, 2, 50)).await.unwrap();
    post(books, pay(2, 2, 3, 40).pending(None)).await.unwrap();
    post(books, pay(3, 2, 3, 30)).await.unwrap();

    assert_eq!(
        refused(books, refund(4).reversing(id(1))).await,
        PostError::InsufficientFunds {
            account: account(2),
            available: 30,
            needed: 50
        }
    );
    post(books, refund(5).voiding(id(2))).await.unwrap();
    post(books, refund(4).reversing(id(1))).await.unwrap();

    assert_eq!(held(books, 1).await, 50);
    assert_eq!(balance(books, 2).await.available(), 20);
    assert_clean(books).await;
}

/// Together they take back what was moved, and no more.
pub async fn of_many_reversals_at_once_as_many_win_as_there_is_left(
    subject: &dyn Subject,
    _: &HandClock,
) {
    let books = subject.books();
    open_users(books.as_ref(), &[1, 2], 1_000).await;
    post(books.as_ref(), pay(1, 1, 2, 100)).await.unwrap();
    let batches = (0..32).map(|task| vec![pay(100 + task, 2, 1, 10).reversing(id(1))]);

    let all = super::concurrency::all_at_once(&books, batches.collect()).await;

    assert_eq!(super::concurrency::posted(&all), 10);
    let refused = all.iter().flatten().filter_map(|one| one.as_ref().err());
    let done = PostError::AlreadyReversed { transfer: id(1) };
    assert!(refused.clone().all(|error| *error == done));
    assert_eq!(refused.count(), 22);
    assert_eq!(held(books.as_ref(), 1).await, 1_000);
    assert_clean(books.as_ref()).await;
}
