//! PostgreSQL 15 or later: three statements for a batch of any size.

mod audit;
mod rows;

use std::sync::Arc;

use async_trait::async_trait;
use gozon_sqlx::{Migration, Migrations, Postgres};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::rules::{Changes, Recorded};
use crate::store::{
    AccountIdentity, AssetTotals, AuditEntry, AuditReservation, EntryRange, LedgerDatabase,
    LedgerStore,
};
use crate::stored::{check_changed, check_resolved, check_updated};
use crate::{
    Account, AccountId, AccountState, AsOf, Balance, ChangeRow, Entry, LedgerError, NewAccount,
    PastBalance, RecordedChange, TransferId,
};

const OPEN_ACCOUNT: &str = include_str!("sql/open_account.sql");
const ACCOUNT_IDENTITY: &str = include_str!("sql/account_identity.sql");
const ACCOUNT_STATE: &str = include_str!("sql/account_state.sql");
const ACCOUNT_CHANGES: &str = include_str!("sql/account_changes.sql");
const WRITE_ACCOUNT_CHANGE: &str = include_str!("sql/write_account_change.sql");
const LOCK_ACCOUNTS: &str = include_str!("sql/lock_accounts.sql");
const FIND_TRANSFERS: &str = include_str!("sql/find_transfers.sql");
const WRITE: &str = include_str!("sql/write.sql");
const DUE_HOLDS: &str = include_str!("sql/due_holds.sql");
const BALANCES: &str = include_str!("sql/balances.sql");
const AS_OF_VERSION: &str = include_str!("sql/as_of_version.sql");
const AS_OF_TIME: &str = include_str!("sql/as_of_time.sql");
const STATEMENT: &str = include_str!("sql/statement.sql");

impl LedgerDatabase for Postgres {
    const MIGRATIONS: Migrations = Migrations {
        history_table: "gozon_ledger_migrations",
        steps: &[
            Migration {
                version: 1,
                name: "ledger",
                sql: include_str!("../../migrations/postgres/0001_ledger.sql"),
            },
            Migration {
                version: 2,
                name: "holds",
                sql: include_str!("../../migrations/postgres/0002_holds.sql"),
            },
            Migration {
                version: 3,
                name: "administration",
                sql: include_str!("../../migrations/postgres/0003_administration.sql"),
            },
        ],
    };

    fn store() -> Arc<dyn LedgerStore<PgConnection>> {
        Arc::new(PostgresStore)
    }
}

/// The adapter for PostgreSQL.
#[derive(Debug, Clone, Copy)]
pub struct PostgresStore;

