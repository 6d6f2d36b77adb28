//! The ledger in memory: the rules without a database, for tests of your own
//! and for the suite, which must be able to catch it when it is broken.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use gozon_core::Clock;
use time::OffsetDateTime;

use crate::administration::decide;
use crate::audit::Audit;
use crate::ledger::check_new;
use crate::past::last_before;
use crate::rules::{Book, Changes, Decision, EntryRow, Recorded};
use crate::store::{AssetTotals, AuditEntry, Stray};
use crate::{
    Account, AccountChange, AccountId, AccountState, AsOf, Balance, Books, ChangeError, Changed,
    Entry, LedgerConfig, LedgerError, Leg, NewAccount, Opening, Outcomes, PastBalance,
    RecordedChange, Report, RequestHash, Status, Transfer, TransferId,
};

/// A ledger that lives as long as its process.
pub struct MemoryLedger {
    pub(crate) state: Arc<Mutex<State>>,
    config: LedgerConfig,
    clock: Arc<dyn Clock>,
    fault: Option<Fault>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) accounts: BTreeMap<AccountId, Account>,
    details: BTreeMap<AccountId, Details>,
    changes: BTreeMap<(AccountId, OffsetDateTime), RecordedChange>,
    pub(crate) transfers: BTreeMap<TransferId, Recorded>,
    pub(crate) entries: BTreeMap<(AccountId, i64), EntryRow>,
}

/// What the rules do not need to know of an account.
#[derive(Debug)]
struct Details {
    code: String,
    metadata: String,
    opened_at: OffsetDateTime,
}

/// A way for a store to be wrong. The suite must notice each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Does not find the transfers that exist.
    ForgetsIds,
    /// Loads accounts without their floor.
    ForgetsFloors,
    /// Loads accounts without their ceiling.
    ForgetsCeilings,
    /// Does not keep an account from others between reading and writing.
    DoesNotLock,
    /// Answers a replay with the balances of now.
    ReplaysTodaysBalances,
    /// Writes only the first entry of a batch's last transfer.
    TearsTransfers,
    /// Fails the neighbours of a refused transfer too.
    SpreadsRefusals,
    /// Loads accounts without the time of their last entry.
    TrustsTheClock,
    /// Answers every question about the past with today's balance.
    KnowsOnlyToday,
    /// Leaves out what was recorded at the very time that is asked for.
    EndsTimesEarly,
    /// Includes what was recorded at the end of a range.
    EndsTimesLate,
    /// Begins a statement with the oldest entry.
    OldestFirst,
    /// Pages from the entry at the cursor, not below it.
    RepeatsTheCursor,
    /// Cuts references to ten bytes.
    CutsText,
    /// Loads accounts without their status.
    ForgetsStatus,
    /// Closes accounts that hold something.
    ClosesWithMoney,
    /// Loads the limits with which accounts were opened.
    KeepsOldLimits,
    /// Keeps no history of changes.
    ForgetsChanges,
    /// Records a change that finds itself done.
    RecordsRepeats,
    /// Opens an account again over the one that is there.
    ReopensAccounts,
    /// Finds nothing wrong, whatever is.
    BlindVerify,
}

