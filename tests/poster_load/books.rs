use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use gozon_ledger::{
    AccountId, Asset, Ledger, LedgerConfig, NewAccount, Poster, Side, Transfer, TransferId,
};
use gozon_sqlx::{Db, Postgres};
use tokio::task::JoinSet;
use uuid::Uuid;

/// Who pays.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Payer {
    /// Always the same account, which has a floor.
    Hot,
    /// Any of the others, which have floors too.
    Cold,
}

/// A ledger with one account that everyone may use, and many others.
pub(crate) struct Books {
    pub(crate) ledger: Ledger<Postgres>,
    accounts: u32,
}

const HOT: u32 = 0;
const BANK: u32 = u32::MAX;
/// Enough for everything: no transfer is refused.
const MONEY: i64 = 1 << 40;

impl Books {
    pub(crate) async fn open(db: Db<Postgres>, accounts: u32) -> Result<Self> {
        let ledger = Ledger::new(db.clone(), LedgerConfig::default())?;
        ledger.migrate().await?;
        let mut tx = db.begin().await?;
        let bank = NewAccount::new(id(BANK), rub()?, Side::Debit, "bank");
        ledger.open_account_in(&mut tx, &bank).await?;
        for n in 0..=accounts {
            let new = NewAccount::new(id(n), rub()?, Side::Credit, "user").with_floor(0);
            ledger.open_account_in(&mut tx, &new).await?;
        }
        tx.commit().await?;
        let books = Self { ledger, accounts };
        let all: Vec<u32> = (0..=accounts).collect();
        for some in all.chunks(500) {
            let gifts = some.iter().map(|n| transfer(BANK, *n, MONEY));
            let gifts: Result<Vec<_>> = gifts.collect();
            for outcome in books.ledger.post(&gifts?).await? {
                outcome?;
            }
        }
        Ok(books)
    }

    /// Posts so many transfers by so many callers at once; how many were posted.
    pub(crate) async fn pay(
        self: &Arc<Self>,
        payer: Payer,
        poster: Option<Poster>,
        callers: u32,
        transfers: u32,
    ) -> Result<u32> {
        let left = Arc::new(AtomicU32::new(transfers));
        let mut tasks = JoinSet::new();
        for _ in 0..callers {
            let (books, left, poster) = (Arc::clone(self), Arc::clone(&left), poster.clone());
            tasks.spawn(async move {
                let mut posted = 0;
                let next = |left: u32| left.checked_sub(1);
                while left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next)
                    .is_ok()
                {
                    let transfer = books.any(payer)?;
                    match &poster {
                        Some(poster) => {
                            poster.post(transfer).await?;
                        }
                        None => {
                            let mut outcomes = books.ledger.post(&[transfer]).await?;
                            outcomes.pop().context("an outcome")??;
                        }
                    }
                    posted += 1;
                }
                anyhow::Ok(posted)
            });
        }
        let mut posted = 0;
        while let Some(task) = tasks.join_next().await {
            posted += task??;
        }
        Ok(posted)
    }

    fn any(&self, payer: Payer) -> Result<Transfer> {
        let random = Uuid::new_v4().as_u128();
        // Two different ones of 1..=accounts.
        let to = u32::try_from(random % u128::from(self.accounts))?;
        let apart = u32::try_from((random >> 64) % u128::from(self.accounts - 1))? + 1;
        let from = match payer {
            Payer::Hot => HOT,
            Payer::Cold => (to + apart) % self.accounts + 1,
        };
        transfer(from, to + 1, 1)
    }
}

fn rub() -> Result<Asset> {
    Ok(Asset::new("RUB")?)
}

/// Scattered, as derived ids are.
fn id(n: u32) -> AccountId {
    AccountId(Uuid::new_v5(&Uuid::NAMESPACE_OID, &n.to_be_bytes()))
}

fn transfer(from: u32, to: u32, amount: i64) -> Result<Transfer> {
    let rub = rub()?;
    let payment = Transfer::new(TransferId(Uuid::now_v7()), "payment");
    Ok(payment
        .debit(id(from), &rub, amount)
        .credit(id(to), &rub, amount))
}
