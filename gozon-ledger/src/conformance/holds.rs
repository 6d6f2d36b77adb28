//! Rules about what a hold reserves, moves and releases.

use super::kit::{
    BANK, account, assert_clean, balance, held, id, open_bank, open_users, pay, post, rub, top_up,
    user,
};
use super::{HandClock, Subject};
use crate::{Asset, Books, NewAccount, PostError, Side, Transfer};

/// A hold of `amount`, from one to the other, that never expires.
fn hold(transfer: u128, from: u128, to: u128, amount: i64) -> Transfer {
    pay(transfer, from, to, amount).pending(None)
}

fn resolve(transfer: u128) -> Transfer {
    Transfer::new(id(transfer), "resolution")
}

async fn refused(books: &dyn Books, transfer: Transfer) -> PostError {
    post(books, transfer).await.unwrap_err()
}

/// Posted balances and statements stay, what is available shrinks, and what is
/// expected grows on the other side; a floor guards what is available.
pub async fn a_hold_reserves_and_moves_nothing(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2], 100).await;

    let placed = post(books, hold(1, 1, 2, 70)).await.unwrap();

    let giver = balance(books, 1).await;
    assert_eq!((giver.posted, giver.outgoing, giver.incoming), (100, 70, 0));
    assert_eq!((giver.available(), giver.version), (30, 1));
    let taker = balance(books, 2).await;
    assert_eq!((taker.posted, taker.outgoing, taker.incoming), (100, 0, 70));
    assert_eq!((taker.available(), taker.expected()), (100, 170));
    assert_eq!(placed.balance_of(account(1)), Some(giver));
    assert_eq!(placed.balance_of(account(2)), Some(taker));
    let lines = books.statement(account(1), None, 10).await.unwrap();
    assert_eq!(lines.len(), 1);
    for greedy in [pay(2, 1, 2, 31), hold(2, 1, 2, 31)] {
        assert_eq!(
            refused(books, greedy).await,
            PostError::InsufficientFunds {
                account: account(1),
                available: 30,
                needed: 31
            }
        );
    }
    post(books, pay(3, 1, 2, 30)).await.unwrap();
    assert_eq!(balance(books, 1).await.available(), 0);
    assert_clean(books).await;
}

/// Nor is what a hold announces spent before it comes.
pub async fn what_a_hold_announces_cannot_be_spent(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2], 0).await;

    post(books, hold(1, BANK, 1, 70)).await.unwrap();

    let error = refused(books, pay(2, 1, 2, 1)).await;
    assert_eq!(error.kind(), "insufficient_funds");
    assert_eq!(balance(books, 1).await.expected(), 70);
    assert_clean(books).await;
}

/// The whole of it: what was reserved is gone, the money has moved, once.
pub async fn a_posted_hold_moves_what_was_held(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2], 100).await;
    let order = hold(1, 1, 2, 70).with_reference("order 7");
    post(books, order).await.unwrap();

    let posted = post(books, resolve(2).posting(id(1))).await.unwrap();

    for (n, money) in [(1, 30), (2, 170)] {
        let now = balance(books, n).await;
        assert_eq!((now.posted, now.incoming, now.outgoing), (money, 0, 0));
        assert_eq!(posted.balance_of(account(n)), Some(now));
    }
    let line = &books.statement(account(1), None, 1).await.unwrap()[0];
    assert_eq!((line.transfer, line.amount, line.balance), (id(2), -70, 30));
    assert_eq!(
        line.reference, "order 7",
        "the hold's, unless it has its own"
    );
    assert_clean(books).await;
}

/// The rest is free again, and cannot be posted later.
pub async fn a_hold_may_be_posted_in_part_and_the_rest_is_released(
    subject: &dyn Subject,
    _: &HandClock,
) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2], 100).await;
    post(books, hold(1, 1, 2, 70)).await.unwrap();

    post(books, pay(2, 1, 2, 25).posting(id(1))).await.unwrap();

    let giver = balance(books, 1).await;
    assert_eq!((giver.posted, giver.available()), (75, 75));
    assert_eq!(balance(books, 2).await.expected(), 125);
    let late = refused(books, pay(3, 1, 2, 1).posting(id(1))).await;
    assert_eq!(late, PostError::HoldAlreadyPosted { hold: id(1) });
    assert_clean(books).await;
}

/// By one unit, on another account, on the other side, or out of balance: the
/// hold stays as it is.
pub async fn more_than_is_held_is_never_posted(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2, 3], 100).await;
    post(books, hold(1, 1, 2, 70)).await.unwrap();
    let exceeds = |n, held, amount| PostError::ExceedsHold {
        account: account(n),
        held,
        amount,
    };

    let wrong = [
        (pay(2, 1, 2, 71), exceeds(1, 70, 71)),
        (pay(2, 1, 3, 5), exceeds(3, 0, 5)),
        (pay(2, 2, 1, 5), exceeds(2, 0, 5)),
        (
            resolve(2)
                .debit(account(1), &rub(), 5)
                .credit(account(2), &rub(), 4),
            PostError::Unbalanced {
                asset: rub(),
                debits: 5,
                credits: 4,
            },
        ),
    ];
    for (transfer, expected) in wrong {
        assert_eq!(refused(books, transfer.posting(id(1))).await, expected);
    }

    assert_eq!(balance(books, 1).await.outgoing, 70);
    assert_eq!(held(books, 1).await, 100);
    post(books, pay(2, 1, 2, 70).posting(id(1))).await.unwrap();
    assert_clean(books).await;
}

