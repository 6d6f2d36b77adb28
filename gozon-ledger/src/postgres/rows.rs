use sqlx::Row;
use sqlx::postgres::PgRow;
use time::{OffsetDateTime, UtcOffset};
use uuid::Uuid;

use crate::account::{Counters, balance as balance_of};
use crate::past::PastRow;
use crate::rules::{Recorded, Reserved};
use crate::store::{AccountIdentity, AuditEntry, AuditReservation};
use crate::stored::{
    Part, TransferLine, collect, stored_asset, stored_hash, stored_kind, stored_side, stored_status,
};
use crate::{
    Account, AccountId, AccountState, Balance, Entry, LedgerError, RecordedChange, TransferId,
};

pub(super) fn account(row: &PgRow) -> Result<Account, LedgerError> {
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
        pending_debits: row.try_get("pending_debits")?,
        pending_credits: row.try_get("pending_credits")?,
        version: row.try_get("version")?,
        reservations: row.try_get("reservations")?,
        changed_at: time(row, "changed_at")?,
    })
}

pub(super) fn account_state(row: &PgRow) -> Result<AccountState, LedgerError> {
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

pub(super) fn recorded_change(row: &PgRow) -> Result<RecordedChange, LedgerError> {
    Ok(RecordedChange {
        changed_at: time(row, "changed_at")?,
        kind: row.try_get("change")?,
        value: row.try_get("value")?,
        reason: row.try_get("reason")?,
    })
}

pub(super) fn identity(row: &PgRow) -> Result<AccountIdentity, LedgerError> {
    Ok(AccountIdentity {
        asset: stored_asset(row.try_get("asset")?)?,
        normal: stored_side(row.try_get("normal_side")?)?,
        code: row.try_get("code")?,
    })
}

pub(super) fn balance(row: &PgRow) -> Result<(AccountId, Balance), LedgerError> {
    let normal = stored_side(row.try_get("normal_side")?)?;
    let counters = Counters {
        debits: row.try_get("debits")?,
        credits: row.try_get("credits")?,
        pending_debits: row.try_get("pending_debits")?,
        pending_credits: row.try_get("pending_credits")?,
    };
    let balance = counters.balance(normal, row.try_get("version")?);
    Ok((account_id(row, "id")?, balance))
}

pub(super) fn transfers(rows: &[PgRow]) -> Result<Vec<Recorded>, LedgerError> {
    let lines: Result<Vec<_>, LedgerError> = rows.iter().map(transfer_line).collect();
    Ok(collect(lines?))
}

fn transfer_line(row: &PgRow) -> Result<TransferLine, LedgerError> {
    let part = match row.try_get::<Option<Uuid>, _>("account_id")? {
        None => None,
        Some(account) => Some(part(row, AccountId(account))?),
    };
    let named = |column: &str| -> Result<Option<TransferId>, LedgerError> {
        Ok(row.try_get::<Option<Uuid>, _>(column)?.map(TransferId))
    };
    Ok(TransferLine {
        id: transfer_id(row, "id")?,
        kind: stored_kind(
            row.try_get("kind")?,
            named("pending_id")?,
            named("reverses_id")?,
            expiry(row)?,
        )?,
        code: row.try_get("code")?,
        reference: row.try_get("reference")?,
        metadata: row.try_get("metadata")?,
        request_hash: stored_hash(row.try_get("request_hash")?),
        recorded_at: time(row, "recorded_at")?,
        part,
    })
}

fn part(row: &PgRow, account: AccountId) -> Result<Part, LedgerError> {
    let normal = stored_side(row.try_get("normal_side")?)?;
    let pending = (
        row.try_get("pending_debits")?,
        row.try_get("pending_credits")?,
    );
    let debits: Option<i64> = row.try_get("reserved_debits")?;
    let credits: Option<i64> = row.try_get("reserved_credits")?;
    Ok(Part {
        account,
        normal,
        asset: stored_asset(row.try_get("asset")?)?,
        amount: row.try_get("amount")?,
        reserved: debits.zip(credits),
        balance: balance_of(
            normal,
            row.try_get("balance")?,
            pending,
            row.try_get("version")?,
        ),
    })
}

pub(super) fn entry(account: AccountId, row: &PgRow) -> Result<Entry, LedgerError> {
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

pub(super) fn past(row: &PgRow) -> Result<PastRow, LedgerError> {
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

pub(super) fn audit_entry(row: &PgRow) -> Result<AuditEntry, LedgerError> {
    Ok(AuditEntry {
        account: account_id(row, "account_id")?,
        version: row.try_get("version")?,
        amount: row.try_get("amount")?,
        balance: row.try_get("balance")?,
        recorded_at: time(row, "recorded_at")?,
        transfer: transfer_id(row, "transfer_id")?,
        transfer_at: optional_time(row, "transfer_at")?,
        account_version: row.try_get("account_version")?,
    })
}

pub(super) fn audit_reservation(row: &PgRow) -> Result<AuditReservation, LedgerError> {
    Ok(AuditReservation {
        number: row.try_get("number")?,
        change: Reserved {
            account: account_id(row, "account_id")?,
            debits: row.try_get("debits")?,
            credits: row.try_get("credits")?,
        },
        pending_debits: row.try_get("pending_debits")?,
        pending_credits: row.try_get("pending_credits")?,
        recorded_at: time(row, "recorded_at")?,
        transfer: transfer_id(row, "transfer_id")?,
        transfer_at: optional_time(row, "transfer_at")?,
        account_reservations: row.try_get("account_reservations")?,
    })
}

pub(super) fn hold(row: &PgRow) -> Result<TransferId, LedgerError> {
    transfer_id(row, "transfer_id")
}

pub(super) fn count(row: &PgRow, column: &str) -> Result<u64, LedgerError> {
    let count: i64 = row.try_get(column)?;
    u64::try_from(count).map_err(|_| LedgerError::Corrupt(format!("{column} is {count}")))
}

fn account_id(row: &PgRow, column: &str) -> Result<AccountId, LedgerError> {
    Ok(AccountId(row.try_get(column)?))
}

fn transfer_id(row: &PgRow, column: &str) -> Result<TransferId, LedgerError> {
    Ok(TransferId(row.try_get(column)?))
}

fn optional_time(row: &PgRow, column: &str) -> Result<Option<OffsetDateTime>, LedgerError> {
    let time: Option<OffsetDateTime> = row.try_get(column)?;
    Ok(time.map(|time| time.to_offset(UtcOffset::UTC)))
}

fn expiry(row: &PgRow) -> Result<Option<OffsetDateTime>, LedgerError> {
    optional_time(row, "expires_at")
}

fn time(row: &PgRow, column: &str) -> Result<OffsetDateTime, LedgerError> {
    let time: OffsetDateTime = row.try_get(column)?;
    Ok(time.to_offset(UtcOffset::UTC))
}
