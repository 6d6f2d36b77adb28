//! Rules about the caller's transaction.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use gozon_sqlx::Db;

use super::kit::{BANK, account, assert_clean, held, open_users, pay, top_up, user};
use super::{Flaw, Flawed};
use crate::store::LedgerStore;
use crate::{Account, AccountId, Ledger, LedgerDatabase, LedgerError, Opening, TransferId};

/// Accounts, transfers, entries and balances alike; the ids are free again.
pub async fn a_rollback_removes_everything<D: LedgerDatabase>(db: &Db<D>, ledger: &Ledger<D>) {
    open_users(ledger, &[1, 2], 100).await;
    let mut tx = db.begin().await.unwrap();
    ledger.open_account_in(&mut tx, &user(3)).await.unwrap();
    let outcomes = ledger
        .post_in(&mut tx, &[pay(1, 1, 2, 30), pay(2, 2, 3, 40)])
        .await
        .unwrap();
    assert!(outcomes.iter().all(Result::is_ok));

    tx.rollback().await.unwrap();

    assert_eq!(held(ledger, 1).await, 100);
    assert!(ledger.balance(account(3)).await.unwrap().is_none());
    let lines = ledger.statement(account(1), None, 10).await.unwrap();
    assert_eq!(lines.len(), 1);
    assert_clean(ledger).await;
    let again = ledger.post(&[pay(1, 1, 2, 30)]).await.unwrap();
    assert!(!again[0].as_ref().unwrap().replayed);
}

/// What else the transaction writes commits.
pub async fn a_refusal_does_not_fail_the_transaction<D: LedgerDatabase>(
    db: &Db<D>,
    ledger: &Ledger<D>,
) {
    open_users(ledger, &[1, 2], 100).await;
    let mut tx = db.begin().await.unwrap();

    let refused = ledger.post_in(&mut tx, &[pay(1, 1, 2, 101)]).await.unwrap();
    let mixed = ledger
        .post_in(&mut tx, &[pay(2, 1, 77, 5), pay(3, 1, 2, 5)])
        .await
        .unwrap();
    tx.commit().await.unwrap();

    assert!(refused[0].is_err() && mixed[0].is_err() && mixed[1].is_ok());
    assert_eq!(held(ledger, 1).await, 95);
    assert_clean(ledger).await;
}

/// A user's account and its first money together.
pub async fn an_account_can_be_opened_and_used_in_one_transaction<D: LedgerDatabase>(
    db: &Db<D>,
    ledger: &Ledger<D>,
) {
    open_users(ledger, &[], 0).await;
    let mut tx = db.begin().await.unwrap();

    let opening = ledger.open_account_in(&mut tx, &user(1)).await.unwrap();
    let again = ledger.open_account_in(&mut tx, &user(1)).await.unwrap();
    let outcomes = ledger.post_in(&mut tx, &[top_up(1, 1, 5)]).await.unwrap();
    tx.commit().await.unwrap();

    assert_eq!((opening, again), (Opening::Opened, Opening::AlreadyOpen));
    assert!(outcomes[0].is_ok());
    assert_eq!(held(ledger, 1).await, 5);
}

/// Until it commits.
pub async fn a_transaction_sees_its_own_postings_and_others_do_not<D: LedgerDatabase>(
    db: &Db<D>,
    ledger: &Ledger<D>,
) {
    open_users(ledger, &[1], 100).await;
    let mut tx = db.begin().await.unwrap();
    ledger.post_in(&mut tx, &[top_up(1, 1, 5)]).await.unwrap();

    let inside = ledger.balance_in(&mut tx, account(1)).await.unwrap();
    let outside = held(ledger, 1).await;
    tx.commit().await.unwrap();

    assert_eq!(inside.unwrap().posted, 105);
    assert_eq!(outside, 100);
    assert_eq!(held(ledger, 1).await, 105);
}

/// In one question about many, also twice about the same.
pub async fn existing_accounts_are_told_from_missing_ones<D: LedgerDatabase>(
    db: &Db<D>,
    ledger: &Ledger<D>,
) {
    open_users(ledger, &[1, 2], 0).await;
    let mut tx = db.begin().await.unwrap();

    let asked = [1, 77, 2, 1, 78, BANK].map(account);
    let found = ledger.accounts_in(&mut tx, &asked).await.unwrap();
    let none = ledger.accounts_in(&mut tx, &[]).await.unwrap();
    tx.rollback().await.unwrap();

    assert_eq!(found, HashSet::from([1, 2, BANK].map(account)));
    assert!(none.is_empty());
}

/// The largest that is allowed, over hot and cold accounts.
pub async fn a_large_batch_is_posted_whole<D: LedgerDatabase>(db: &Db<D>, ledger: &Ledger<D>) {
    let users: Vec<u128> = (1..=50).collect();
    open_users(ledger, &users, 0).await;
    let batch: Vec<_> = (0..1_000).map(|n| top_up(n, n % 50 + 1, 3)).collect();
    let mut tx = db.begin().await.unwrap();

    let outcomes = ledger.post_in(&mut tx, &batch).await.unwrap();
    tx.commit().await.unwrap();

    assert_eq!(outcomes.len(), 1_000);
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(held(ledger, BANK).await, 3_000);
    assert_eq!(held(ledger, 50).await, 60);
    assert_clean(ledger).await;
    let replays = ledger.post(&batch).await.unwrap();
    assert!(replays.iter().all(|one| one.as_ref().unwrap().replayed));
}

/// Whoever writes past the rules meets the database's own constraint.
pub async fn the_database_guards_the_limits_by_itself<D: LedgerDatabase>(
    db: &Db<D>,
    ledger: &Ledger<D>,
) {
    open_users(ledger, &[1, 2], 100).await;
    let store = Flawed::new(D::store(), HidesLimits);
    let rogue = ledger.clone().with_store(Arc::new(store));
    let mut tx = db.begin().await.unwrap();

    let guarded = rogue.post_in(&mut tx, &[pay(1, 1, 2, 101)]).await;
    drop(tx);

    assert!(
        matches!(guarded, Err(LedgerError::Guarded(_))),
        "{guarded:?}"
    );
    assert_eq!(held(ledger, 1).await, 100);
    assert_clean(ledger).await;
}

/// Hides floors and ceilings from the rules.
struct HidesLimits;

#[async_trait]
impl<Tx: Send> Flaw<Tx> for HidesLimits {
    async fn lock_accounts(
        &self,
        sound: &dyn LedgerStore<Tx>,
        tx: &mut Tx,
        accounts: &[AccountId],
        named: &[TransferId],
    ) -> Result<Vec<Account>, LedgerError> {
        let mut found = sound.lock_accounts(tx, accounts, named).await?;
        for account in &mut found {
            account.floor = None;
            account.ceiling = None;
        }
        Ok(found)
    }
}
