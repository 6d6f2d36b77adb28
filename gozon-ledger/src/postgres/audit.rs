use sqlx::{PgConnection, Row};

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
    connection: &mut PgConnection,
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
    connection: &mut PgConnection,
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
    connection: &mut PgConnection,
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

pub(super) async fn assets(connection: &mut PgConnection) -> Result<Vec<AssetTotals>, LedgerError> {
    let found = sqlx::query(ASSETS).fetch_all(connection).await?;
    let totals = found.iter().map(|row| {
        let sum = |name: &str| {
            let text: &str = row.try_get(name)?;
            text.parse::<i128>()
                .map_err(|_| LedgerError::Corrupt(format!("sum of {name}: {text}")))
        };
        Ok(AssetTotals {
            asset: stored_asset(row.try_get("asset")?)?,
            debits: sum("debits")?,
            credits: sum("credits")?,
        })
    });
    totals.collect()
}

pub(super) async fn reservations(
    connection: &mut PgConnection,
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
    connection: &mut PgConnection,
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
