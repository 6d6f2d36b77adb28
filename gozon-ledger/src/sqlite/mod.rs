//! SQLite: five statements for a batch of any size, up to eight if holds are
//! among it, their rows passed as JSON.
//! Each statement is a trip to the driver's thread, so few of them matter here too.

mod audit;
mod rows;
mod written;

use std::sync::Arc;

use async_trait::async_trait;
use gozon_sqlx::{Migration, Migrations, Sqlite};
use serde::Serialize;
use sqlx::SqliteConnection;
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
const RECORD_ACCOUNT_CHANGE: &str = include_str!("sql/record_account_change.sql");
const LOCK_ACCOUNTS: &str = include_str!("sql/lock_accounts.sql");
const FIND_TRANSFERS: &str = include_str!("sql/find_transfers.sql");
const WRITE_TRANSFERS: &str = include_str!("sql/write_transfers.sql");
const WRITE_ENTRIES: &str = include_str!("sql/write_entries.sql");
const WRITE_RESERVATIONS: &str = include_str!("sql/write_reservations.sql");
const OPEN_HOLDS: &str = include_str!("sql/open_holds.sql");
const RESOLVE_HOLDS: &str = include_str!("sql/resolve_holds.sql");
const WRITE_ACCOUNTS: &str = include_str!("sql/write_accounts.sql");
const DUE_HOLDS: &str = include_str!("sql/due_holds.sql");
const BALANCES: &str = include_str!("sql/balances.sql");
const AS_OF_VERSION: &str = include_str!("sql/as_of_version.sql");
const AS_OF_TIME: &str = include_str!("sql/as_of_time.sql");
const STATEMENT: &str = include_str!("sql/statement.sql");

impl LedgerDatabase for Sqlite {
    const MIGRATIONS: Migrations = Migrations {
        history_table: "gozon_ledger_migrations",
        steps: &[
            Migration {
                version: 1,
                name: "ledger",
                sql: include_str!("../../migrations/sqlite/0001_ledger.sql"),
            },
            Migration {
                version: 2,
                name: "holds",
                sql: include_str!("../../migrations/sqlite/0002_holds.sql"),
            },
            Migration {
                version: 3,
                name: "administration",
                sql: include_str!("../../migrations/sqlite/0003_administration.sql"),
            },
        ],
    };

    fn store() -> Arc<dyn LedgerStore<SqliteConnection>> {
        Arc::new(SqliteStore)
    }
}

/// The adapter for SQLite.
#[derive(Debug, Clone, Copy)]
pub struct SqliteStore;

