//! The contract between the ledger and a database.

use std::sync::Arc;

use async_trait::async_trait;
use gozon_sqlx::{Database, Migrations};
use time::OffsetDateTime;

use crate::rules::{Changes, Recorded, Reserved};
use crate::{
    Account, AccountId, AccountState, AsOf, Asset, Balance, ChangeRow, Entry, LedgerError,
    NewAccount, PastBalance, RecordedChange, Side, TransferId,
};

/// A database that has an adapter here. What is asked of the adapter (locks, order,
/// concurrency, errors) stands at [`LedgerStore`]. It holds no state, so that each
/// call may make a new one.
pub trait LedgerDatabase: Database {
    /// The ledger's tables.
    const MIGRATIONS: Migrations;

    /// The adapter.
    fn store() -> Arc<dyn LedgerStore<Self::Tx>>;
}

/// What a database does for the ledger: lock, load, persist, page. It decides
/// nothing; the rules do.
///
/// `Tx` is a connection, with the caller's transaction open on it where the
/// method writes or locks. Each method is one statement unless it says
/// otherwise, so that what it reads is one consistent picture. After an error,
/// and after a dropped future, the transaction is unusable. Safe to call from
/// many tasks at once, each with a connection of its own. Waits for locks as
/// long as the connection's lock timeout allows; what was in the way is
/// [`LedgerError::Contention`].
///
/// An adapter passes the `conformance` suite or does not merge.
#[async_trait]
pub trait LedgerStore<Tx: Send>: Send + Sync {
    /// Adds the account; `false` if the id is taken, in which case nothing
    /// changed. Waits for a concurrent transaction that is opening the same.
    async fn insert_account(
        &self,
        tx: &mut Tx,
        account: &NewAccount,
        opened_at: OffsetDateTime,
    ) -> Result<bool, LedgerError>;

    /// What never changes about an account.
    async fn identity(
        &self,
        tx: &mut Tx,
        account: AccountId,
    ) -> Result<Option<AccountIdentity>, LedgerError>;

    /// All that is known of the account, without a lock.
    async fn account_state(
        &self,
        tx: &mut Tx,
        account: AccountId,
    ) -> Result<Option<AccountState>, LedgerError>;

    /// Writes an operator's change with its history, or fails. Called under the
    /// account's lock; two statements at most.
    ///
    /// # Errors
    /// [`LedgerError::Corrupt`] if the account has changed since it was read.
    async fn write_account_change(
        &self,
        tx: &mut Tx,
        change: &ChangeRow,
    ) -> Result<(), LedgerError>;

    /// Changes of the account before `before`, newest first, `limit` at most.
    async fn account_changes(
        &self,
        tx: &mut Tx,
        account: AccountId,
        before: OffsetDateTime,
        limit: u32,
    ) -> Result<Vec<RecordedChange>, LedgerError>;

    /// The newest state of those of the accounts that exist, locked until the
    /// transaction ends, in the order of their ids whatever the order of
    /// `accounts`.
    ///
    /// Besides `accounts`, these are all accounts that the transfers in `named`
    /// moved or reserved. Which ones never changes once a transfer stands, so
    /// they may be read before anything is locked; a transfer that is not there
    /// yet adds none.
    async fn lock_accounts(
        &self,
        tx: &mut Tx,
        accounts: &[AccountId],
        named: &[TransferId],
    ) -> Result<Vec<Account>, LedgerError>;

    /// Those of the transfers that exist, those in `named` that exist, and all
    /// that follow on one in `named`; each once. Called after
    /// [`Self::lock_accounts`], and must see what was committed while that
    /// waited.
    async fn find_transfers(
        &self,
        tx: &mut Tx,
        transfers: &[TransferId],
        named: &[TransferId],
    ) -> Result<Vec<Recorded>, LedgerError>;

    /// Writes everything or fails. Few statements, however large the batch.
    ///
    /// # Errors
    /// [`LedgerError::Contention`] if a transfer id was taken meanwhile;
    /// [`LedgerError::Corrupt`] if an account is not at its previous version.
    async fn write(&self, tx: &mut Tx, changes: &Changes) -> Result<(), LedgerError>;

    /// The balances of those of the accounts that exist, in any order, without
    /// a lock.
    async fn balances(
        &self,
        tx: &mut Tx,
        accounts: &[AccountId],
    ) -> Result<Vec<(AccountId, Balance)>, LedgerError>;

