use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::account::posted;
use crate::past::PastRow;
use crate::rules::Recorded;
use crate::store::{AccountIdentity, AuditEntry, Stray};
use crate::stored::{TransferLine, collect, stored_asset, stored_hash, stored_side, stored_status};
use crate::{
    Account, AccountId, AccountState, Balance, Entry, LedgerError, Leg, RecordedChange, TransferId,
};

pub(super) fn account(row: &SqliteRow) -> Result<Account, LedgerError> {
    Ok(Account {
        id: account_id(row, "id")?,
        asset: stored_asset(row.try_get("asset")?)?,
        normal: stored_side(row.try_get("normal_side")?)?,
        status: stored_status(
            account_id(row, "id")?,
            row.try_get("status")?,
            row.try_get("frozen_both")?,
        )?,
        floor: row.try_get("floor")?,
        ceiling: row.try_get("ceiling")?,
        debits: row.try_get("debits")?,
        credits: row.try_get("credits")?,
        version: row.try_get("version")?,
        changed_at: time(row, "changed_at")?,
    })
}

pub(super) fn account_state(row: &SqliteRow) -> Result<AccountState, LedgerError> {
    let account = account(row)?;
    Ok(AccountState {
        id: account.id,
        balance: account.balance(),
        asset: account.asset,
        normal: account.normal,
        code: row.try_get("code")?,
        status: account.status,
        floor: account.floor,
        ceiling: account.ceiling,
        metadata: row.try_get("metadata")?,
        opened_at: time(row, "opened_at")?,
        changed_at: account.changed_at,
    })
}

pub(super) fn recorded_change(row: &SqliteRow) -> Result<RecordedChange, LedgerError> {
    Ok(RecordedChange {
        changed_at: time(row, "changed_at")?,
        kind: row.try_get("change")?,
        value: row.try_get("value")?,
        reason: row.try_get("reason")?,
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

pub(super) fn past(row: &SqliteRow) -> Result<PastRow, LedgerError> {
    let entry = match row.try_get("balance")? {
        Some(balance) => Some((balance, time(row, "recorded_at")?)),
        None => None,
    };
    Ok(PastRow {
        opened_at: time(row, "opened_at")?,
        version: row.try_get("version")?,
        entry,
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
