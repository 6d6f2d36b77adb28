use std::collections::HashMap;

use uuid::Uuid;

use crate::audit::{Audit, Report};
use crate::rules::Recorded;
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
    for hold in store
        .audit_open_holds(connection, most.saturating_add(1))
        .await?
    {
        audit.open_hold(hold);
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
        follow_reservations(store, connection, &mut audit, AccountId(first), last, page).await?;
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
        check_follow_ups(store, connection, &mut audit, &transfers).await?;
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

async fn follow_reservations<Tx: Send>(
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
        let reservations = store.audit_reservations(connection, range, page).await?;
        for reservation in &reservations {
            audit.reservation(reservation);
        }
        match reservations.last() {
            Some(row) => {
                range.from = row.change.account;
                range.from_version = row.number.saturating_add(1);
            }
            None => return Ok(()),
        }
    }
}

/// Reads what these transfers resolve or take back, with all that does the
/// same, in one statement: a group that is seen is seen whole.
async fn check_follow_ups<Tx: Send>(
    store: &dyn LedgerStore<Tx>,
    connection: &mut Tx,
    audit: &mut Audit,
    transfers: &[Recorded],
) -> Result<(), LedgerError> {
    let named = transfers.iter().filter_map(|one| one.transfer.kind.named());
    let mut named: Vec<TransferId> = named.collect();
    named.sort_unstable();
    named.dedup();
    if named.is_empty() {
        return Ok(());
    }
    let found = store.find_transfers(connection, &[], &named).await?;
    let mut groups: HashMap<TransferId, Vec<Recorded>> = HashMap::new();
    for one in found {
        // A posted hold that was then taken back is in two groups.
        let leads = named.binary_search(&one.transfer.id).is_ok();
        let follows = one
            .transfer
            .kind
            .named()
            .filter(|id| named.binary_search(id).is_ok());
        if leads {
            groups.entry(one.transfer.id).or_default().push(one.clone());
        }
        if let Some(id) = follows {
            groups.entry(id).or_default().push(one);
        }
    }
    for transfer in transfers {
        let group = transfer
            .transfer
            .kind
            .named()
            .and_then(|id| groups.get(&id));
        audit.follow_up(transfer, group.map_or(&[], Vec::as_slice));
    }
    Ok(())
}

/// The next id in the order of both databases, which is that of the bytes.
fn after(id: Uuid) -> Option<Uuid> {
    id.as_u128().checked_add(1).map(Uuid::from_u128)
}
