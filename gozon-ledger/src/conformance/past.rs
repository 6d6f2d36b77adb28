//! Rules about the past.

use time::{Duration, OffsetDateTime};

use super::kit::{
    BANK, account, assert_clean, held, open_bank, open_users, pay, post, top_up, user,
};
use super::{HandClock, Subject, hand_clock};
use crate::{AsOf, Books, Entry, PastBalance};

async fn at(books: &dyn Books, n: u128, as_of: AsOf) -> Option<PastBalance> {
    books.balance_at(account(n), as_of).await.unwrap()
}

/// All entries, oldest first.
async fn history(books: &dyn Books, n: u128) -> Vec<Entry> {
    let mut lines = books.statement(account(n), None, 1_000).await.unwrap();
    lines.reverse();
    lines
}

/// From the opening to now; there is nothing before and nothing after.
pub async fn a_balance_as_of_a_version_is_what_was_answered_then(
    subject: &dyn Subject,
    _: &HandClock,
) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2], 100).await;
    let mut answered = Vec::new();
    for n in 1..=9 {
        let posted = post(books, pay(n, 1, 2, i64::try_from(n).unwrap()))
            .await
            .unwrap();
        answered.push((posted.balance_of(account(1)).unwrap(), posted.recorded_at));
    }

    for (balance, recorded_at) in answered {
        let past = at(books, 1, AsOf::Version(balance.version)).await.unwrap();
        assert_eq!(
            (past.posted, past.version),
            (balance.posted, balance.version)
        );
        assert_eq!(past.recorded_at, recorded_at);
    }
    let opened = at(books, 1, AsOf::Version(0)).await.unwrap();
    assert_eq!((opened.posted, opened.version), (0, 0));
    for none in [-1, 11, i64::MAX, i64::MIN] {
        assert_eq!(at(books, 1, AsOf::Version(none)).await, None, "{none}");
    }
    assert_eq!(at(books, 77, AsOf::Version(0)).await, None);
}

/// At the very time of an entry it is in, a microsecond before it is not; for
/// histories of every length around the powers of two.
pub async fn a_balance_as_of_a_time_is_that_of_one_version(
    subject: &dyn Subject,
    clock: &HandClock,
) {
    let books = subject.books();
    let books = books.as_ref();
    open_bank(books).await;
    let microsecond = Duration::MICROSECOND;

    for n in 1..=9_u128 {
        books.open_account(&user(n)).await.unwrap();
        let opened = at(books, n, AsOf::Version(0)).await.unwrap().recorded_at;
        for k in 1..n {
            // In one call, in the same second, and apart.
            clock.turn(i64::try_from(k % 3).unwrap());
            post(books, top_up(n * 100 + k, n, 10)).await.unwrap();
        }

        assert_eq!(at(books, n, AsOf::Time(opened - microsecond)).await, None);
        let mut last = at(books, n, AsOf::Time(opened)).await.unwrap();
        assert_eq!((last.posted, last.version), (0, 0));
        for line in history(books, n).await {
            let before = at(books, n, AsOf::Time(line.recorded_at - microsecond)).await;
            let then = at(books, n, AsOf::Time(line.recorded_at)).await.unwrap();
            assert_eq!(before, Some(last), "account {n}");
            assert_eq!((then.posted, then.version), (line.balance, line.version));
            assert_eq!(Some(then), at(books, n, AsOf::Version(line.version)).await);
            last = then;
        }
        let later = at(
            books,
            n,
            AsOf::Time(last.recorded_at + Duration::days(9_999)),
        )
        .await;
        assert_eq!(later, Some(last));
        assert_eq!(last.posted, held(books, n).await);
    }
    assert_eq!(
        at(books, 77, AsOf::Time(OffsetDateTime::UNIX_EPOCH)).await,
        None
    );
}

