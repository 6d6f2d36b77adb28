//! Rules about what operators do to accounts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gozon_core::ErrorClass;
use tokio::task::JoinSet;

use super::kit::{
    BANK, account, assert_clean, held, open_bank, open_users, pay, post, top_up, user,
};
use super::{HandClock, Subject};
use crate::{
    AccountChange, Books, ChangeError, Changed, Frozen, LedgerError, Limits, PostError, Side,
    Status,
};

async fn change(
    books: &dyn Books,
    n: u128,
    change: &AccountChange,
) -> Result<Changed, ChangeError> {
    match books.change_account(account(n), change, "because").await {
        Ok(changed) => Ok(changed),
        Err(LedgerError::Change(refused)) => Err(refused),
        Err(other) => panic!("{other:?}"),
    }
}

/// And only them, until they are free again; the other side, the neighbours in
/// the batch and the other accounts go on.
pub async fn a_frozen_side_refuses_its_legs(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2], 100).await;
    let (freeze, unfreeze) = (AccountChange::Freeze, AccountChange::Unfreeze);
    let steps = [
        (freeze(Frozen::Debits), Status::DebitFrozen),
        (unfreeze(Frozen::Debits), Status::Open),
        (freeze(Frozen::Credits), Status::CreditFrozen),
        (freeze(Frozen::Debits), Status::Frozen),
        (unfreeze(Frozen::Credits), Status::DebitFrozen),
        (freeze(Frozen::Both), Status::Frozen),
        (unfreeze(Frozen::Both), Status::Open),
    ];

    for (number, (step, status)) in (1_u128..).zip(steps) {
        let changed = change(books, 1, &step).await.unwrap();
        assert!(changed.applied);
        assert_eq!(changed.account.status, status);
        let number = number * 10;
        let outcomes = books
            .post(&[
                pay(number, 1, 2, 1),
                pay(number + 1, 2, 1, 1),
                top_up(number + 2, 2, 1),
            ])
            .await
            .unwrap();

        for (outcome, side) in outcomes.iter().zip([Side::Debit, Side::Credit]) {
            let frozen = status.is_frozen_for(side);
            match outcome {
                Ok(_) => assert!(!frozen, "{step:?}: {side:?} was posted"),
                Err(refused) => {
                    let account = account(1);
                    assert_eq!(*refused, PostError::AccountFrozen { account, side });
                    assert_eq!(refused.class(), ErrorClass::Reject);
                    assert!(frozen, "{step:?}: {side:?} was refused");
                }
            }
        }
        assert!(outcomes[2].is_ok(), "{step:?}: {outcomes:?}");
    }
    let state = books.account(account(1)).await.unwrap().unwrap();
    assert_eq!(state.status, Status::Open);
    assert_eq!(
        state.balance,
        books.balance(account(1)).await.unwrap().unwrap()
    );
    assert_clean(books).await;
}

/// Except the question what became of an earlier transfer, and reading.
pub async fn a_closed_account_refuses_everything_but_repeats(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2], 100).await;
    let first = post(books, pay(1, 1, 2, 100)).await.unwrap();

    let closed = change(books, 1, &AccountChange::Close).await.unwrap();

    assert_eq!(closed.account.status, Status::Closed);
    for (number, from, to) in [(2, 1, 2), (3, 2, 1)] {
        let refused = post(books, pay(number, from, to, 1)).await.unwrap_err();
        let account = account(1);
        assert_eq!(refused, PostError::AccountClosed { account });
        assert_eq!(refused.class(), ErrorClass::Reject);
    }
    let again = post(books, pay(1, 1, 2, 100)).await.unwrap();
    assert!(again.replayed);
    assert_eq!(
        (again.balances, again.recorded_at),
        (first.balances, first.recorded_at)
    );
    let conflict = post(books, pay(1, 1, 2, 99)).await.unwrap_err();
    assert_eq!(conflict.kind(), "id_conflict");
    for refused in [
        AccountChange::Freeze(Frozen::Both),
        AccountChange::Unfreeze(Frozen::Both),
        AccountChange::Floor(None),
        AccountChange::Ceiling(Some(5)),
        AccountChange::Metadata("{}".to_owned()),
    ] {
        let refused = change(books, 1, &refused).await.unwrap_err();
        let account = account(1);
        assert_eq!(refused, ChangeError::AccountClosed { account });
    }
    assert_eq!(held(books, 1).await, 0);
    assert_eq!(books.statement(account(1), None, 9).await.unwrap().len(), 2);
    assert_eq!(
        books.account(account(1)).await.unwrap().unwrap(),
        closed.account
    );
    // Opening it again is a repeat too: it finds the account, and opens nothing.
    books.open_account(&user(1)).await.unwrap();
    assert!(post(books, pay(4, 2, 1, 1)).await.is_err());
    assert_clean(books).await;
}

