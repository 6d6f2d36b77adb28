//! Rules about single transfers and batches.

use super::kit::{
    BANK, account, assert_clean, held, id, open_users, pay, post, rub, top_up, user, version,
};
use super::{HandClock, Subject};
use crate::{Asset, Balance, LedgerError, Limits, NewAccount, PostError, Side, Transfer};

/// Both accounts change together, and the answer says what they then hold.
pub async fn a_transfer_moves_every_leg_and_answers_with_the_balances(
    subject: &dyn Subject,
    _: &HandClock,
) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2], 100).await;

    let posted = post(books, pay(1, 1, 2, 30)).await.unwrap();

    assert!(!posted.replayed);
    let expected = [(1, 70, 2), (2, 130, 2)].map(|(n, posted, version)| {
        let balance = Balance {
            posted,
            version,
            incoming: 0,
            outgoing: 0,
        };
        (account(n), balance)
    });
    assert_eq!(posted.balances, expected);
    assert_eq!(held(books, 1).await, 70);
    assert_eq!(held(books, 2).await, 130);
    assert_eq!(held(books, BANK).await, 200);
    assert_clean(books).await;
}

/// Each asset balances by itself; a missing minor unit refuses all of it.
pub async fn a_transfer_may_have_many_legs_in_several_assets(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2, 3], 100).await;
    let usd = Asset::new("USD").unwrap();
    for (n, side) in [(11, Side::Debit), (12, Side::Credit)] {
        let new = NewAccount::new(account(n), usd.clone(), side, "desk");
        books.open_account(&new).await.unwrap();
    }
    let exchange = |fee| {
        Transfer::new(id(1), "exchange")
            .debit(account(1), &rub(), 90)
            .credit(account(2), &rub(), 80)
            .credit(account(3), &rub(), fee)
            .debit(account(11), &usd, 1)
            .credit(account(12), &usd, 1)
    };

    let refused = post(books, exchange(9)).await;
    assert_eq!(
        refused,
        Err(PostError::Unbalanced {
            asset: rub(),
            debits: 90,
            credits: 89
        })
    );
    assert_eq!(held(books, 12).await, 0);

    let posted = post(books, exchange(10)).await.unwrap();
    assert_eq!(posted.balances.len(), 5);
    for (n, expected) in [(1, 10), (2, 180), (3, 110), (11, 1), (12, 1)] {
        assert_eq!(held(books, n).await, expected, "account {n}");
    }
    assert_clean(books).await;
}

/// Whatever happened to the accounts since. The order of legs has no meaning.
pub async fn a_repeated_transfer_moves_nothing_and_answers_with_its_first_balances(
    subject: &dyn Subject,
    _: &HandClock,
) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2], 100).await;
    let first = post(books, pay(1, 1, 2, 30)).await.unwrap();
    post(books, pay(2, 1, 2, 5)).await.unwrap();

    let again = post(books, pay(1, 1, 2, 30)).await.unwrap();
    let mut turned = pay(1, 1, 2, 30);
    turned.legs.reverse();
    let turned = post(books, turned).await.unwrap();

    assert!(again.replayed && turned.replayed);
    assert_eq!(again.balances, first.balances);
    assert_eq!(again.recorded_at, first.recorded_at);
    assert_eq!(turned.balance_of(account(1)), first.balance_of(account(1)));
    assert_eq!(turned.balances[0].0, account(2), "in the order of the legs");
    assert_eq!(held(books, 1).await, 65);
    assert_eq!(version(books, 1).await, 3);
    assert_clean(books).await;
}

/// A retry after the money is gone is still a retry.
pub async fn a_repeat_is_recognised_even_if_it_could_not_be_posted_now(
    subject: &dyn Subject,
    _: &HandClock,
) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2], 100).await;
    post(books, pay(1, 1, 2, 100)).await.unwrap();

    let again = post(books, pay(1, 1, 2, 100)).await.unwrap();

    assert!(again.replayed);
    assert_eq!(again.balances[0].1.posted, 0);
}

