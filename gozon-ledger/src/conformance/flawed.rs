//! A store with a flaw: what it does otherwise is told by the test that breaks
//! it, and what every store does is forwarded here alone.

use std::sync::Arc;

use async_trait::async_trait;
use time::OffsetDateTime;

use crate::rules::{Changes, Recorded};
use crate::store::{
    AccountIdentity, AssetTotals, AuditEntry, AuditReservation, EntryRange, LedgerStore,
};
use crate::{
    Account, AccountId, AccountState, AsOf, Balance, ChangeRow, Entry, LedgerError, NewAccount,
    PastBalance, RecordedChange, TransferId,
};

/// Another store, but for its flaw.
pub struct Flawed<Tx, F> {
    store: Arc<dyn LedgerStore<Tx>>,
    flaw: F,
}

impl<Tx: Send, F: Flaw<Tx>> Flawed<Tx, F> {
    /// Breaks this store.
    pub fn new(store: Arc<dyn LedgerStore<Tx>>, flaw: F) -> Self {
        Self { store, flaw }
    }
}

/// What a store does otherwise than the sound one. Without a method of its own
/// it asks that one.
#[async_trait]
pub trait Flaw<Tx: Send>: Send + Sync {
    /// In place of [`LedgerStore::insert_account`].
    async fn insert_account(
        &self,
        sound: &dyn LedgerStore<Tx>,
        tx: &mut Tx,
        account: &NewAccount,
        opened_at: OffsetDateTime,
    ) -> Result<bool, LedgerError> {
        sound.insert_account(tx, account, opened_at).await
    }

    /// In place of [`LedgerStore::lock_accounts`].
    async fn lock_accounts(
        &self,
        sound: &dyn LedgerStore<Tx>,
        tx: &mut Tx,
        accounts: &[AccountId],
        named: &[TransferId],
    ) -> Result<Vec<Account>, LedgerError> {
        sound.lock_accounts(tx, accounts, named).await
    }

    /// In place of [`LedgerStore::find_transfers`].
    async fn find_transfers(
        &self,
        sound: &dyn LedgerStore<Tx>,
        tx: &mut Tx,
        transfers: &[TransferId],
        named: &[TransferId],
    ) -> Result<Vec<Recorded>, LedgerError> {
        sound.find_transfers(tx, transfers, named).await
    }

    /// In place of [`LedgerStore::write`].
    async fn write(
        &self,
        sound: &dyn LedgerStore<Tx>,
        tx: &mut Tx,
        changes: &Changes,
    ) -> Result<(), LedgerError> {
        sound.write(tx, changes).await
    }

    /// In place of [`LedgerStore::balances`].
    async fn balances(
        &self,
        sound: &dyn LedgerStore<Tx>,
        tx: &mut Tx,
        accounts: &[AccountId],
    ) -> Result<Vec<(AccountId, Balance)>, LedgerError> {
        sound.balances(tx, accounts).await
    }
}

#[async_trait]
impl<Tx: Send, F: Flaw<Tx>> LedgerStore<Tx> for Flawed<Tx, F> {
    async fn insert_account(
        &self,
        tx: &mut Tx,
        account: &NewAccount,
        opened_at: OffsetDateTime,
    ) -> Result<bool, LedgerError> {
        self.flaw
            .insert_account(&*self.store, tx, account, opened_at)
            .await
    }

    async fn identity(
        &self,
        tx: &mut Tx,
        account: AccountId,
    ) -> Result<Option<AccountIdentity>, LedgerError> {
        self.store.identity(tx, account).await
    }

    async fn account_state(
        &self,
        tx: &mut Tx,
        account: AccountId,
    ) -> Result<Option<AccountState>, LedgerError> {
        self.store.account_state(tx, account).await
    }

    async fn write_account_change(
        &self,
        tx: &mut Tx,
        change: &ChangeRow,
    ) -> Result<(), LedgerError> {
        self.store.write_account_change(tx, change).await
    }

    async fn account_changes(
        &self,
        tx: &mut Tx,
        account: AccountId,
        before: OffsetDateTime,
        limit: u32,
    ) -> Result<Vec<RecordedChange>, LedgerError> {
        self.store.account_changes(tx, account, before, limit).await
    }

    async fn lock_accounts(
        &self,
        tx: &mut Tx,
        accounts: &[AccountId],
        named: &[TransferId],
    ) -> Result<Vec<Account>, LedgerError> {
        self.flaw
            .lock_accounts(&*self.store, tx, accounts, named)
            .await
    }

    async fn find_transfers(
        &self,
        tx: &mut Tx,
        transfers: &[TransferId],
        named: &[TransferId],
    ) -> Result<Vec<Recorded>, LedgerError> {
        self.flaw
            .find_transfers(&*self.store, tx, transfers, named)
            .await
    }

    async fn write(&self, tx: &mut Tx, changes: &Changes) -> Result<(), LedgerError> {
        self.flaw.write(&*self.store, tx, changes).await
    }

    async fn balances(
        &self,
        tx: &mut Tx,
        accounts: &[AccountId],
    ) -> Result<Vec<(AccountId, Balance)>, LedgerError> {
        self.flaw.balances(&*self.store, tx, accounts).await
    }

    async fn due_holds(
        &self,
        tx: &mut Tx,
        now: OffsetDateTime,
        limit: u32,
    ) -> Result<Vec<TransferId>, LedgerError> {
        self.store.due_holds(tx, now, limit).await
    }

    async fn statement(
        &self,
        tx: &mut Tx,
        account: AccountId,
        before: i64,
        limit: u32,
    ) -> Result<Vec<Entry>, LedgerError> {
        self.store.statement(tx, account, before, limit).await
    }

    async fn balance_at(
        &self,
        tx: &mut Tx,
        account: AccountId,
        as_of: AsOf,
    ) -> Result<Option<PastBalance>, LedgerError> {
        self.store.balance_at(tx, account, as_of).await
    }

    async fn audit_accounts(
        &self,
        tx: &mut Tx,
        from: AccountId,
        limit: u32,
    ) -> Result<Vec<Account>, LedgerError> {
        self.store.audit_accounts(tx, from, limit).await
    }

    async fn audit_entries(
        &self,
        tx: &mut Tx,
        range: EntryRange,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, LedgerError> {
        self.store.audit_entries(tx, range, limit).await
    }

    async fn audit_reservations(
        &self,
        tx: &mut Tx,
        range: EntryRange,
        limit: u32,
    ) -> Result<Vec<AuditReservation>, LedgerError> {
        self.store.audit_reservations(tx, range, limit).await
    }

    async fn audit_transfers(
        &self,
        tx: &mut Tx,
        from: TransferId,
        limit: u32,
    ) -> Result<Vec<Recorded>, LedgerError> {
        self.store.audit_transfers(tx, from, limit).await
    }

    async fn audit_assets(&self, tx: &mut Tx) -> Result<Vec<AssetTotals>, LedgerError> {
        self.store.audit_assets(tx).await
    }

    async fn audit_open_holds(
        &self,
        tx: &mut Tx,
        from: TransferId,
        last: TransferId,
    ) -> Result<Vec<TransferId>, LedgerError> {
        self.store.audit_open_holds(tx, from, last).await
    }
}
