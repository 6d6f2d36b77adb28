//! Rules about holds: placing, posting, voiding, expiring.

use std::collections::BTreeSet;

use time::{Duration, OffsetDateTime};

use super::kit::{
    BANK, account, assert_clean, balance, held, id, open_bank, open_users, pay, post, rub, top_up,
    user, version,
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

fn now(clock: &HandClock) -> OffsetDateTime {
    gozon_core::Clock::now(clock)
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

/// Whichever came first stays; each further one learns which that was.
pub async fn a_hold_is_resolved_at_most_once(subject: &dyn Subject, clock: &HandClock) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2], 1_000).await;
    let soon = Some(now(clock) + Duration::seconds(60));
    for n in 1..=3 {
        post(books, pay(n, 1, 2, 70).pending(soon)).await.unwrap();
    }
    post(books, resolve(11).posting(id(1))).await.unwrap();
    post(books, resolve(12).voiding(id(2))).await.unwrap();
    clock.turn(60);
    post(books, resolve(13).expiring(id(3))).await.unwrap();

    let outcomes = [
        (1, PostError::HoldAlreadyPosted { hold: id(1) }),
        (2, PostError::HoldAlreadyVoided { hold: id(2) }),
        (3, PostError::HoldExpired { hold: id(3) }),
    ];
    for (n, expected) in outcomes {
        for again in [
            resolve(20).posting(id(n)),
            resolve(20).voiding(id(n)),
            resolve(20).expiring(id(n)),
        ] {
            assert_eq!(refused(books, again).await, expected);
        }
    }
    assert_eq!(held(books, 1).await, 930);
    assert_eq!(balance(books, 1).await.available(), 930);
    assert_clean(books).await;
}

/// A resolution that came twice, also long afterwards, answers as it did; a
/// hold too. What differs is a conflict that names the difference.
pub async fn holds_and_resolutions_are_replayed_like_every_transfer(
    subject: &dyn Subject,
    clock: &HandClock,
) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2], 1_000).await;
    let end = now(clock) + Duration::seconds(60);
    let asked = [
        pay(1, 1, 2, 70).pending(Some(end)),
        pay(2, 1, 2, 50).pending(Some(end)),
        pay(3, 1, 2, 30).pending(Some(end)),
        pay(4, 1, 2, 20),
        pay(11, 1, 2, 60).posting(id(1)),
        resolve(12).voiding(id(2)),
    ];
    let mut first = Vec::new();
    for one in &asked {
        first.push(post(books, one.clone()).await.unwrap());
    }
    clock.turn(60);
    let expiry = resolve(13).expiring(id(3));
    first.push(post(books, expiry.clone()).await.unwrap());
    post(books, pay(5, 1, 2, 800)).await.unwrap();

    for (one, before) in asked.iter().chain([&expiry]).zip(&first) {
        let again = post(books, one.clone()).await.unwrap();
        assert!(again.replayed, "{one:?}");
        assert_eq!(again.balances, before.balances, "{one:?}");
        assert_eq!(again.recorded_at, before.recorded_at);
    }
    let others = [
        (1, "kind", pay(1, 1, 2, 70)),
        (1, "expiry", pay(1, 1, 2, 70).pending(None)),
        (1, "legs", pay(1, 1, 2, 71).pending(Some(end))),
        (11, "legs", resolve(11).posting(id(1))),
        (11, "hold", pay(11, 1, 2, 60).posting(id(2))),
        (11, "kind", pay(11, 1, 2, 60)),
        (12, "kind", resolve(12).posting(id(2))),
        (12, "hold", resolve(12).voiding(id(99))),
    ];
    for (n, differs, other) in others {
        let other = Transfer {
            code: asked
                .iter()
                .find(|one| one.id == id(n))
                .unwrap()
                .code
                .clone(),
            ..other
        };
        let transfer = id(n);
        let conflict = PostError::IdConflict { transfer, differs };
        assert_eq!(refused(books, other).await, conflict);
    }
    assert_clean(books).await;
}

