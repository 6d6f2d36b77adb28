use std::collections::HashSet;
use std::ops::Range;

use async_trait::async_trait;
use time::OffsetDateTime;

use crate::audit::Report;
use crate::ledger::Outcomes;
use crate::store::LedgerDatabase;
use crate::{
    AccountChange, AccountId, AccountState, AsOf, Balance, Changed, Entry, Ledger, LedgerError,
    NewAccount, Opening, PastBalance, RecordedChange, Transfer, VerifyBudget, VerifyCursor,
    VerifySlice,
};

/// The ledger for code that names no database, such as HTTP routes:
/// `Arc<dyn Books>`. Each method does what the method of [`Ledger`] of the same
/// name does. Safe to call from many tasks at once. After a dropped future what
/// was asked for may or may not stand in the books: ask again with the same ids.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Books: Send + Sync {
    /// See [`Ledger::open_account`].
    async fn open_account(&self, account: &NewAccount) -> Result<Opening, LedgerError>;
    /// See [`Ledger::post`].
    async fn post(&self, transfers: &[Transfer]) -> Result<Outcomes, LedgerError>;
    /// See [`Ledger::expire_due`].
    async fn expire_due(&self, limit: usize) -> Result<usize, LedgerError>;
    /// See [`Ledger::balance`].
    async fn balance(&self, account: AccountId) -> Result<Option<Balance>, LedgerError>;
    /// See [`Ledger::account`].
    async fn account(&self, account: AccountId) -> Result<Option<AccountState>, LedgerError>;
    /// See [`Ledger::change_account`].
    async fn change_account(
        &self,
        account: AccountId,
        change: &AccountChange,
        reason: &str,
    ) -> Result<Changed, LedgerError>;
    /// See [`Ledger::account_changes`].
    async fn account_changes(
        &self,
        account: AccountId,
        before: Option<OffsetDateTime>,
        limit: u32,
    ) -> Result<Vec<RecordedChange>, LedgerError>;
    /// See [`Ledger::statement`].
    async fn statement(
        &self,
        account: AccountId,
        before_version: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Entry>, LedgerError>;
    /// See [`Ledger::balance_at`].
    async fn balance_at(
        &self,
        account: AccountId,
        as_of: AsOf,
    ) -> Result<Option<PastBalance>, LedgerError>;
    /// See [`Ledger::statement_between`].
    async fn statement_between(
        &self,
        account: AccountId,
        recorded: Range<OffsetDateTime>,
        before_version: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Entry>, LedgerError>;
    /// See [`Ledger::verify`].
    async fn verify(&self) -> Result<Report, LedgerError>;
    /// See [`Ledger::verify_some`].
    async fn verify_some(
        &self,
        cursor: VerifyCursor,
        budget: VerifyBudget,
    ) -> Result<VerifySlice, LedgerError>;
}

/// The ledger for code that has a transaction of its own and knows no more of
/// the database than the type of its connection, such as message handlers:
/// `Arc<dyn PostIn<Tx>>`. Each method does what the method of [`Ledger`] of the
/// same name does. Safe to call from many tasks at once, each with a transaction
/// of its own; after an error or a dropped future roll that transaction back.
#[async_trait]
pub trait PostIn<Tx: Send>: Send + Sync {
    /// See [`Ledger::open_account_in`].
    async fn open_account_in(
        &self,
        tx: &mut Tx,
        account: &NewAccount,
    ) -> Result<Opening, LedgerError>;
    /// See [`Ledger::post_in`].
    async fn post_in(&self, tx: &mut Tx, transfers: &[Transfer]) -> Result<Outcomes, LedgerError>;
    /// See [`Ledger::balance_in`].
    async fn balance_in(
        &self,
        tx: &mut Tx,
        account: AccountId,
    ) -> Result<Option<Balance>, LedgerError>;
    /// See [`Ledger::accounts_in`].
    async fn accounts_in(
        &self,
        tx: &mut Tx,
        accounts: &[AccountId],
    ) -> Result<HashSet<AccountId>, LedgerError>;
}

#[async_trait]
impl<D: LedgerDatabase> Books for Ledger<D> {
    async fn open_account(&self, account: &NewAccount) -> Result<Opening, LedgerError> {
        Ledger::open_account(self, account).await
    }

    async fn post(&self, transfers: &[Transfer]) -> Result<Outcomes, LedgerError> {
        Ledger::post(self, transfers).await
    }

    async fn expire_due(&self, limit: usize) -> Result<usize, LedgerError> {
        Ledger::expire_due(self, limit).await
    }

    async fn balance(&self, account: AccountId) -> Result<Option<Balance>, LedgerError> {
        Ledger::balance(self, account).await
    }

    async fn account(&self, account: AccountId) -> Result<Option<AccountState>, LedgerError> {
        Ledger::account(self, account).await
    }

    async fn change_account(
        &self,
        account: AccountId,
        change: &AccountChange,
        reason: &str,
    ) -> Result<Changed, LedgerError> {
        Ledger::change_account(self, account, change, reason).await
    }

    async fn account_changes(
        &self,
        account: AccountId,
        before: Option<OffsetDateTime>,
        limit: u32,
    ) -> Result<Vec<RecordedChange>, LedgerError> {
        Ledger::account_changes(self, account, before, limit).await
    }

    async fn statement(
        &self,
        account: AccountId,
        before_version: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Entry>, LedgerError> {
        Ledger::statement(self, account, before_version, limit).await
    }

    async fn balance_at(
        &self,
        account: AccountId,
        as_of: AsOf,
    ) -> Result<Option<PastBalance>, LedgerError> {
        Ledger::balance_at(self, account, as_of).await
    }

    async fn statement_between(
        &self,
        account: AccountId,
        recorded: Range<OffsetDateTime>,
        before_version: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Entry>, LedgerError> {
        Ledger::statement_between(self, account, recorded, before_version, limit).await
    }

    async fn verify(&self) -> Result<Report, LedgerError> {
        Ledger::verify(self).await
    }

    async fn verify_some(
        &self,
        cursor: VerifyCursor,
        budget: VerifyBudget,
    ) -> Result<VerifySlice, LedgerError> {
        Ledger::verify_some(self, cursor, budget).await
    }
}

#[async_trait]
impl<D: LedgerDatabase> PostIn<D::Tx> for Ledger<D> {
    async fn open_account_in(
        &self,
        tx: &mut D::Tx,
        account: &NewAccount,
    ) -> Result<Opening, LedgerError> {
        Ledger::open_account_in(self, tx, account).await
    }

    async fn post_in(
        &self,
        tx: &mut D::Tx,
        transfers: &[Transfer],
    ) -> Result<Outcomes, LedgerError> {
        Ledger::post_in(self, tx, transfers).await
    }

    async fn balance_in(
        &self,
        tx: &mut D::Tx,
        account: AccountId,
    ) -> Result<Option<Balance>, LedgerError> {
        Ledger::balance_in(self, tx, account).await
    }

    async fn accounts_in(
        &self,
        tx: &mut D::Tx,
        accounts: &[AccountId],
    ) -> Result<HashSet<AccountId>, LedgerError> {
        Ledger::accounts_in(self, tx, accounts).await
    }
}