    /// Open holds that expire at `now` or before, the oldest first, `limit` at
    /// most, without a lock.
    async fn due_holds(
        &self,
        tx: &mut Tx,
        now: OffsetDateTime,
        limit: u32,
    ) -> Result<Vec<TransferId>, LedgerError>;

    /// Entries below version `before`, newest first, `limit` at most.
    async fn statement(
        &self,
        tx: &mut Tx,
        account: AccountId,
        before: i64,
        limit: u32,
    ) -> Result<Vec<Entry>, LedgerError>;

    /// What the account held then; `None` if it did not exist then, or has not
    /// come to that version. Reads few entries, however many there are.
    async fn balance_at(
        &self,
        tx: &mut Tx,
        account: AccountId,
        as_of: AsOf,
    ) -> Result<Option<PastBalance>, LedgerError>;

    /// Accounts from `from` on, ascending, `limit` at most.
    async fn audit_accounts(
        &self,
        tx: &mut Tx,
        from: AccountId,
        limit: u32,
    ) -> Result<Vec<Account>, LedgerError>;

    /// Entries, ascending by account and version, also of accounts and transfers
    /// that do not exist.
    async fn audit_entries(
        &self,
        tx: &mut Tx,
        range: EntryRange,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, LedgerError>;

    /// Reservations, ascending by account and number, also of accounts and
    /// transfers that do not exist; the range counts numbers instead of versions.
    async fn audit_reservations(
        &self,
        tx: &mut Tx,
        range: EntryRange,
        limit: u32,
    ) -> Result<Vec<AuditReservation>, LedgerError>;

    /// Transfers from `from` on, ascending, `limit` at most.
    async fn audit_transfers(
        &self,
        tx: &mut Tx,
        from: TransferId,
        limit: u32,
    ) -> Result<Vec<Recorded>, LedgerError>;

    /// The sums of all counters, per asset.
    async fn audit_assets(&self, tx: &mut Tx) -> Result<Vec<AssetTotals>, LedgerError>;

    /// Where the list of open holds and the transfers disagree: holds that are
    /// listed although resolved or missing or with another expiry, and holds
    /// that are not listed although unresolved; of the holds from `from` to
    /// `last` alone.
    async fn audit_open_holds(
        &self,
        tx: &mut Tx,
        from: TransferId,
        last: TransferId,
    ) -> Result<Vec<TransferId>, LedgerError>;
}

/// What never changes about an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountIdentity {
    /// What it counts.
    pub asset: Asset,
    /// The side that makes it grow.
    pub normal: Side,
    /// What kind of account.
    pub code: String,
}

/// Which entries to audit.
#[derive(Debug, Clone, Copy)]
pub struct EntryRange {
    /// From this account …
    pub from: AccountId,
    /// … and this version of it on …
    pub from_version: i64,
    /// … to the end of this account.
    pub last: AccountId,
}

/// An entry as the audit reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Whose.
    pub account: AccountId,
    /// Its number.
    pub version: i64,
    /// In the account's normal direction.
    pub amount: i64,
    /// The running balance that was written.
    pub balance: i64,
    /// When.
    pub recorded_at: OffsetDateTime,
    /// By which transfer.
    pub transfer: TransferId,
    /// When that was recorded, in the same snapshot; `None` if there is none.
    pub transfer_at: Option<OffsetDateTime>,
    /// The version of the account in the same snapshot; `None` if there is none.
    pub account_version: Option<i64>,
}

/// A reservation, or the release of one, as the audit reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditReservation {
    /// Its number.
    pub number: i64,
    /// Whose, and by how much.
    pub change: Reserved,
    /// The pending debits that were written.
    pub pending_debits: i64,
    /// The pending credits that were written.
    pub pending_credits: i64,
    /// When.
    pub recorded_at: OffsetDateTime,
    /// By which transfer.
    pub transfer: TransferId,
    /// When that was recorded, in the same snapshot; `None` if there is none.
    pub transfer_at: Option<OffsetDateTime>,
    /// The number of the account's reservations in the same snapshot; `None` if
    /// there is no such account.
    pub account_reservations: Option<i64>,
}

/// The sums of all counters of one asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetTotals {
    /// Which.
    pub asset: Asset,
    /// Of all accounts.
    pub debits: i128,
    /// Of all accounts.
    pub credits: i128,
}