/// At its end it is over: not posted, not voided, and free again only when it
/// expires, which it cannot do before.
pub async fn an_expired_hold_is_never_posted(subject: &dyn Subject, clock: &HandClock) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2], 100).await;
    let soon = Some(now(clock) + Duration::seconds(60));
    post(books, pay(1, 1, 2, 70).pending(soon)).await.unwrap();
    let early = refused(books, resolve(2).expiring(id(1))).await;
    assert_eq!(early, PostError::HoldNotExpired { hold: id(1) });

    clock.turn(60);

    for late in [resolve(2).posting(id(1)), resolve(2).voiding(id(1))] {
        let expected = PostError::HoldExpired { hold: id(1) };
        assert_eq!(refused(books, late).await, expected);
    }
    assert_eq!(balance(books, 1).await.outgoing, 70);
    post(books, resolve(3).expiring(id(1))).await.unwrap();
    assert_eq!(balance(books, 1).await.available(), 100);
    let late = refused(books, pay(4, 1, 2, 1).pending(soon)).await;
    assert_eq!(late, PostError::HoldExpired { hold: id(4) });
    assert_clean(books).await;
}

/// Only what is due, the oldest first, no more than asked for, each once.
pub async fn the_sweeper_returns_what_is_due_and_nothing_else(
    subject: &dyn Subject,
    clock: &HandClock,
) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2], 1_000).await;
    let at = |seconds| Some(now(clock) + Duration::seconds(seconds));
    let ends = [at(30), at(10), at(20), at(40), None, at(15)];
    for (n, end) in (1..).zip(ends) {
        let held = pay(n, 1, 2, 100).pending(end).with_reference("order");
        post(books, held).await.unwrap();
    }
    post(books, resolve(16).voiding(id(6))).await.unwrap();
    assert_eq!(books.expire_due(10).await.unwrap(), 0);

    clock.turn(30);
    assert_eq!(books.expire_due(2).await.unwrap(), 2);
    let open = balance(books, 1).await.outgoing;
    assert_eq!(open, 300, "the two that ended first are free");
    let left = refused(books, resolve(17).expiring(id(2))).await;
    assert_eq!(left, PostError::HoldExpired { hold: id(2) });
    assert_eq!(books.expire_due(10).await.unwrap(), 1);
    assert_eq!(books.expire_due(10).await.unwrap(), 0);

    assert_eq!(balance(books, 1).await.outgoing, 200);
    let again = resolve(0).expiring(id(2)).with_reference("order");
    let again = Transfer {
        id: id(2).of_expiry(),
        code: "expire".to_owned(),
        ..again
    };
    assert!(post(books, again).await.unwrap().replayed);
    post(books, resolve(18).posting(id(4))).await.unwrap();
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

/// What is not a hold cannot be resolved, and what releases has no legs.
pub async fn only_a_hold_can_be_resolved(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2], 100).await;
    post(books, pay(1, 1, 2, 10)).await.unwrap();
    post(books, hold(2, 1, 2, 10)).await.unwrap();
    post(books, resolve(3).voiding(id(2))).await.unwrap();

    for hold in [id(1), id(3), id(77), id(9)] {
        for wrong in [
            resolve(9).posting(hold),
            resolve(9).voiding(hold),
            resolve(9).expiring(hold),
        ] {
            let expected = PostError::HoldNotFound { hold };
            assert_eq!(refused(books, wrong).await, expected);
        }
    }
    let wrong = refused(books, pay(9, 1, 2, 10).voiding(id(2))).await;
    assert_eq!(wrong, PostError::UnexpectedLegs { legs: 2 });
    assert_clean(books).await;
}

