use sqlx::{Row, SqliteConnection};

use super::rows;
use crate::rules::Recorded;
use crate::store::{AssetTotals, AuditEntry, AuditReservation, EntryRange};
use crate::stored::stored_asset;
use crate::{Account, AccountId, LedgerError, TransferId};

const ACCOUNTS: &str = include_str!("sql/audit_accounts.sql");
const ENTRIES: &str = include_str!("sql/audit_entries.sql");
const TRANSFERS: &str = include_str!("sql/audit_transfers.sql");
const ASSETS: &str = include_str!("sql/audit_assets.sql");
const RESERVATIONS: &str = include_str!("sql/audit_reservations.sql");
const OPEN_HOLDS: &str = include_str!("sql/audit_open_holds.sql");

pub(super) async fn accounts(
    connection: &mut SqliteConnection,
    from: AccountId,
    limit: u32,
) -> Result<Vec<Account>, LedgerError> {
    let found = sqlx::query(ACCOUNTS)
        .bind(from.0)
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await?;
    found.iter().map(rows::account).collect()
}

pub(super) async fn entries(
    connection: &mut SqliteConnection,
    range: EntryRange,
    limit: u32,
) -> Result<Vec<AuditEntry>, LedgerError> {
    let found = sqlx::query(ENTRIES)
        .bind(range.from.0)
        .bind(range.from_version)
        .bind(range.last.0)
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await?;
    found.iter().map(rows::audit_entry).collect()
}

pub(super) async fn transfers(
    connection: &mut SqliteConnection,
    from: TransferId,
    limit: u32,
) -> Result<Vec<Recorded>, LedgerError> {
    let found = sqlx::query(TRANSFERS)
        .bind(from.0)
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await?;
    rows::transfers(&found)
}

pub(super) async fn assets(
    connection: &mut SqliteConnection,
) -> Result<Vec<AssetTotals>, LedgerError> {
    let found = sqlx::query(ASSETS).fetch_all(connection).await?;
    let totals = found.iter().map(|row| {
        let sum = |high: &str, low: &str| -> Result<i128, LedgerError> {
            let (high, low): (i64, i64) = (row.try_get(high)?, row.try_get(low)?);
            Ok((i128::from(high) << 32) + i128::from(low))
        };
        Ok(AssetTotals {
            asset: stored_asset(row.try_get("asset")?)?,
            debits: sum("debits_high", "debits_low")?,
            credits: sum("credits_high", "credits_low")?,
        })
    });
    totals.collect()
}

pub(super) async fn reservations(
    connection: &mut SqliteConnection,
    range: EntryRange,
    limit: u32,
) -> Result<Vec<AuditReservation>, LedgerError> {
    let found = sqlx::query(RESERVATIONS)
        .bind(range.from.0)
        .bind(range.from_version)
        .bind(range.last.0)
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await?;
    found.iter().map(rows::audit_reservation).collect()
}

pub(super) async fn open_holds(
    connection: &mut SqliteConnection,
    from: TransferId,
    last: TransferId,
) -> Result<Vec<TransferId>, LedgerError> {
    let found = sqlx::query(OPEN_HOLDS)
        .bind(from.0)
        .bind(last.0)
        .fetch_all(connection)
        .await?;
    found.iter().map(rows::hold).collect()
}