/// Money in an account that no transfer can touch would be lost.
pub async fn only_an_empty_account_closes(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2], 1).await;

    let refused = change(books, 1, &AccountChange::Close).await.unwrap_err();

    let (account, balance) = (account(1), 1);
    assert_eq!(refused, ChangeError::BalanceNotZero { account, balance });
    assert_eq!(refused.class(), ErrorClass::Reject);
    change(books, 1, &AccountChange::Freeze(Frozen::Credits))
        .await
        .unwrap();
    post(books, pay(1, 1, 2, 1)).await.unwrap();
    let closed = change(books, 1, &AccountChange::Close).await.unwrap();
    assert_eq!(
        closed.account.status,
        Status::Closed,
        "a frozen one closes too"
    );
}

/// A limit that the balance breaks already is refused; a new one is kept from
/// the next transfer on; without one there is none.
pub async fn limits_can_be_moved(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2], 100).await;
    let (floor, ceiling) = (AccountChange::Floor, AccountChange::Ceiling);
    let (id, balance) = (account(1), 100);

    let high = change(books, 1, &floor(Some(101))).await.unwrap_err();
    let low = change(books, 1, &ceiling(Some(99))).await.unwrap_err();
    assert_eq!(
        high,
        ChangeError::FloorAboveBalance {
            account: id,
            balance,
            floor: 101
        }
    );
    assert_eq!(
        low,
        ChangeError::CeilingBelowBalance {
            account: id,
            balance,
            ceiling: 99
        }
    );
    assert!(
        post(books, pay(1, 1, 2, 1)).await.is_ok(),
        "nothing was changed"
    );
    post(books, pay(2, 2, 1, 1)).await.unwrap();

    change(books, 1, &floor(Some(100))).await.unwrap();
    let refused = post(books, pay(3, 1, 2, 1)).await.unwrap_err();
    assert_eq!(
        refused,
        PostError::InsufficientFunds {
            account: id,
            available: 0,
            needed: 1
        }
    );
    change(books, 1, &floor(Some(-50))).await.unwrap();
    post(books, pay(4, 1, 2, 150)).await.unwrap();
    assert_eq!(held(books, 1).await, -50);
    assert!(post(books, pay(5, 1, 2, 1)).await.is_err());
    change(books, 1, &floor(None)).await.unwrap();
    post(books, pay(6, 1, 2, 1)).await.unwrap();

    change(books, 1, &ceiling(Some(-51))).await.unwrap();
    let refused = post(books, pay(7, 2, 1, 1)).await.unwrap_err();
    assert_eq!(refused.kind(), "limit_exceeded");
    change(books, 1, &ceiling(Some(-41))).await.unwrap();
    post(books, pay(8, 2, 1, 10)).await.unwrap();
    change(books, 1, &ceiling(None)).await.unwrap();
    post(books, pay(9, 2, 1, 100)).await.unwrap();

    let state = books.account(id).await.unwrap().unwrap();
    assert_eq!((state.floor, state.ceiling), (None, None));
    assert_eq!(state.balance.posted, 59);
    assert_clean(books).await;
}

/// Whoever repeats a call whose answer was lost finds it done.
pub async fn a_repeated_change_changes_and_records_nothing(
    subject: &dyn Subject,
    clock: &HandClock,
) {
    let books = subject.books();
    let books = books.as_ref();
    open_bank(books).await;
    books.open_account(&user(1)).await.unwrap();
    let changes = [
        AccountChange::Freeze(Frozen::Debits),
        AccountChange::Freeze(Frozen::Both),
        AccountChange::Unfreeze(Frozen::Credits),
        AccountChange::Floor(Some(-7)),
        AccountChange::Ceiling(Some(7)),
        AccountChange::Metadata("{}".to_owned()),
        AccountChange::Close,
    ];

    for (number, step) in (1..).zip(&changes) {
        clock.turn(1);
        let first = change(books, 1, step).await.unwrap();
        clock.turn(1);
        let again = change(books, 1, step).await.unwrap();

        assert!(first.applied && !again.applied, "{step:?}");
        assert_eq!(again.account, first.account);
        let recorded = books.account_changes(account(1), None, 99).await.unwrap();
        assert_eq!(recorded.len(), number, "{step:?}");
    }
    // What a wider change has done, a narrower one finds done.
    books.open_account(&user(2)).await.unwrap();
    change(books, 2, &AccountChange::Freeze(Frozen::Both))
        .await
        .unwrap();
    let narrow = change(books, 2, &AccountChange::Freeze(Frozen::Debits)).await;
    assert!(!narrow.unwrap().applied);
}