/// Each sees what the ones before it left, whatever it is; a refused one leaves
/// the hold for the next.
pub async fn one_batch_may_hold_and_post_and_take_back(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2], 100).await;
    post(books, hold(1, 1, 2, 50)).await.unwrap();

    let outcomes = books
        .post(&[
            resolve(10).posting(id(2)),
            hold(2, 1, 2, 50),
            pay(11, 1, 2, 1),
            pay(12, 1, 2, 51).posting(id(2)),
            pay(13, 1, 2, 20).posting(id(2)),
            pay(11, 1, 2, 1),
            resolve(14).voiding(id(1)),
            resolve(15).posting(id(1)),
            resolve(16).reversing(id(13)),
            hold(3, 1, 2, 5),
            resolve(16).reversing(id(13)),
            hold(2, 1, 2, 50),
        ])
        .await
        .unwrap();

    let told: Vec<_> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Ok(posted) if posted.replayed => "replayed",
            Ok(_) => "posted",
            Err(refused) => refused.kind(),
        })
        .collect();
    assert_eq!(
        told,
        [
            "hold_not_found",
            "posted",
            "insufficient_funds",
            "exceeds_hold",
            "posted",
            "posted",
            "posted",
            "hold_already_voided",
            "posted",
            "posted",
            "replayed",
            "replayed",
        ]
    );
    let giver = balance(books, 1).await;
    assert_eq!((giver.posted, giver.outgoing), (99, 5));
    assert_eq!(version(books, 1).await, 4);
    assert_clean(books).await;
}

/// Placing and resolving, too, are later than whatever the account saw before;
/// and it is that time by which a hold expires.
pub async fn time_rises_through_holds_even_if_the_clock_goes_back(
    subject: &dyn Subject,
    clock: &HandClock,
) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2], 100).await;
    let noon = now(clock);
    let ends = |seconds| Some(noon + Duration::seconds(seconds));
    let mut told = Vec::new();

    for (turn, transfer) in [
        (0, hold(1, 1, 2, 5)),
        (-3_600, pay(2, 1, 2, 1)),
        (-10, hold(3, 2, 1, 5)),
        (0, resolve(4).posting(id(1))),
        (0, resolve(5).voiding(id(3))),
        (8_000, pay(6, 1, 2, 5).pending(ends(9_000))),
        (-9_000, pay(7, 2, 1, 1)),
    ] {
        clock.turn(turn);
        told.push(post(books, transfer).await.unwrap().recorded_at);
    }

    assert!(told.windows(2).all(|two| two[0] < two[1]), "{told:?}");
    // The accounts have seen a time at which this one would be over already.
    let late = refused(books, pay(8, 1, 2, 1).pending(ends(4_000))).await;
    assert_eq!(late, PostError::HoldExpired { hold: id(8) });
    assert_clean(books).await;
}

/// Of the many that want to resolve it at once, one does.
pub async fn of_many_resolutions_at_once_one_wins(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    open_users(books.as_ref(), &[1, 2, 3], 1_000).await;
    for n in 1..=4 {
        post(books.as_ref(), hold(n, 1, 2, 100)).await.unwrap();
    }
    let batches = (0..32_u128).map(|task| {
        let resolution = |hold: u128| {
            let own = resolve(100 + task * 10 + hold);
            if task % 3 == 0 {
                own.voiding(id(hold))
            } else {
                own.posting(id(hold))
            }
        };
        let mut batch: Vec<_> = (1..=4).map(resolution).collect();
        if task % 2 == 0 {
            batch.reverse();
        }
        batch.push(pay(1_000 + task, 3, 1, 1));
        batch
    });

    let all = super::concurrency::all_at_once(&books, batches.collect()).await;

    assert_eq!(super::concurrency::posted(&all), 4 + 32);
    let refused = all.iter().flatten().filter_map(|one| one.as_ref().err());
    let kinds: BTreeSet<_> = refused.map(PostError::kind).collect();
    let expected = ["hold_already_posted", "hold_already_voided"];
    assert!(
        kinds.iter().all(|kind| expected.contains(kind)),
        "{kinds:?}"
    );
    let books = books.as_ref();
    let (giver, taker) = (balance(books, 1).await, balance(books, 2).await);
    assert_eq!((giver.outgoing, taker.incoming), (0, 0));
    assert_eq!(giver.posted + taker.posted, 2_000 + 32);
    assert_clean(books).await;
}