/// Every leg in every asset, in one piece; a part names the legs of its own.
pub async fn a_hold_of_many_legs_is_resolved_as_a_unit(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2, 3], 100).await;
    let usd = Asset::new("USD").unwrap();
    for (n, side) in [(11, Side::Debit), (12, Side::Credit)] {
        let new = NewAccount::new(account(n), usd.clone(), side, "desk");
        books.open_account(&new).await.unwrap();
    }
    let exchange = |transfer| {
        Transfer::new(id(transfer), "exchange")
            .debit(account(1), &rub(), 40)
            .credit(account(2), &rub(), 30)
            .credit(account(3), &rub(), 10)
            .debit(account(11), &usd, 4)
            .credit(account(12), &usd, 4)
            .pending(None)
    };
    post(books, exchange(1)).await.unwrap();
    post(books, exchange(2)).await.unwrap();
    assert_eq!(balance(books, 1).await.available(), 20);
    assert_eq!(balance(books, 11).await.incoming, 8);

    // The fee is not taken, so the other rouble leg goes down with it.
    let part = resolve(3)
        .debit(account(1), &rub(), 30)
        .credit(account(2), &rub(), 30)
        .posting(id(1));
    let posted = post(books, part).await.unwrap();
    post(books, resolve(4).posting(id(2))).await.unwrap();

    assert_eq!(posted.balances.len(), 5, "every account of the hold");
    let order: Vec<_> = posted.balances.iter().map(|(id, _)| *id).collect();
    assert_eq!(order, [1, 2, 3, 11, 12].map(account));
    for (n, expected) in [(1, 30), (2, 160), (3, 110), (11, 4), (12, 4)] {
        let now = balance(books, n).await;
        assert_eq!((now.posted, now.incoming, now.outgoing), (expected, 0, 0));
    }
    assert_clean(books).await;
}

/// All that was reserved is free again; nothing moved.
pub async fn a_voided_hold_releases_everything(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2], 100).await;
    post(books, hold(1, 1, 2, 70)).await.unwrap();

    let voided = post(books, resolve(2).voiding(id(1))).await.unwrap();

    for n in [1, 2] {
        let now = balance(books, n).await;
        assert_eq!((now.posted, now.incoming, now.outgoing), (100, 0, 0));
        assert_eq!((now.version, voided.balance_of(account(n))), (1, Some(now)));
    }
    post(books, pay(3, 1, 2, 100)).await.unwrap();
    assert_clean(books).await;
}

/// Room and money that were promised to a hold are there when it is posted,
/// down to the floor, up to the ceiling, and up to the last unit of a counter.
pub async fn a_hold_is_never_refused_for_a_limit_that_it_was_promised(
    subject: &dyn Subject,
    _: &HandClock,
) {
    let books = subject.books();
    let books = books.as_ref();
    open_bank(books).await;
    for n in [1, 2] {
        let new = user(n).with_ceiling(100);
        books.open_account(&new).await.unwrap();
    }
    post(books, top_up(90, 1, 100)).await.unwrap();
    post(books, top_up(91, 2, 40)).await.unwrap();
    post(books, hold(1, 1, 2, 60)).await.unwrap();

    let full = PostError::LimitExceeded {
        account: account(2),
        room: 0,
        amount: 1,
    };
    assert_eq!(refused(books, top_up(2, 2, 1)).await, full);
    assert_eq!(refused(books, hold(2, BANK, 2, 1)).await, full);
    post(books, pay(3, 1, BANK, 40)).await.unwrap();
    // What leaves the taker does not make room for more than it had.
    post(books, pay(4, 2, BANK, 40)).await.unwrap();
    post(books, top_up(5, 2, 40)).await.unwrap();
    post(books, resolve(6).posting(id(1))).await.unwrap();

    assert_eq!(held(books, 1).await, 0);
    assert_eq!(held(books, 2).await, 100);
    assert_clean(books).await;
}

/// The counters are as wide as what is posted and what is held together.
pub async fn a_hold_keeps_its_place_in_the_counters(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1], 0).await;
    post(books, hold(1, BANK, 1, i64::MAX - 5)).await.unwrap();

    for (transfer, fits) in [(top_up(2, 1, 6), false), (top_up(3, 1, 5), true)] {
        let outcome = post(books, transfer).await;
        assert_eq!(outcome.is_ok(), fits, "{outcome:?}");
    }
    let error = refused(books, hold(4, BANK, 1, 1)).await;
    assert_eq!(error.kind(), "amount_overflow");

    post(books, resolve(5).posting(id(1))).await.unwrap();
    assert_eq!(held(books, 1).await, i64::MAX);
    assert_clean(books).await;
}
