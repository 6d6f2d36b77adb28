use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use gozon_core::Clock;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::Tamper;
use crate::{
    AccountId, Asset, Balance, Books, NewAccount, PostError, Posted, Side, Transfer, TransferId,
};

/// A ledger under test, empty at first.
#[async_trait]
pub trait Subject: Send + Sync {
    /// The ledger.
    fn books(&self) -> Arc<dyn Books>;

    /// Another instance on the same database, with a clock of its own.
    fn instance(&self, clock: Arc<dyn Clock>) -> Arc<dyn Books>;

    /// Changes what is stored, behind the ledger's back and past any guard.
    async fn tamper(&self, how: Tamper);
}

/// Moves the clock of the ledger under test.
#[derive(Debug, Clone)]
pub struct HandClock(Arc<AtomicI64>);

/// A clock that stands still, and the hand that moves it, also back.
pub fn hand_clock() -> (Arc<dyn Clock>, HandClock) {
    let hand = HandClock(Arc::new(AtomicI64::new(0)));
    (Arc::new(hand.clone()), hand)
}

impl HandClock {
    /// Moves it by so many seconds.
    pub fn turn(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> OffsetDateTime {
        let noon = OffsetDateTime::UNIX_EPOCH + Duration::days(20_000);
        noon + Duration::seconds(self.0.load(Ordering::SeqCst))
    }
}

pub(super) fn rub() -> Asset {
    Asset::new("RUB").unwrap()
}

pub(super) fn account(n: u128) -> AccountId {
    AccountId(Uuid::from_u128(n))
}

pub(super) fn id(n: u128) -> TransferId {
    TransferId(Uuid::from_u128(n << 64))
}

/// Where the money comes from: debit-normal, without limits.
pub(super) const BANK: u128 = 0xBA;

pub(super) async fn open_bank(books: &dyn Books) {
    let bank = NewAccount::new(account(BANK), rub(), Side::Debit, "bank");
    books.open_account(&bank).await.unwrap();
}

/// A user's account: credit-normal, floor 0.
pub(super) fn user(n: u128) -> NewAccount {
    NewAccount::new(account(n), rub(), Side::Credit, "user").with_floor(0)
}

/// Opens the bank and these users, and gives each of them `amount`, if any.
pub(super) async fn open_users(books: &dyn Books, users: &[u128], amount: i64) {
    open_bank(books).await;
    for n in users {
        books.open_account(&user(*n)).await.unwrap();
        if amount > 0 {
            post(books, top_up(0xF000 + n, *n, amount)).await.unwrap();
        }
    }
}

pub(super) fn top_up(transfer: u128, to: u128, amount: i64) -> Transfer {
    pay(transfer, BANK, to, amount)
}

/// Debits `from`, credits `to`.
pub(super) fn pay(transfer: u128, from: u128, to: u128, amount: i64) -> Transfer {
    Transfer::new(id(transfer), "payment")
        .debit(account(from), &rub(), amount)
        .credit(account(to), &rub(), amount)
}

pub(super) async fn post(books: &dyn Books, transfer: Transfer) -> Result<Posted, PostError> {
    let mut outcomes = books.post(&[transfer]).await.unwrap();
    assert_eq!(outcomes.len(), 1, "one outcome per transfer");
    outcomes.remove(0)
}

pub(super) async fn held(books: &dyn Books, n: u128) -> i64 {
    books.balance(account(n)).await.unwrap().unwrap().posted
}

pub(super) async fn balance(books: &dyn Books, n: u128) -> Balance {
    books.balance(account(n)).await.unwrap().unwrap()
}

pub(super) async fn version(books: &dyn Books, n: u128) -> i64 {
    books.balance(account(n)).await.unwrap().unwrap().version
}

pub(super) async fn assert_clean(books: &dyn Books) {
    let report = books.verify().await.unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
}
