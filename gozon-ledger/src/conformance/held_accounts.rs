//! Rules about what operators may do to accounts with open holds.

use super::kit::{account, assert_clean, balance, id, open_users, pay, post};
use super::{HandClock, Subject};
use crate::{AccountChange, Books, ChangeError, Frozen, LedgerError, PostError, Side, Transfer};

async fn change(books: &dyn Books, n: u128, change: &AccountChange) -> Result<(), ChangeError> {
    match books.change_account(account(n), change, "").await {
        Ok(_) => Ok(()),
        Err(LedgerError::Change(refused)) => Err(refused),
        Err(other) => panic!("{other:?}"),
    }
}

fn resolve(transfer: u128) -> Transfer {
    Transfer::new(id(transfer), "resolution")
}

/// Money does not leave a frozen account, held or not; what was held is given
/// back even so, and posting is possible again when the freeze is over.
pub async fn a_freeze_stops_a_posting_and_never_a_release(subject: &dyn Subject, _: &HandClock) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2], 100).await;
    for n in [1, 2] {
        let hold = pay(n, 1, 2, 30).pending(None);
        post(books, hold).await.unwrap();
    }
    let freeze = AccountChange::Freeze(Frozen::Debits);
    change(books, 1, &freeze).await.unwrap();
    let frozen = PostError::AccountFrozen {
        account: account(1),
        side: Side::Debit,
    };

    for stopped in [pay(3, 1, 2, 5).pending(None), resolve(3).posting(id(1))] {
        assert_eq!(post(books, stopped).await, Err(frozen.clone()));
    }
    post(books, resolve(4).voiding(id(2))).await.unwrap();
    assert_eq!(balance(books, 1).await.outgoing, 30);
    let thaw = AccountChange::Unfreeze(Frozen::Debits);
    change(books, 1, &thaw).await.unwrap();
    post(books, resolve(3).posting(id(1))).await.unwrap();

    assert_eq!(balance(books, 1).await.posted, 70);
    assert_clean(books).await;
}

/// Neither a floor nor a ceiling takes the room of what is held, and an account
/// that is part of a hold does not close.
pub async fn what_is_held_keeps_its_room_when_accounts_change(
    subject: &dyn Subject,
    _: &HandClock,
) {
    let books = subject.books();
    let books = books.as_ref();
    open_users(books, &[1, 2, 3], 0).await;
    post(books, pay(1, super::kit::BANK, 1, 100)).await.unwrap();
    let hold = pay(2, 1, 2, 30).pending(None);
    post(books, hold).await.unwrap();

    let floor = change(books, 1, &AccountChange::Floor(Some(71))).await;
    let (id_1, id_2) = (account(1), account(2));
    assert_eq!(
        floor,
        Err(ChangeError::FloorAboveBalance {
            account: id_1,
            balance: 70,
            floor: 71
        })
    );
    let ceiling = change(books, 2, &AccountChange::Ceiling(Some(29))).await;
    assert_eq!(
        ceiling,
        Err(ChangeError::CeilingBelowBalance {
            account: id_2,
            balance: 30,
            ceiling: 29
        })
    );
    let close = change(books, 2, &AccountChange::Close).await;
    assert_eq!(close, Err(ChangeError::HoldsOpen { account: id_2 }));
    change(books, 1, &AccountChange::Floor(Some(70)))
        .await
        .unwrap();
    change(books, 2, &AccountChange::Ceiling(Some(30)))
        .await
        .unwrap();

    post(books, resolve(3).posting(id(2))).await.unwrap();
    assert_eq!(balance(books, 1).await.posted, 70);
    assert_clean(books).await;
}
