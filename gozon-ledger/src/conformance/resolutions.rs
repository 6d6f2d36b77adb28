//! Rules about resolving holds: once, in time, in batches, and repeated.

use std::collections::BTreeSet;

use time::{Duration, OffsetDateTime};

use super::kit::{assert_clean, balance, held, id, open_users, pay, post, version};
use super::{HandClock, Subject};
use crate::{Books, PostError, Transfer};

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