impl MemoryLedger {
    /// An empty ledger with default settings.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            state: Arc::default(),
            config: LedgerConfig::default(),
            clock,
            fault: None,
        }
    }

    /// Another instance on the same books, with a clock of its own.
    #[must_use]
    pub fn instance(&self, clock: Arc<dyn Clock>) -> Self {
        Self {
            state: Arc::clone(&self.state),
            config: self.config.clone(),
            clock,
            fault: self.fault,
        }
    }

    /// Breaks it.
    #[must_use]
    pub fn with_fault(self, fault: Fault) -> Self {
        Self {
            fault: Some(fault),
            ..self
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// What a store would load for the batch.
    fn load(&self, state: &State, transfers: &[Transfer]) -> Book {
        let legs = transfers.iter().flat_map(|transfer| &transfer.legs);
        let accounts = legs.filter_map(|leg| state.accounts.get(&leg.account).cloned());
        let accounts = accounts.map(|mut account| {
            if self.has(Fault::ForgetsFloors) {
                account.floor = None;
            }
            if self.has(Fault::ForgetsCeilings) {
                account.ceiling = None;
            }
            if self.has(Fault::ForgetsStatus) {
                account.status = Status::Open;
            }
            if self.has(Fault::TrustsTheClock) {
                account.changed_at = OffsetDateTime::UNIX_EPOCH;
            }
            account
        });
        let recorded = transfers
            .iter()
            .filter(|_| !self.has(Fault::ForgetsIds))
            .filter_map(|transfer| state.transfers.get(&transfer.id).cloned())
            .map(|mut recorded| {
                if self.has(Fault::ReplaysTodaysBalances) {
                    for (id, balance) in &mut recorded.balances {
                        *balance = state.accounts.get(id).map_or(*balance, Account::balance);
                    }
                }
                recorded
            });
        Book::new(accounts, recorded)
    }

    fn write(&self, state: &mut State, transfers: &[Transfer], mut changes: Changes) {
        if self.has(Fault::TearsTransfers) {
            changes.entries.pop();
        }
        for row in changes.transfers {
            // By content: a refused transfer may have come before under this id.
            let wanted = |asked: &&Transfer| RequestHash::of(asked) == row.request_hash;
            let Some(asked) = transfers.iter().find(wanted) else {
                continue;
            };
            let mut transfer = asked.clone();
            transfer.legs.sort_unstable();
            if self.has(Fault::CutsText) {
                transfer.reference.truncate(10);
            }
            let balances = transfer.legs.iter().filter_map(|leg| {
                let entry = changes
                    .entries
                    .iter()
                    .find(|entry| entry.account == leg.account && entry.transfer == row.id)?;
                let balance = Balance {
                    posted: entry.balance,
                    version: entry.version,
                };
                Some((leg.account, balance))
            });
            let recorded = Recorded {
                balances: balances.collect(),
                transfer,
                request_hash: row.request_hash,
                recorded_at: row.recorded_at,
            };
            state.transfers.insert(row.id, recorded);
        }
        for entry in changes.entries {
            state.entries.insert((entry.account, entry.version), entry);
        }
        for row in changes.accounts {
            if let Some(account) = state.accounts.get_mut(&row.id) {
                account.version = row.version;
                account.debits = row.debits;
                account.credits = row.credits;
                account.changed_at = row.changed_at;
            }
        }
    }
}

#[async_trait]
impl Books for MemoryLedger {
    async fn open_account(&self, account: &NewAccount) -> Result<Opening, LedgerError> {
        check_new(account, &self.config.limits)?;
        let mut state = self.state();
        if let Some(found) = state.accounts.get(&account.id)
            && !self.has(Fault::ReopensAccounts)
        {
            let differs = if found.asset != account.asset {
                "asset"
            } else if found.normal != account.normal {
                "normal side"
            } else if state.details.get(&account.id).map(|one| &one.code) != Some(&account.code) {
                "code"
            } else {
                return Ok(Opening::AlreadyOpen);
            };
            return Err(LedgerError::AccountConflict {
                account: account.id,
                differs,
            });
        }
        let opened_at = self.clock.now();
        let details = Details {
            code: account.code.clone(),
            metadata: account.metadata.clone(),
            opened_at,
        };
        state.details.insert(account.id, details);
        let opened = Account {
            id: account.id,
            asset: account.asset.clone(),
            normal: account.normal,
            status: Status::Open,
            floor: account.floor,
            ceiling: account.ceiling,
            debits: 0,
            credits: 0,
            version: 0,
            changed_at: opened_at,
        };
        state.accounts.insert(account.id, opened);
        Ok(Opening::Opened)
    }

    async fn post(&self, transfers: &[Transfer]) -> Result<Outcomes, LedgerError> {
        if transfers.len() > self.config.max_batch {
            return Err(LedgerError::BatchTooLarge {
                transfers: transfers.len(),
                limit: self.config.max_batch,
            });
        }
        let now = self.clock.now();
        if self.has(Fault::DoesNotLock) {
            let book = self.load(&self.state(), transfers);
            let decision = book.decide(transfers, &self.config.limits, now);
            tokio::task::yield_now().await;
            self.write(&mut self.state(), transfers, decision.changes);
            return Ok(decision.outcomes);
        }
        let mut state = self.state();
        let book = self.load(&state, transfers);
        let Decision { outcomes, changes } = book.decide(transfers, &self.config.limits, now);
        if self.has(Fault::SpreadsRefusals)
            && let Some(refused) = outcomes.iter().find_map(|outcome| outcome.clone().err())
        {
            return Ok(vec![Err(refused); transfers.len()]);
        }
        self.write(&mut state, transfers, changes);
        Ok(outcomes)
    }

    async fn balance(&self, account: AccountId) -> Result<Option<Balance>, LedgerError> {
        Ok(self.state().accounts.get(&account).map(Account::balance))
    }

    async fn account(&self, account: AccountId) -> Result<Option<AccountState>, LedgerError> {
        Ok(self.state().account(account))
    }

    async fn change_account(
        &self,
        account: AccountId,
        change: &AccountChange,
        reason: &str,
    ) -> Result<Changed, LedgerError> {
        let mut state = self.state();
        let missing = ChangeError::AccountNotFound { account };
        let known = state.accounts.get(&account).cloned();
        let (Some(known), Some(now)) = (known, state.account(account)) else {
            return Err(missing.into());
        };
        let mut asked = known.clone();
        if self.has(Fault::ClosesWithMoney) {
            (asked.debits, asked.credits) = (0, 0);
        }
        if self.has(Fault::RecordsRepeats) {
            asked.status = Status::Open;
        }
        let limits = &self.config.limits;
        let at = self.clock.now();
        let Some(row) = decide(&asked, &now.metadata, change, reason, limits, at)? else {
            return Ok(Changed {
                applied: false,
                account: now,
            });
        };
        if !self.has(Fault::ForgetsChanges) {
            let key = (account, row.recorded.changed_at);
            state.changes.insert(key, row.recorded);
        }
        if let Some(known) = state.accounts.get_mut(&account) {
            known.status = row.account.status;
            known.changed_at = row.account.changed_at;
            if !self.has(Fault::KeepsOldLimits) {
                known.floor = row.account.floor;
                known.ceiling = row.account.ceiling;
            }
        }
        if let Some(details) = state.details.get_mut(&account) {
            details.metadata = row.metadata;
        }
        let account = state.account(account).ok_or(missing)?;
        Ok(Changed {
            applied: true,
            account,
        })
    }

    async fn account_changes(
        &self,
        account: AccountId,
        before: Option<OffsetDateTime>,
        limit: u32,
    ) -> Result<Vec<RecordedChange>, LedgerError> {
        let state = self.state();
        let limit = limit.min(self.config.max_page);
        let own = state
            .changes
            .iter()
            .rev()
            .filter(|((id, at), _)| *id == account && before.is_none_or(|before| *at < before));
        let page = own.take(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(page.map(|(_, change)| change.clone()).collect())
    }

    async fn statement(
        &self,
        account: AccountId,
        before_version: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Entry>, LedgerError> {
        let mut before = before_version.unwrap_or(i64::MAX);
        if self.has(Fault::RepeatsTheCursor) {
            before = before.saturating_add(1);
        }
        let state = self.state();
        let mut entries: Vec<&EntryRow> = state
            .entries
            .range((account, i64::MIN)..(account, before))
            .map(|(_, entry)| entry)
            .collect();
        if !self.has(Fault::OldestFirst) {
            entries.reverse();
        }
        let limit = limit.min(self.config.max_page);
        entries.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let lines = entries.into_iter().filter_map(|entry| {
            let transfer = &state.transfers.get(&entry.transfer)?.transfer;
            Some(Entry {
                account,
                version: entry.version,
                transfer: transfer.id,
                code: transfer.code.clone(),
                reference: transfer.reference.clone(),
                metadata: transfer.metadata.clone(),
                amount: entry.amount,
                balance: entry.balance,
                recorded_at: entry.recorded_at,
            })
        });
        Ok(lines.collect())
    }

    async fn balance_at(
        &self,
        account: AccountId,
        as_of: AsOf,
    ) -> Result<Option<PastBalance>, LedgerError> {
        let state = self.state();
        let Some(details) = state.details.get(&account) else {
            return Ok(None);
        };
        let opened = PastBalance {
            posted: 0,
            version: 0,
            recorded_at: details.opened_at,
        };
        let own = state.entries.range((account, 0)..=(account, i64::MAX));
        let after = own.map(|(_, entry)| PastBalance {
            posted: entry.balance,
            version: entry.version,
            recorded_at: entry.recorded_at,
        });
        let points: Vec<_> = std::iter::once(opened).chain(after).collect();
        let found = points.iter().rfind(|point| match as_of {
            _ if self.has(Fault::KnowsOnlyToday) => true,
            AsOf::Version(version) => point.version == version,
            AsOf::Time(time) if self.has(Fault::EndsTimesEarly) => point.recorded_at < time,
            AsOf::Time(time) => point.recorded_at <= time,
        });
        Ok(found.copied())
    }

    async fn statement_between(
        &self,
        account: AccountId,
        recorded: Range<OffsetDateTime>,
        before_version: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Entry>, LedgerError> {
        let end = if self.has(Fault::EndsTimesLate) {
            recorded.end
        } else {
            last_before(recorded.end)
        };
        let Some(last) = self.balance_at(account, AsOf::Time(end)).await? else {
            return Ok(Vec::new());
        };
        let before = last.version + 1;
        let before = before_version.map_or(before, |cursor| cursor.min(before));
        let mut page = self.statement(account, Some(before), limit).await?;
        page.retain(|entry| entry.recorded_at >= recorded.start);
        Ok(page)
    }

    async fn verify(&self) -> Result<Report, LedgerError> {
        if self.has(Fault::BlindVerify) {
            return Ok(Report::default());
        }
        Ok(audit(&self.state(), self.config.max_findings))
    }
}

impl State {
    fn account(&self, id: AccountId) -> Option<AccountState> {
        let account = self.accounts.get(&id)?;
        let details = self.details.get(&id)?;
        Some(AccountState {
            id,
            asset: account.asset.clone(),
            normal: account.normal,
            code: details.code.clone(),
            status: account.status,
            floor: account.floor,
            ceiling: account.ceiling,
            metadata: details.metadata.clone(),
            balance: account.balance(),
            opened_at: details.opened_at,
            changed_at: account.changed_at,
        })
    }
}

fn audit(state: &State, max_findings: usize) -> Report {
    let mut audit = Audit::new(max_findings);
    let mut totals: BTreeMap<_, AssetTotals> = BTreeMap::new();
    for account in state.accounts.values() {
        let sums = totals
            .entry(account.asset.clone())
            .or_insert_with(|| AssetTotals {
                asset: account.asset.clone(),
                debits: 0,
                credits: 0,
            });
        sums.debits += i128::from(account.debits);
        sums.credits += i128::from(account.credits);
    }
    for totals in totals.into_values() {
        audit.asset(totals);
    }
    audit.open(state.accounts.values().cloned().collect());
    for entry in state.entries.values() {
        let account = state.accounts.get(&entry.account);
        let transfer = state.transfers.get(&entry.transfer);
        let stray = account.is_none()
            || transfer.is_none_or(|transfer| transfer.recorded_at != entry.recorded_at);
        if stray {
            audit.stray(&Stray {
                account: entry.account,
                version: entry.version,
                transfer: entry.transfer,
            });
        }
        if let Some(account) = account {
            audit.entry(&AuditEntry {
                account: entry.account,
                version: entry.version,
                amount: entry.amount,
                balance: entry.balance,
                recorded_at: entry.recorded_at,
                account_version: account.version,
            });
        }
    }
    audit.close();
    for recorded in state.transfers.values() {
        let mut recorded = recorded.clone();
        // What stands in the books is what the entries say.
        recorded.transfer.legs = state
            .entries
            .values()
            .filter(|entry| entry.transfer == recorded.transfer.id)
            .filter_map(|entry| {
                let account = state.accounts.get(&entry.account)?;
                let asset = account.asset.clone();
                Some(Leg::of_entry(
                    entry.account,
                    account.normal,
                    asset,
                    entry.amount,
                ))
            })
            .collect();
        audit.transfer(&recorded);
    }
    audit.finish()
}

impl std::fmt::Debug for MemoryLedger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryLedger")
            .field("fault", &self.fault)
            .finish_non_exhaustive()
    }
}
