//! What accounts hold now, and how they came to it.

use std::collections::{HashMap, HashSet};

use crate::{AccountId, Balance, Entry, Ledger, LedgerDatabase, LedgerError};

impl<D: LedgerDatabase> Ledger<D> {
    /// What the account holds now; `None` if there is no such account.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn balance(&self, account: AccountId) -> Result<Option<Balance>, LedgerError> {
        let mut reader = self.reader().await?;
        self.balance_in(&mut reader, account).await
    }

    /// What the account holds, as the caller's transaction sees it, without a
    /// lock: by the time of a later statement it may hold something else.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn balance_in(
        &self,
        tx: &mut D::Tx,
        account: AccountId,
    ) -> Result<Option<Balance>, LedgerError> {
        Ok(self.balances_in(tx, &[account]).await?.remove(&account))
    }

    /// The balances of those of the accounts that exist, in one statement.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn balances_in(
        &self,
        tx: &mut D::Tx,
        accounts: &[AccountId],
    ) -> Result<HashMap<AccountId, Balance>, LedgerError> {
        let found = self.store.balances(tx, accounts).await?;
        Ok(found.into_iter().collect())
    }

    /// Those of the accounts that exist, in one statement.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn accounts_in(
        &self,
        tx: &mut D::Tx,
        accounts: &[AccountId],
    ) -> Result<HashSet<AccountId>, LedgerError> {
        Ok(self.balances_in(tx, accounts).await?.into_keys().collect())
    }

    /// The account's entries, newest first: those below version
    /// `before_version` (all, if `None`), `limit` or `max_page` at most. The
    /// version of the last one is the cursor of the next page. Empty also for
    /// an account that does not exist.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn statement(
        &self,
        account: AccountId,
        before_version: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Entry>, LedgerError> {
        let before = before_version.unwrap_or(i64::MAX);
        let limit = limit.min(self.config.max_page);
        let mut reader = self.reader().await?;
        self.store
            .statement(&mut reader, account, before, limit)
            .await
    }
}
