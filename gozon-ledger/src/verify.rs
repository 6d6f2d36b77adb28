use uuid::Uuid;

use crate::audit::{Audit, Report};
use crate::store::{EntryRange, LedgerStore};
use crate::{AccountId, LedgerError, TransferId};

/// Reads the whole ledger in pages and lets the audit check it.
///
/// No transaction spans the pages and nothing is locked. Still no honest post
/// that runs meanwhile is reported: whatever is compared comes from one
/// statement, or cannot change (entries and transfers never do), or is known to
/// be newer than what it is compared with.
pub(crate) async fn verify<Tx: Send>(
    store: &dyn LedgerStore<Tx>,
    connection: &mut Tx,
    page: u32,
    max_findings: usize,
) -> Result<Report, LedgerError> {
    let mut audit = Audit::new(max_findings);
    for totals in store.audit_assets(connection).await? {
        audit.asset(totals);
    }
    // One above the limit, so that the report knows that there are more.
    let most = u32::try_from(max_findings).unwrap_or(u32::MAX);
    for stray in store
        .audit_strays(connection, most.saturating_add(1))
        .await?
    {
        audit.stray(&stray);
    }

    let mut from = Some(Uuid::nil());
    while let Some(first) = from {
        let accounts = store
            .audit_accounts(connection, AccountId(first), page)
            .await?;
        let Some(last) = accounts.last().map(|account| account.id) else {
            break;
        };
        audit.open(accounts);
        follow_entries(store, connection, &mut audit, AccountId(first), last, page).await?;
        audit.close();
        from = after(last.0);
    }

    let mut from = Some(Uuid::nil());
    while let Some(first) = from {
        let transfers = store
            .audit_transfers(connection, TransferId(first), page)
            .await?;
        for recorded in &transfers {
            audit.transfer(recorded);
        }
        from = transfers.last().and_then(|last| after(last.transfer.id.0));
    }
    Ok(audit.finish())
}

async fn follow_entries<Tx: Send>(
    store: &dyn LedgerStore<Tx>,
    connection: &mut Tx,
    audit: &mut Audit,
    first: AccountId,
    last: AccountId,
    page: u32,
) -> Result<(), LedgerError> {
    let mut range = EntryRange {
        from: first,
        from_version: i64::MIN,
        last,
    };
    loop {
        let entries = store.audit_entries(connection, range, page).await?;
        for entry in &entries {
            audit.entry(entry);
        }
        match entries.last() {
            Some(entry) => {
                range.from = entry.account;
                range.from_version = entry.version.saturating_add(1);
            }
            None => return Ok(()),
        }
    }
}

/// The next id in the order of both databases, which is that of the bytes.
fn after(id: Uuid) -> Option<Uuid> {
    id.as_u128().checked_add(1).map(Uuid::from_u128)
}