/// The conflict names what differs, comes before any other refusal, and moves
/// nothing.
pub async fn another_transfer_under_a_used_id_is_a_conflict(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2, 3], 100).await;
    post(books, pay(1, 1, 2, 30)).await.unwrap();
    let original = || pay(1, 1, 2, 30);
    let others = [
        ("legs", pay(1, 1, 2, 31)),
        ("legs", pay(1, 1, 3, 30)),
        ("legs", pay(1, 2, 1, 30)),
        ("legs", pay(1, 99, 98, -1)),
        ("legs", Transfer::new(id(1), "payment")),
        ("reference", original().with_reference("other")),
        ("metadata", original().with_metadata("{}")),
        (
            "code",
            Transfer {
                code: "topup".to_owned(),
                ..original()
            },
        ),
    ];

    for (differs, other) in others {
        let transfer = other.id;
        let refused = post(books, other).await;
        assert_eq!(refused, Err(PostError::IdConflict { transfer, differs }));
    }
    assert_eq!(held(books, 1).await, 70);
    assert!(post(books, original()).await.unwrap().replayed);
    assert_clean(books).await;
}

/// The second of two equal ones is a replay, an unequal one a conflict, and a
/// refused one leaves the id free for the next.
pub async fn a_repeat_within_one_batch_moves_once(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2], 100).await;

    let outcomes = books
        .post(&[
            pay(1, 1, 2, 30),
            pay(1, 1, 2, 30),
            pay(1, 1, 2, 31),
            pay(2, 1, 2, 1_000),
            top_up(3, 1, 1_000),
            pay(2, 1, 2, 1_000),
        ])
        .await
        .unwrap();

    let first = outcomes[0].clone().unwrap();
    let second = outcomes[1].clone().unwrap();
    assert!(!first.replayed && second.replayed);
    assert_eq!(second.balances, first.balances);
    assert_eq!(outcomes[2].clone().unwrap_err().kind(), "id_conflict");
    assert_eq!(
        outcomes[3].clone().unwrap_err().kind(),
        "insufficient_funds"
    );
    assert!(outcomes[4].is_ok());
    assert!(!outcomes[5].clone().unwrap().replayed);
    assert_eq!(held(books, 1).await, 70);
    assert_clean(books).await;
}

/// A refused transfer leaves no entry, no version, no balance, nothing.
pub async fn a_refusal_changes_nothing_and_its_neighbours_are_posted(
    subject: &dyn Subject,
    _: &HandClock,
) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2, 3], 100).await;
    let refused = Transfer::new(id(2), "split")
        .credit(account(2), &rub(), 500)
        .debit(account(3), &rub(), 50)
        .debit(account(1), &rub(), 450);

    let outcomes = books
        .post(&[pay(1, 1, 2, 10), refused, pay(3, 3, 2, 20)])
        .await
        .unwrap();

    assert!(outcomes[0].is_ok() && outcomes[2].is_ok(), "{outcomes:?}");
    assert_eq!(
        outcomes[1].clone().unwrap_err().kind(),
        "insufficient_funds"
    );
    for (n, money, entries) in [(1, 90, 2), (2, 130, 3), (3, 80, 2)] {
        assert_eq!(held(books, n).await, money, "account {n}");
        assert_eq!(version(books, n).await, entries, "account {n}");
        let lines = books.statement(account(n), None, 10).await.unwrap();
        assert_eq!(i64::try_from(lines.len()).unwrap(), entries);
        assert!(lines.iter().all(|line| line.transfer != id(2)));
    }
    assert_clean(books).await;
}

/// Refusals are not remembered.
pub async fn a_refused_transfer_may_succeed_later(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2], 10).await;
    assert!(post(books, pay(1, 1, 2, 30)).await.is_err());
    post(books, top_up(2, 1, 20)).await.unwrap();

    let posted = post(books, pay(1, 1, 2, 30)).await.unwrap();

    assert!(!posted.replayed);
    assert_eq!(held(books, 1).await, 0);
}