/// Three machines post on the same accounts: one's clock is an hour behind, one
/// jumps about. The order of times stays the order of versions, on every
/// account, and both ways to ask for the past have one answer.
pub async fn clocks_that_disagree_do_not_make_time_contradict_versions(
    subject: &dyn Subject,
    clock: &HandClock,
) {
    let ours = subject.books();
    open_users(ours.as_ref(), &[1, 2, 3], 1_000).await;
    let ((behind, hand), (jumping, jump)) = (hand_clock(), hand_clock());
    hand.turn(-3_600);
    let machines = [
        ours.clone(),
        subject.instance(behind),
        subject.instance(jumping),
    ];

    for round in 0..24_u128 {
        clock.turn(1);
        hand.turn(1);
        jump.turn([7_200, -9_000, 0, 60][usize::try_from(round % 4).unwrap()]);
        for (machine, books) in (0_u128..).zip(&machines) {
            let number = round * 10 + machine;
            let (from, to) = (number % 3 + 1, (number + 1) % 3 + 1);
            post(books.as_ref(), pay(number, from, to, 1))
                .await
                .unwrap();
        }
        books_open_late(&machines[usize::try_from(round % 3).unwrap()], round).await;
    }

    let books = ours.as_ref();
    for n in [1, 2, 3, BANK] {
        let lines = history(books, n).await;
        assert!(
            lines.is_sorted_by(|a, b| a.recorded_at < b.recorded_at),
            "account {n}"
        );
        for line in lines {
            let by_time = at(books, n, AsOf::Time(line.recorded_at)).await;
            let by_version = at(books, n, AsOf::Version(line.version)).await;
            assert_eq!(by_time, by_version, "account {n}");
            assert_eq!(by_time.unwrap().posted, line.balance);
        }
    }
    assert_clean(books).await;
}

/// An account that one machine opens is used by another whose clock is behind.
async fn books_open_late(books: &std::sync::Arc<dyn Books>, round: u128) {
    books.open_account(&user(100 + round)).await.unwrap();
    post(books.as_ref(), top_up(9_000 + round, 100 + round, 1))
        .await
        .unwrap();
    let opened = at(books.as_ref(), 100 + round, AsOf::Version(0))
        .await
        .unwrap();
    let first = at(books.as_ref(), 100 + round, AsOf::Version(1))
        .await
        .unwrap();
    assert!(first.recorded_at > opened.recorded_at);
}

/// The beginning is in, the end is not; in pages like any statement.
pub async fn a_statement_between_two_times_has_what_was_recorded_in_between(
    subject: &dyn Subject,
    clock: &HandClock,
) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1], 0).await;
    for n in 1..=9 {
        clock.turn(10);
        post(books, top_up(n, 1, 1)).await.unwrap();
    }
    let times: Vec<_> = history(books, 1)
        .await
        .iter()
        .map(|one| one.recorded_at)
        .collect();
    let versions = |lines: Vec<Entry>| lines.iter().map(|one| one.version).collect::<Vec<_>>();
    let between = async |from, until, cursor, limit| {
        let recorded = from..until;
        let lines = books.statement_between(account(1), recorded, cursor, limit);
        versions(lines.await.unwrap())
    };

    let (third, seventh) = (times[2], times[6]);
    assert_eq!(between(third, seventh, None, 99).await, [6, 5, 4, 3]);
    assert_eq!(between(third, seventh, None, 3).await, [6, 5, 4]);
    assert_eq!(between(third, seventh, Some(4), 3).await, [3]);
    assert_eq!(between(third, seventh, Some(3), 3).await, [0_i64; 0]);
    assert_eq!(between(seventh, third, None, 99).await, [0_i64; 0]);
    let second = Duration::SECOND;
    let all = between(times[0] - second, times[8] + second, None, 99).await;
    assert_eq!(all, [9, 8, 7, 6, 5, 4, 3, 2, 1]);
    let early = OffsetDateTime::UNIX_EPOCH;
    assert_eq!(between(early, early + second, None, 99).await, [0_i64; 0]);
    let none = books
        .statement_between(account(77), third..seventh, None, 9)
        .await;
    assert!(none.unwrap().is_empty());
}
