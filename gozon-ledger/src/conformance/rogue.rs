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

/// A store that hides floors and ceilings from the rules.
pub(super) struct Rogue<Tx>(pub(super) Arc<dyn LedgerStore<Tx>>);

#[async_trait]
impl<Tx: Send> LedgerStore<Tx> for Rogue<Tx> {
    async fn lock_accounts(
        &self,
        tx: &mut Tx,
        accounts: &[AccountId],
        named: &[TransferId],
    ) -> Result<Vec<Account>, LedgerError> {
        let mut found = self.0.lock_accounts(tx, accounts, named).await?;
        for account in &mut found {
            account.floor = None;
            account.ceiling = None;
        }
        Ok(found)
    }

    async fn insert_account(
        &self,
        tx: &mut Tx,
        account: &NewAccount,
        opened_at: OffsetDateTime,
    ) -> Result<bool, LedgerError> {
        self.0.insert_account(tx, account, opened_at).await
    }

    async fn identity(
        &self,
        tx: &mut Tx,
        account: AccountId,
    ) -> Result<Option<AccountIdentity>, LedgerError> {
        self.0.identity(tx, account).await
    }

    async fn account_state(
        &self,
        tx: &mut Tx,
        account: AccountId,
    ) -> Result<Option<AccountState>, LedgerError> {
        self.0.account_state(tx, account).await
    }

    async fn write_account_change(
        &self,
        tx: &mut Tx,
        change: &ChangeRow,
    ) -> Result<(), LedgerError> {
        self.0.write_account_change(tx, change).await
    }

    async fn account_changes(
        &self,
        tx: &mut Tx,
        account: AccountId,
        before: OffsetDateTime,
        limit: u32,
    ) -> Result<Vec<RecordedChange>, LedgerError> {
        self.0.account_changes(tx, account, before, limit).await
    }

    async fn find_transfers(
        &self,
        tx: &mut Tx,
        transfers: &[TransferId],
        named: &[TransferId],
    ) -> Result<Vec<Recorded>, LedgerError> {
        self.0.find_transfers(tx, transfers, named).await
    }

    async fn write(&self, tx: &mut Tx, changes: &Changes) -> Result<(), LedgerError> {
        self.0.write(tx, changes).await
    }

    async fn balances(
        &self,
        tx: &mut Tx,
        accounts: &[AccountId],
    ) -> Result<Vec<(AccountId, Balance)>, LedgerError> {
        self.0.balances(tx, accounts).await
    }

    async fn due_holds(
        &self,
        tx: &mut Tx,
        now: OffsetDateTime,
        limit: u32,
    ) -> Result<Vec<TransferId>, LedgerError> {
        self.0.due_holds(tx, now, limit).await
    }

    async fn statement(
        &self,
        tx: &mut Tx,
        account: AccountId,
        before: i64,
        limit: u32,
    ) -> Result<Vec<Entry>, LedgerError> {
        self.0.statement(tx, account, before, limit).await
    }

    async fn balance_at(
        &self,
        tx: &mut Tx,
        account: AccountId,
        as_of: AsOf,
    ) -> Result<Option<PastBalance>, LedgerError> {
        self.0.balance_at(tx, account, as_of).await
    }

    async fn audit_accounts(
        &self,
        tx: &mut Tx,
        from: AccountId,
        limit: u32,
    ) -> Result<Vec<Account>, LedgerError> {
        self.0.audit_accounts(tx, from, limit).await
    }

    async fn audit_entries(
        &self,
        tx: &mut Tx,
        range: EntryRange,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, LedgerError> {
        self.0.audit_entries(tx, range, limit).await
    }

    async fn audit_reservations(
        &self,
        tx: &mut Tx,
        range: EntryRange,
        limit: u32,
    ) -> Result<Vec<AuditReservation>, LedgerError> {
        self.0.audit_reservations(tx, range, limit).await
    }

    async fn audit_transfers(
        &self,
        tx: &mut Tx,
        from: TransferId,
        limit: u32,
    ) -> Result<Vec<Recorded>, LedgerError> {
        self.0.audit_transfers(tx, from, limit).await
    }

    async fn audit_assets(&self, tx: &mut Tx) -> Result<Vec<AssetTotals>, LedgerError> {
        self.0.audit_assets(tx).await
    }

    async fn audit_open_holds(
        &self,
        tx: &mut Tx,
        from: TransferId,
        last: TransferId,
    ) -> Result<Vec<TransferId>, LedgerError> {
        self.0.audit_open_holds(tx, from, last).await
    }
}