#[async_trait]
impl LedgerStore<SqliteConnection> for SqliteStore {
    async fn insert_account(
        &self,
        tx: &mut SqliteConnection,
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
            .bind(rows::micros(opened_at))
            .execute(tx)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    async fn identity(
        &self,
        tx: &mut SqliteConnection,
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
        tx: &mut SqliteConnection,
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
        tx: &mut SqliteConnection,
        change: &ChangeRow,
    ) -> Result<(), LedgerError> {
        let (account, recorded) = (&change.account, &change.recorded);
        let (status, frozen_both) = account.status.stored();
        let done = sqlx::query(WRITE_ACCOUNT_CHANGE)
            .bind(account.id.0)
            .bind(rows::micros(change.previous_changed_at))
            .bind(rows::micros(account.changed_at))
            .bind(status)
            .bind(frozen_both)
            .bind(account.floor)
            .bind(account.ceiling)
            .bind(&change.metadata)
            .execute(&mut *tx)
            .await?;
        sqlx::query(RECORD_ACCOUNT_CHANGE)
            .bind(account.id.0)
            .bind(rows::micros(recorded.changed_at))
            .bind(&recorded.kind)
            .bind(&recorded.value)
            .bind(&recorded.reason)
            .execute(tx)
            .await?;
        check_changed(done.rows_affected(), account.id)
    }

    async fn account_changes(
        &self,
        tx: &mut SqliteConnection,
        account: AccountId,
        before: OffsetDateTime,
        limit: u32,
    ) -> Result<Vec<RecordedChange>, LedgerError> {
        let found = sqlx::query(ACCOUNT_CHANGES)
            .bind(account.0)
            .bind(rows::micros(before))
            .bind(i64::from(limit))
            .fetch_all(tx)
            .await?;
        found.iter().map(rows::recorded_change).collect()
    }

    async fn lock_accounts(
        &self,
        tx: &mut SqliteConnection,
        accounts: &[AccountId],
        named: &[TransferId],
    ) -> Result<Vec<Account>, LedgerError> {
        let found = sqlx::query(LOCK_ACCOUNTS)
            .bind(json(accounts.iter().map(|id| hex(id.0)))?)
            .bind(json(named.iter().map(|id| hex(id.0)))?)
            .fetch_all(tx)
            .await?;
        found.iter().map(rows::account).collect()
    }

    async fn find_transfers(
        &self,
        tx: &mut SqliteConnection,
        transfers: &[TransferId],
        named: &[TransferId],
    ) -> Result<Vec<Recorded>, LedgerError> {
        let found = sqlx::query(FIND_TRANSFERS)
            .bind(json(transfers.iter().map(|id| hex(id.0)))?)
            .bind(json(named.iter().map(|id| hex(id.0)))?)
            .fetch_all(tx)
            .await?;
        rows::transfers(&found)
    }

    async fn write(&self, tx: &mut SqliteConnection, changes: &Changes) -> Result<(), LedgerError> {
        let rows = [
            (WRITE_TRANSFERS, written::transfers(changes)?),
            (WRITE_ENTRIES, written::entries(changes)?),
            (WRITE_RESERVATIONS, written::reservations(changes)?),
            (OPEN_HOLDS, written::opened(changes)?),
        ];
        for (statement, rows) in rows {
            if let Some(rows) = rows {
                sqlx::query(statement).bind(rows).execute(&mut *tx).await?;
            }
        }
        if !changes.resolved.is_empty() {
            let ids = json(changes.resolved.iter().map(|id| hex(id.0)))?;
            let done = sqlx::query(RESOLVE_HOLDS)
                .bind(ids)
                .execute(&mut *tx)
                .await?;
            check_resolved(done.rows_affected(), changes)?;
        }
        let done = sqlx::query(WRITE_ACCOUNTS)
            .bind(written::accounts(changes)?)
            .execute(tx)
            .await?;
        check_updated(done.rows_affected(), changes)
    }

    async fn balances(
        &self,
        tx: &mut SqliteConnection,
        accounts: &[AccountId],
    ) -> Result<Vec<(AccountId, Balance)>, LedgerError> {
        let ids = json(accounts.iter().map(|id| hex(id.0)))?;
        let found = sqlx::query(BALANCES).bind(ids).fetch_all(tx).await?;
        found.iter().map(rows::balance).collect()
    }

    async fn due_holds(
        &self,
        tx: &mut SqliteConnection,
        now: OffsetDateTime,
        limit: u32,
    ) -> Result<Vec<TransferId>, LedgerError> {
        let found = sqlx::query(DUE_HOLDS)
            .bind(rows::micros(now))
            .bind(i64::from(limit))
            .fetch_all(tx)
            .await?;
        found.iter().map(rows::hold).collect()
    }

    async fn statement(
        &self,
        tx: &mut SqliteConnection,
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
        tx: &mut SqliteConnection,
        account: AccountId,
        as_of: AsOf,
    ) -> Result<Option<PastBalance>, LedgerError> {
        let query = match as_of {
            AsOf::Version(version) => sqlx::query(AS_OF_VERSION).bind(account.0).bind(version),
            AsOf::Time(time) => sqlx::query(AS_OF_TIME)
                .bind(account.0)
                .bind(rows::micros(time)),
        };
        match query.fetch_optional(tx).await? {
            Some(row) => rows::past(&row)?.balance(account, as_of),
            None => Ok(None),
        }
    }

    async fn audit_accounts(
        &self,
        tx: &mut SqliteConnection,
        from: AccountId,
        limit: u32,
    ) -> Result<Vec<Account>, LedgerError> {
        audit::accounts(tx, from, limit).await
    }

    async fn audit_entries(
        &self,
        tx: &mut SqliteConnection,
        range: EntryRange,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, LedgerError> {
        audit::entries(tx, range, limit).await
    }

    async fn audit_reservations(
        &self,
        tx: &mut SqliteConnection,
        range: EntryRange,
        limit: u32,
    ) -> Result<Vec<AuditReservation>, LedgerError> {
        audit::reservations(tx, range, limit).await
    }

    async fn audit_transfers(
        &self,
        tx: &mut SqliteConnection,
        from: TransferId,
        limit: u32,
    ) -> Result<Vec<Recorded>, LedgerError> {
        audit::transfers(tx, from, limit).await
    }

    async fn audit_assets(
        &self,
        tx: &mut SqliteConnection,
    ) -> Result<Vec<AssetTotals>, LedgerError> {
        audit::assets(tx).await
    }

    async fn audit_open_holds(
        &self,
        tx: &mut SqliteConnection,
        from: TransferId,
        last: TransferId,
    ) -> Result<Vec<TransferId>, LedgerError> {
        audit::open_holds(tx, from, last).await
    }
}

/// The rows as one JSON array. SQLite reads whole numbers of 64 bits exactly.
fn json<R: Serialize>(rows: impl Iterator<Item = R>) -> Result<String, LedgerError> {
    let rows: Vec<R> = rows.collect();
    serde_json::to_string(&rows).map_err(|error| LedgerError::Corrupt(error.to_string()))
}

fn hex(id: Uuid) -> String {
    id.simple().to_string()
}
