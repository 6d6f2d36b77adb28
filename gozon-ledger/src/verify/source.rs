use async_trait::async_trait;

use crate::rules::Recorded;
use crate::store::{AssetTotals, AuditEntry, AuditReservation, EntryRange, LedgerStore};
use crate::{Account, AccountId, LedgerError, TransferId};

/// Whoever can be read by `verify`: a store with a connection, or the memory.
/// Each method is one statement, so that what it reads is one picture.
#[async_trait]
pub(crate) trait AuditSource: Send {
    async fn assets(&mut self) -> Result<Vec<AssetTotals>, LedgerError>;
    async fn accounts(&mut self, from: AccountId, limit: u32) -> Result<Vec<Account>, LedgerError>;
    async fn entries(
        &mut self,
        range: EntryRange,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, LedgerError>;
    async fn reservations(
        &mut self,
        range: EntryRange,
        limit: u32,
    ) -> Result<Vec<AuditReservation>, LedgerError>;
    async fn transfers(
        &mut self,
        from: TransferId,
        limit: u32,
    ) -> Result<Vec<Recorded>, LedgerError>;
    /// These transfers, and all that resolve them or take them back.
    async fn groups(&mut self, named: &[TransferId]) -> Result<Vec<Recorded>, LedgerError>;
    async fn open_holds(
        &mut self,
        from: TransferId,
        last: TransferId,
    ) -> Result<Vec<TransferId>, LedgerError>;
}

/// A store, and the connection to read on.
pub(super) struct InDatabase<'s, Tx> {
    pub(super) store: &'s dyn LedgerStore<Tx>,
    pub(super) connection: &'s mut Tx,
}

#[async_trait]
impl<Tx: Send> AuditSource for InDatabase<'_, Tx> {
    async fn assets(&mut self) -> Result<Vec<AssetTotals>, LedgerError> {
        self.store.audit_assets(self.connection).await
    }

    async fn accounts(&mut self, from: AccountId, limit: u32) -> Result<Vec<Account>, LedgerError> {
        self.store
            .audit_accounts(self.connection, from, limit)
            .await
    }

    async fn entries(
        &mut self,
        range: EntryRange,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, LedgerError> {
        self.store
            .audit_entries(self.connection, range, limit)
            .await
    }

    async fn reservations(
        &mut self,
        range: EntryRange,
        limit: u32,
    ) -> Result<Vec<AuditReservation>, LedgerError> {
        self.store
            .audit_reservations(self.connection, range, limit)
            .await
    }

    async fn transfers(
        &mut self,
        from: TransferId,
        limit: u32,
    ) -> Result<Vec<Recorded>, LedgerError> {
        self.store
            .audit_transfers(self.connection, from, limit)
            .await
    }

    async fn groups(&mut self, named: &[TransferId]) -> Result<Vec<Recorded>, LedgerError> {
        self.store.find_transfers(self.connection, &[], named).await
    }

    async fn open_holds(
        &mut self,
        from: TransferId,
        last: TransferId,
    ) -> Result<Vec<TransferId>, LedgerError> {
        self.store
            .audit_open_holds(self.connection, from, last)
            .await
    }
}
