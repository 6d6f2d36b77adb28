use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::account::posted;
use crate::rules::Recorded;
use crate::store::{AccountIdentity, AuditEntry, Stray};
use crate::stored::{TransferLine, check_status, collect, stored_asset, stored_hash, stored_side};
use crate::{Account, AccountId, Balance, Entry, LedgerError, Leg, TransferId};

pub(super) fn open_account(row: &SqliteRow) -> Result<Account, LedgerError> {
    check_status(account_id(row, "id")?, row.try_get("status")?)?;
    account(row)
}

pub(super) fn account(row: &SqliteRow) -> Result<Account, LedgerError> {
    Ok(Account {
        id: account_id(row, "id")?,
        asset: stored_asset(row.try_get("asset")?)?,
        normal: stored_side(row.try_get("normal_side")?)?,
        floor: row.try_get("floor")?,
        ceiling: row.try_get("ceiling")?,
        debits: row.try_get("debits")?,
        credits: row.try_get("credits")?,
        version: row.try_get("version")?,
        changed_at: time(row, "changed_at")?,
    })
}

pub(super) fn identity(row: &SqliteRow) -> Result<AccountIdentity, LedgerError> {
    Ok(AccountIdentity {
        asset: stored_asset(row.try_get("asset")?)?,
        normal: stored_side(row.try_get("normal_side")?)?,
        code: row.try_get("code")?,
    })
}

pub(super) fn balance(row: &SqliteRow) -> Result<(AccountId, Balance), LedgerError> {
    let normal = stored_side(row.try_get("normal_side")?)?;
    let balance = Balance {
        posted: posted(normal, row.try_get("debits")?, row.try_get("credits")?),
        version: row.try_get("version")?,
    };
    Ok((account_id(row, "id")?, balance))
}

pub(super) fn transfers(rows: &[SqliteRow]) -> Result<Vec<Recorded>, LedgerError> {
    let lines: Result<Vec<_>, LedgerError> = rows.iter().map(transfer_line).collect();
    Ok(collect(lines?))
}

fn transfer_line(row: &SqliteRow) -> Result<TransferLine, LedgerError> {
    let leg = match row.try_get::<Option<Uuid>, _>("account_id")? {
        None => None,
        Some(account) => Some((
            Leg::of_entry(
                AccountId(account),
                stored_side(row.try_get("normal_side")?)?,
                stored_asset(row.try_get("asset")?)?,
                row.try_get("amount")?,
            ),
            Balance {
                posted: row.try_get("balance")?,
                version: row.try_get("version")?,
            },
        )),
    };
    Ok(TransferLine {
        id: transfer_id(row, "id")?,
        code: row.try_get("code")?,
        reference: row.try_get("reference")?,
        metadata: row.try_get("metadata")?,
        request_hash: stored_hash(row.try_get("request_hash")?),
        recorded_at: time(row, "recorded_at")?,
        leg,
    })
}

pub(super) fn entry(account: AccountId, row: &SqliteRow) -> Result<Entry, LedgerError> {
    Ok(Entry {
        account,
        version: row.try_get("version")?,
        transfer: transfer_id(row, "transfer_id")?,
        code: row.try_get("code")?,
        reference: row.try_get("reference")?,
        metadata: row.try_get("metadata")?,
        amount: row.try_get("amount")?,
        balance: row.try_get("balance")?,
        recorded_at: time(row, "recorded_at")?,
    })
}

pub(super) fn audit_entry(row: &SqliteRow) -> Result<AuditEntry, LedgerError> {
    Ok(AuditEntry {
        account: account_id(row, "account_id")?,
        version: row.try_get("version")?,
        amount: row.try_get("amount")?,
        balance: row.try_get("balance")?,
        recorded_at: time(row, "recorded_at")?,
        account_version: row.try_get("account_version")?,
    })
}

pub(super) fn stray(row: &SqliteRow) -> Result<Stray, LedgerError> {
    Ok(Stray {
        account: account_id(row, "account_id")?,
        version: row.try_get("version")?,
        transfer: transfer_id(row, "transfer_id")?,
    })
}

fn account_id(row: &SqliteRow, column: &str) -> Result<AccountId, LedgerError> {
    Ok(AccountId(row.try_get(column)?))
}

fn transfer_id(row: &SqliteRow, column: &str) -> Result<TransferId, LedgerError> {
    Ok(TransferId(row.try_get(column)?))
}

fn time(row: &SqliteRow, column: &str) -> Result<OffsetDateTime, LedgerError> {
    let micros: i64 = row.try_get(column)?;
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000)
        .map_err(|_| LedgerError::Corrupt(format!("{column} is {micros} microseconds")))
}

/// Microseconds since 1970. No `OffsetDateTime` is out of an `i64`'s range.
pub(super) fn micros(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX)
}
