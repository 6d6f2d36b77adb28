//! Rules about opening accounts.

use super::kit::{account, held, open_bank, open_users, rub, user};
use super::{HandClock, Subject};
use crate::{Asset, LedgerError, NewAccount, Opening, Side};

/// Nothing of it changes, least of all its balance.
pub async fn opening_an_account_twice_opens_it_once(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    open_users(books.as_ref(), &[1], 500).await;

    let again = books.open_account(&user(1).with_ceiling(9)).await.unwrap();

    assert_eq!(again, Opening::AlreadyOpen);
    assert_eq!(held(books.as_ref(), 1).await, 500);
    assert_eq!(books.open_account(&user(2)).await.unwrap(), Opening::Opened);
    assert!(books.balance(account(3)).await.unwrap().is_none());
}

/// Asset, side and code are what an account is.
pub async fn an_account_cannot_become_another_account(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    books.open_account(&user(1)).await.unwrap();
    let usd = Asset::new("USD").unwrap();
    let others = [
        (
            "asset",
            NewAccount::new(account(1), usd, Side::Credit, "user"),
        ),
        (
            "normal side",
            NewAccount::new(account(1), rub(), Side::Debit, "user"),
        ),
        (
            "code",
            NewAccount::new(account(1), rub(), Side::Credit, "shop"),
        ),
    ];

    for (field, other) in others {
        match books.open_account(&other).await {
            Err(LedgerError::AccountConflict { differs, .. }) => assert_eq!(differs, field),
            other => panic!("{field}: {other:?}"),
        }
    }
}

/// And so are texts that a database could not keep.
pub async fn an_account_that_could_not_open_with_zero_is_refused(
    subject: &dyn Subject,
    _: &HandClock,
) {
    let books = subject.books();
    open_bank(books.as_ref()).await;
    let wrong = [
        user(1).with_floor(1),
        user(1).with_ceiling(-1),
        user(1).with_metadata("a\0b"),
        NewAccount::new(account(1), rub(), Side::Credit, ""),
    ];

    for account in wrong {
        let refused = books.open_account(&account).await;
        assert!(
            matches!(refused, Err(LedgerError::InvalidAccount { .. })),
            "{account:?}: {refused:?}"
        );
    }
    assert!(books.balance(account(1)).await.unwrap().is_none());
}