/// Ten times the same money, passed on from hand to hand in one batch.
pub async fn each_transfer_of_a_batch_sees_what_the_ones_before_left(
    subject: &dyn Subject,
    _: &HandClock,
) {
    let books = subject.books();
    let books = books.as_ref();
    let users: Vec<u128> = (1..=10).collect();
    open_users(books, &users, 0).await;
    let mut batch = vec![top_up(100, 1, 70)];
    batch.extend((1..10).map(|n| pay(n, n, n + 1, 70)));
    batch.push(pay(200, 1, 2, 1));

    let outcomes = books.post(&batch).await.unwrap();

    assert!(outcomes[..10].iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(
        outcomes[10].clone().unwrap_err().kind(),
        "insufficient_funds"
    );
    assert_eq!(held(books, 10).await, 70);
    assert_clean(books).await;
}

/// Each refusal by its own name.
pub async fn what_cannot_be_a_transfer_is_refused_by_name(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2], 100).await;
    let usd = Asset::new("USD").unwrap();
    let legs = |n| {
        let start = Transfer::new(id(1), "wide").debit(account(1), &rub(), n);
        (0..n).fold(start, |all, i| {
            all.credit(account(u128::try_from(i).unwrap() + 1_000), &rub(), 1)
        })
    };
    let wrong = [
        ("non_positive_amount", pay(1, 1, 2, 0)),
        ("non_positive_amount", pay(1, 1, 2, -5)),
        ("non_positive_amount", pay(1, 1, 2, i64::MIN)),
        ("same_account", pay(1, 1, 1, 5)),
        ("leg_count", Transfer::new(id(1), "none")),
        (
            "leg_count",
            Transfer::new(id(1), "one").debit(account(1), &rub(), 5),
        ),
        ("leg_count", legs(100)),
        ("account_not_found", pay(1, 1, 77, 5)),
        ("account_not_found", pay(1, 77, 1, 5)),
        (
            "asset_mismatch",
            Transfer::new(id(1), "usd")
                .debit(account(1), &usd, 5)
                .credit(account(2), &usd, 5),
        ),
        (
            "unbalanced",
            Transfer::new(id(1), "mixed")
                .debit(account(1), &rub(), 5)
                .credit(account(2), &usd, 5),
        ),
        (
            "unbalanced",
            Transfer::new(id(1), "wide")
                .debit(account(1), &rub(), i64::MAX)
                .debit(account(BANK), &rub(), i64::MAX)
                .credit(account(2), &rub(), 5),
        ),
        (
            "invalid_text",
            Transfer {
                code: String::new(),
                ..pay(1, 1, 2, 5)
            },
        ),
        ("invalid_text", pay(1, 1, 2, 5).with_reference("a\0b")),
        (
            "invalid_text",
            pay(1, 1, 2, 5).with_reference("x".repeat(Limits::REFERENCE_BYTES + 1)),
        ),
        (
            "invalid_text",
            pay(1, 1, 2, 5).with_metadata("x".repeat(4_097)),
        ),
    ];

    for (kind, transfer) in wrong {
        let shown = format!("{transfer:?}");
        let refused = post(books, transfer).await.unwrap_err();
        assert_eq!(refused.kind(), kind, "{shown}");
    }
    assert_eq!(held(books, 1).await, 100);
    assert_eq!(version(books, 1).await, 1);
    assert!(post(books, pay(1, 1, 2, 5)).await.is_ok(), "the id is free");
}

/// Quotes, line breaks, any language, and the longest that is allowed; and the
/// hash of what comes back is the hash of what was sent.
pub async fn texts_come_back_byte_by_byte(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1], 0).await;
    books
        .open_account(&user(2).with_metadata(r#"{"a": "\"'"}"#))
        .await
        .unwrap();
    let odd = "заказ № 7 — \"x\" 'y' \\ \u{1F600} \t\r\n {a,b} \u{1}";
    let long = "я".repeat(2_048);
    let transfer = Transfer {
        code: "покупка".to_owned(),
        ..top_up(1, 1, 5).with_reference(odd).with_metadata(&long)
    };

    post(books, transfer.clone()).await.unwrap();
    let line = books
        .statement(account(1), None, 1)
        .await
        .unwrap()
        .remove(0);

    assert_eq!(line.code, transfer.code);
    assert_eq!(line.reference, odd);
    assert_eq!(line.metadata, long);
    assert!(post(books, transfer).await.unwrap().replayed);
    assert_clean(books).await;
}

/// Nothing of it is posted; an empty call does nothing.
pub async fn a_call_with_too_many_transfers_is_refused(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1], 0).await;
    let batch: Vec<_> = (0..1_001).map(|n| top_up(n, 1, 1)).collect();

    let refused = books.post(&batch).await;

    assert!(
        matches!(
            refused,
            Err(LedgerError::BatchTooLarge { limit: 1_000, .. })
        ),
        "{refused:?}"
    );
    assert_eq!(held(books, 1).await, 0);
    assert!(books.post(&[]).await.unwrap().is_empty());
}
