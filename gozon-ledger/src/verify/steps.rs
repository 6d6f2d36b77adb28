use std::collections::HashMap;

use tokio::time::Instant;
use uuid::Uuid;

use super::cursor::{Stage, Window, next_id};
use super::source::AuditSource;
use super::{VerifyBudget, VerifyCursor, VerifySlice};
use crate::audit::Audit;
use crate::rules::Recorded;
use crate::{AccountId, LedgerConfig, LedgerError, TransferId};

/// Accounts that are followed at once where a cursor has to carry them.
const OPEN_ACCOUNTS: u32 = 100;

/// Reads on from `cursor` in pages, and lets the audit check them, until the
/// budget is spent.
///
/// No transaction spans the pages, let alone the slices, and nothing is locked.
/// Still no honest post that runs meanwhile is reported, and nothing that a
/// whole run would report is missed: whatever is compared comes from one
/// statement, or cannot change (entries and transfers never do), or is known to
/// be newer than what it is compared with. An account is compared with its
/// entries up to the version at which it was read, however long that takes.
pub(crate) async fn slice(
    source: &mut dyn AuditSource,
    cursor: VerifyCursor,
    budget: VerifyBudget,
    config: &LedgerConfig,
) -> Result<VerifySlice, LedgerError> {
    let begun = Instant::now();
    let VerifyCursor {
        stage,
        open,
        progress,
    } = cursor;
    let mut audit = Audit::resume(config.max_findings, open);
    let mut stage = Some(stage);
    let mut rows = 0_u64;
    while let Some(current) = stage {
        let left = u32::try_from(budget.rows.saturating_sub(rows)).unwrap_or(u32::MAX);
        let mut page = config.verify_page.min(left).max(1);
        if matches!(current, Stage::Accounts { .. }) && budget != VerifyBudget::WHOLE {
            page = page.min(OPEN_ACCOUNTS);
        }
        let (read, next) = step(source, &mut audit, current, page).await?;
        rows = rows.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        stage = next;
        if rows >= budget.rows || begun.elapsed() >= budget.time {
            break;
        }
    }
    let (report, open) = audit.pause();
    let next = stage.map(|stage| VerifyCursor {
        stage,
        open,
        progress: progress.with(&report),
    });
    Ok(VerifySlice { report, next })
}

/// Reads one page; how many rows it had, and what comes next.
async fn step(
    source: &mut dyn AuditSource,
    audit: &mut Audit,
    stage: Stage,
    page: u32,
) -> Result<(usize, Option<Stage>), LedgerError> {
    let is_full = |rows: usize| u32::try_from(rows).is_ok_and(|rows| rows >= page);
    let step = match stage {
        Stage::Assets => {
            let totals = source.assets().await?;
            let read = totals.len();
            totals.into_iter().for_each(|one| audit.asset(one));
            let from = AccountId(Uuid::nil());
            (read, Some(Stage::Accounts { from }))
        }
        Stage::Accounts { from } => {
            let accounts = source.accounts(from, page).await?;
            let read = accounts.len();
            let last = match accounts.last() {
                Some(last) if is_full(read) => last.id,
                _ => AccountId(Uuid::max()),
            };
            audit.open(accounts);
            (read, Some(Stage::Entries(Window::new(from, last))))
        }
        Stage::Entries(window) => {
            let entries = source.entries(window.range(), page).await?;
            entries.iter().for_each(|one| audit.entry(one));
            let more = entries.last().filter(|_| is_full(entries.len()));
            let more = more.and_then(|last| window.after(last.account, last.version));
            let next = match more {
                Some(rest) => Stage::Entries(rest),
                None => Stage::Reservations(window.again()),
            };
            (entries.len(), Some(next))
        }
        Stage::Reservations(window) => {
            let reservations = source.reservations(window.range(), page).await?;
            reservations.iter().for_each(|one| audit.reservation(one));
            let more = reservations.last().filter(|_| is_full(reservations.len()));
            let more = more.and_then(|last| window.after(last.change.account, last.number));
            let next = match (more, window.next()) {
                (Some(rest), _) => Stage::Reservations(rest),
                (None, next) => {
                    audit.close();
                    match next {
                        Some(from) => Stage::Accounts { from },
                        None => Stage::Transfers {
                            from: TransferId(Uuid::nil()),
                        },
                    }
                }
            };
            (reservations.len(), Some(next))
        }
        Stage::Transfers { from } => {
            let transfers = source.transfers(from, page).await?;
            transfers.iter().for_each(|one| audit.transfer(one));
            let last = match transfers.last() {
                Some(last) if is_full(transfers.len()) => last.transfer.id,
                _ => TransferId(Uuid::max()),
            };
            check_follow_ups(source, audit, &transfers).await?;
            for hold in source.open_holds(from, last).await? {
                audit.open_hold(hold);
            }
            let next = next_id(last.0).map(|from| Stage::Transfers {
                from: TransferId(from),
            });
            (transfers.len(), next)
        }
    };
    Ok(step)
}

/// Reads what these transfers resolve or take back, with all that does the
/// same, in one statement: a group that is seen is seen whole.
async fn check_follow_ups(
    source: &mut dyn AuditSource,
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
    let found = source.groups(&named).await?;
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