#[async_trait]
impl LedgerStore<PgConnection> for PostgresStore {
    async fn insert_account(
        &self,
        tx: &mut PgConnection,
        account: &NewAccount,
        opened_at: OffsetDateTime,
    ) -> Result<bool, LedgerError> {
        let done = sqlx::query(OPEN_ACCOUNT)
            .bind(account.id.0)
            .bind(account.asset.as_str())
            .bind(account.normal.as_str())
            .bind(&account.code)
            .bind(account.floor)
            .bind(account.ceiling)
            .bind(&account.metadata)
            .bind(opened_at)
            .execute(tx)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    async fn identity(
        &self,
        tx: &mut PgConnection,
        account: AccountId,
    ) -> Result<Option<AccountIdentity>, LedgerError> {
        let row = sqlx::query(ACCOUNT_IDENTITY)
            .bind(account.0)
            .fetch_optional(tx)
            .await?;
        row.as_ref().map(rows::identity).transpose()
    }

    async fn account_state(
        &self,
        tx: &mut PgConnection,
        account: AccountId,
    ) -> Result<Option<AccountState>, LedgerError> {
        let row = sqlx::query(ACCOUNT_STATE)
            .bind(account.0)
            .fetch_optional(tx)
            .await?;
        row.as_ref().map(rows::account_state).transpose()
    }

    async fn write_account_change(
        &self,
        tx: &mut PgConnection,
        change: &ChangeRow,
    ) -> Result<(), LedgerError> {
        let (account, recorded) = (&change.account, &change.recorded);
        let (status, frozen_both) = account.status.stored();
        let done = sqlx::query(WRITE_ACCOUNT_CHANGE)
            .bind(account.id.0)
            .bind(change.previous_changed_at)
            .bind(account.changed_at)
            .bind(status)
            .bind(frozen_both)
            .bind(account.floor)
            .bind(account.ceiling)
            .bind(&change.metadata)
            .bind(&recorded.kind)
            .bind(&recorded.value)
            .bind(&recorded.reason)
            .execute(tx)
            .await?;
        check_changed(done.rows_affected(), account.id)
    }

    async fn account_changes(
        &self,
        tx: &mut PgConnection,
        account: AccountId,
        before: OffsetDateTime,
        limit: u32,
    ) -> Result<Vec<RecordedChange>, LedgerError> {
        let found = sqlx::query(ACCOUNT_CHANGES)
            .bind(account.0)
            .bind(before)
            .bind(i64::from(limit))
            .fetch_all(tx)
            .await?;
        found.iter().map(rows::recorded_change).collect()
    }

    async fn lock_accounts(
        &self,
        tx: &mut PgConnection,
        accounts: &[AccountId],
        named: &[TransferId],
    ) -> Result<Vec<Account>, LedgerError> {
        let found = sqlx::query(LOCK_ACCOUNTS)
            .bind(column(accounts, |id| id.0))
            .bind(column(named, |id| id.0))
            .fetch_all(tx)
            .await?;
        found.iter().map(rows::account).collect()
    }

    async fn find_transfers(
        &self,
        tx: &mut PgConnection,
        transfers: &[TransferId],
        named: &[TransferId],
    ) -> Result<Vec<Recorded>, LedgerError> {
        let found = sqlx::query(FIND_TRANSFERS)
            .bind(column(transfers, |id| id.0))
            .bind(column(named, |id| id.0))
            .fetch_all(tx)
            .await?;
        rows::transfers(&found)
    }

    async fn write(&self, tx: &mut PgConnection, changes: &Changes) -> Result<(), LedgerError> {
        let (transfers, entries, accounts) =
            (&changes.transfers, &changes.entries, &changes.accounts);
        let (reservations, opened) = (&changes.reservations, &changes.opened);
        let row = sqlx::query(WRITE)
            .bind(column(transfers, |row| row.transfer.id.0))
            .bind(column(transfers, |row| row.transfer.kind.as_str()))
            .bind(column(transfers, |row| {
                row.transfer.kind.hold().map(|id| id.0)
            }))
            .bind(column(transfers, |row| {
                row.transfer.kind.original().map(|id| id.0)
            }))
            .bind(column(transfers, |row| row.transfer.kind.expires_at()))
            .bind(column(transfers, |row| row.transfer.code.as_str()))
            .bind(column(transfers, |row| row.transfer.reference.as_str()))
            .bind(column(transfers, |row| row.transfer.metadata.as_str()))
            .bind(column(transfers, |row| row.request_hash.0.as_slice()))
            .bind(column(transfers, |row| row.recorded_at))
            .bind(column(entries, |row| row.account.0))
            .bind(column(entries, |row| row.version))
            .bind(column(entries, |row| row.transfer.0))
            .bind(column(entries, |row| row.amount))
            .bind(column(entries, |row| row.balance))
            .bind(column(entries, |row| row.pending_debits))
            .bind(column(entries, |row| row.pending_credits))
            .bind(column(entries, |row| row.recorded_at))
            .bind(column(reservations, |row| row.change.account.0))
            .bind(column(reservations, |row| row.number))
            .bind(column(reservations, |row| row.transfer.0))
            .bind(column(reservations, |row| row.change.debits))
            .bind(column(reservations, |row| row.change.credits))
            .bind(column(reservations, |row| row.pending_debits))
            .bind(column(reservations, |row| row.pending_credits))
            .bind(column(reservations, |row| row.balance))
            .bind(column(reservations, |row| row.version))
            .bind(column(reservations, |row| row.recorded_at))
            .bind(column(opened, |row| row.transfer.0))
            .bind(column(opened, |row| row.expires_at))
            .bind(column(&changes.resolved, |hold| hold.0))
            .bind(column(accounts, |row| row.id.0))
            .bind(column(accounts, |row| row.previous_version))
            .bind(column(accounts, |row| row.version))
            .bind(column(accounts, |row| row.debits))
            .bind(column(accounts, |row| row.credits))
            .bind(column(accounts, |row| row.previous_reservations))
            .bind(column(accounts, |row| row.reservations))
            .bind(column(accounts, |row| row.pending_debits))
            .bind(column(accounts, |row| row.pending_credits))
            .bind(column(accounts, |row| row.changed_at))
            .fetch_one(tx)
            .await?;
        check_updated(rows::count(&row, "updated")?, changes)?;
        check_resolved(rows::count(&row, "resolved")?, changes)
    }

    async fn balances(
        &self,
        tx: &mut PgConnection,
        accounts: &[AccountId],
    ) -> Result<Vec<(AccountId, Balance)>, LedgerError> {
        let ids: Vec<Uuid> = accounts.iter().map(|id| id.0).collect();
        let found = sqlx::query(BALANCES).bind(ids).fetch_all(tx).await?;
        found.iter().map(rows::balance).collect()
    }

    async fn due_holds(
        &self,
        tx: &mut PgConnection,
        now: OffsetDateTime,
        limit: u32,
    ) -> Result<Vec<TransferId>, LedgerError> {
        let found = sqlx::query(DUE_HOLDS)
            .bind(now)
            .bind(i64::from(limit))
            .fetch_all(tx)
            .await?;
        found.iter().map(rows::hold).collect()
    }

    async fn statement(
        &self,
        tx: &mut PgConnection,
        account: AccountId,
        before: i64,
        limit: u32,
    ) -> Result<Vec<Entry>, LedgerError> {
        let found = sqlx::query(STATEMENT)
            .bind(account.0)
            .bind(before)
            .bind(i64::from(limit))
            .fetch_all(tx)
            .await?;
        found.iter().map(|row| rows::entry(account, row)).collect()
    }

    async fn balance_at(
        &self,
        tx: &mut PgConnection,
        account: AccountId,
        as_of: AsOf,
    ) -> Result<Option<PastBalance>, LedgerError> {
        let query = match as_of {
            AsOf::Version(version) => sqlx::query(AS_OF_VERSION).bind(account.0).bind(version),
            AsOf::Time(time) => sqlx::query(AS_OF_TIME).bind(account.0).bind(time),
        };
        match query.fetch_optional(tx).await? {
            Some(row) => rows::past(&row)?.balance(account, as_of),
            None => Ok(None),
        }
    }

    async fn audit_accounts(
        &self,
        tx: &mut PgConnection,
        from: AccountId,
        limit: u32,
    ) -> Result<Vec<Account>, LedgerError> {
        audit::accounts(tx, from, limit).await
    }

    async fn audit_entries(
        &self,
        tx: &mut PgConnection,
        range: EntryRange,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, LedgerError> {
        audit::entries(tx, range, limit).await
    }

    async fn audit_reservations(
        &self,
        tx: &mut PgConnection,
        range: EntryRange,
        limit: u32,
    ) -> Result<Vec<AuditReservation>, LedgerError> {
        audit::reservations(tx, range, limit).await
    }

    async fn audit_transfers(
        &self,
        tx: &mut PgConnection,
        from: TransferId,
        limit: u32,
    ) -> Result<Vec<Recorded>, LedgerError> {
        audit::transfers(tx, from, limit).await
    }

    async fn audit_assets(&self, tx: &mut PgConnection) -> Result<Vec<AssetTotals>, LedgerError> {
        audit::assets(tx).await
    }

    async fn audit_open_holds(
        &self,
        tx: &mut PgConnection,
        from: TransferId,
        last: TransferId,
    ) -> Result<Vec<TransferId>, LedgerError> {
        audit::open_holds(tx, from, last).await
    }
}

fn column<'r, R, T>(rows: &'r [R], value: impl Fn(&'r R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}