/// Newest first, in pages; in one order with the entries, also when the clock
/// goes back.
pub async fn changes_are_recorded_with_their_time_and_reason(
    subject: &dyn Subject,
    clock: &HandClock,
) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1], 5).await;
    let id = account(1);
    let steps = [
        (AccountChange::Floor(Some(-9)), "floor", Some("-9")),
        (AccountChange::Ceiling(None), "", None),
        (AccountChange::Ceiling(Some(100)), "ceiling", Some("100")),
        (AccountChange::Floor(None), "floor", None),
        (AccountChange::Freeze(Frozen::Both), "freeze", Some("both")),
        (
            AccountChange::Unfreeze(Frozen::Credits),
            "unfreeze",
            Some("credits"),
        ),
        (
            AccountChange::Metadata("'\n\"ü".to_owned()),
            "metadata",
            Some("'\n\"ü"),
        ),
    ];

    let mut order = Vec::new();
    for (number, (step, kind, value)) in (1_u128..).zip(&steps) {
        clock.turn(-3_600);
        let reason = format!("ticket {number}");
        let changed = books.change_account(id, step, &reason).await.unwrap();
        assert_eq!(changed.applied, !kind.is_empty(), "{step:?}");
        order.push(changed.account.changed_at);
        if let Ok(posted) = post(books, top_up(number, 1, 1)).await {
            order.push(posted.recorded_at);
        }
        if changed.applied {
            let newest = books.account_changes(id, None, 1).await.unwrap();
            let newest = &newest[0];
            assert_eq!(
                (newest.kind.as_str(), newest.value.as_deref()),
                (*kind, *value)
            );
            assert_eq!(newest.reason, reason);
            assert_eq!(newest.changed_at, changed.account.changed_at);
        }
    }

    // The change that changed nothing answers with the time of what was last.
    order.dedup();
    assert!(order.is_sorted_by(|a, b| a < b), "{order:?}");
    let all = books.account_changes(id, None, 99).await.unwrap();
    assert_eq!(all.len(), 6);
    let (mut pages, mut cursor) = (Vec::new(), None);
    loop {
        let page = books.account_changes(id, cursor, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        cursor = Some(last.changed_at);
        pages.extend(page);
    }
    assert_eq!(pages, all);
    let state = books.account(id).await.unwrap().unwrap();
    assert_eq!(state.metadata, "'\n\"ü");
    assert_eq!((state.code.as_str(), state.asset.as_str()), ("user", "RUB"));
    assert_clean(books).await;
}

/// By its name, and without a trace.
pub async fn a_change_that_cannot_be_is_refused(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    let books = books.as_ref();
    open_bank(books).await;

    let missing = change(books, 77, &AccountChange::Close).await.unwrap_err();
    let account_77 = account(77);
    assert_eq!(
        missing,
        ChangeError::AccountNotFound {
            account: account_77
        }
    );
    assert!(books.account(account_77).await.unwrap().is_none());
    for text in ["x".repeat(4_097), "a\0b".to_owned()] {
        let refused = change(books, BANK, &AccountChange::Metadata(text))
            .await
            .unwrap_err();
        assert_eq!(
            (refused.kind(), refused.class()),
            ("invalid_text", ErrorClass::Bug)
        );
    }
    let reason = "x".repeat(Limits::REASON_BYTES + 1);
    let refused = books
        .change_account(account(BANK), &AccountChange::Close, &reason)
        .await;
    assert!(matches!(
        refused,
        Err(LedgerError::Change(ChangeError::InvalidText {
            field: "reason",
            ..
        }))
    ));
    let changes = books.account_changes(account(BANK), None, 9).await.unwrap();
    assert!(changes.is_empty(), "{changes:?}");
}

/// Posts that run at the same moment are before it or after it: none of them is
/// recorded later than a freeze that it should have obeyed.
pub async fn a_freeze_among_posts_has_a_before_and_an_after(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    open_users(books.as_ref(), &[1, 2], 50_000).await;
    let done = Arc::new(AtomicBool::new(false));
    let mut payers = JoinSet::new();
    for task in 0..8_u128 {
        let (books, done) = (Arc::clone(&books), Arc::clone(&done));
        payers.spawn(async move {
            let mut posted = 0;
            for n in 0.. {
                let too_late = done.load(Ordering::SeqCst);
                let outcome = post(books.as_ref(), pay(task << 32 | n, 1, 2, 1)).await;
                if let Err(refused) = outcome {
                    // It ends by the freeze, not by the money.
                    assert_eq!(refused.kind(), "account_frozen");
                    break;
                }
                assert!(!too_late, "posted after the freeze");
                posted += 1;
                tokio::task::yield_now().await;
            }
            posted
        });
    }
    while held(books.as_ref(), 1).await > 49_990 {
        tokio::task::yield_now().await;
    }

    let frozen = change(books.as_ref(), 1, &AccountChange::Freeze(Frozen::Debits)).await;
    done.store(true, Ordering::SeqCst);
    let left = held(books.as_ref(), 1).await;
    let posted: i64 = payers.join_all().await.into_iter().sum();

    let at = frozen.unwrap().account.changed_at;
    assert_eq!(
        held(books.as_ref(), 1).await,
        left,
        "nothing moved after it"
    );
    assert_eq!(left, 50_000 - posted);
    let newest = books.statement(account(1), None, 1).await.unwrap();
    assert!(newest[0].recorded_at < at);
    assert_clean(books.as_ref()).await;
}
