//! The ledger in memory: the rules without a database, for tests of your own
//! and for the suite, which must be able to catch it when it is broken.

mod auditing;
mod fault;
mod wrong;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use gozon_core::Clock;
use time::{Duration, OffsetDateTime};
use tokio::sync::Barrier;

use crate::administration::decide;
use crate::ledger::{check_new, expiries};
use crate::past::last_before;
use crate::rules::{Book, Changes, Decision, EntryRow, Recorded, ReservationRow};
use crate::verify::slice;
use crate::{
    Account, AccountChange, AccountId, AccountState, AsOf, Balance, Books, ChangeError, Changed,
    Entry, Kind, LedgerConfig, LedgerError, NewAccount, Opening, Outcomes, PastBalance,
    RecordedChange, Report, Status, Transfer, TransferId, VerifyBudget, VerifyCursor, VerifySlice,
};

use auditing::Snapshot;

pub use fault::Fault;

/// A ledger that lives as long as its process.
pub struct MemoryLedger {
    pub(crate) state: Arc<Mutex<State>>,
    config: LedgerConfig,
    clock: Arc<dyn Clock>,
    fault: Option<Fault>,
    meeting: Arc<Barrier>,
}

#[derive(Debug, Default, Clone)]
pub(crate) struct State {
    pub(crate) accounts: BTreeMap<AccountId, Account>,
    details: BTreeMap<AccountId, Details>,
    changes: BTreeMap<(AccountId, OffsetDateTime), RecordedChange>,
    pub(crate) transfers: BTreeMap<TransferId, Recorded>,
    pub(crate) entries: BTreeMap<(AccountId, i64), EntryRow>,
    pub(crate) reservations: BTreeMap<(AccountId, i64), ReservationRow>,
    pub(crate) open_holds: BTreeMap<TransferId, Option<OffsetDateTime>>,
    /// What a broken ledger keeps of the transfers that it refused.
    refused: BTreeSet<TransferId>,
    /// The accounts for which a broken ledger does not wait.
    taken: BTreeSet<AccountId>,
}

/// What the rules do not need to know of an account.
#[derive(Debug, Clone)]
struct Details {
    code: String,
    metadata: String,
    opened_at: OffsetDateTime,
}

impl MemoryLedger {
    /// An empty ledger with default settings.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            state: Arc::default(),
            config: LedgerConfig::default(),
            clock,
            fault: None,
            meeting: Arc::new(Barrier::new(2)),
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
            meeting: Arc::clone(&self.meeting),
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
        let named: BTreeSet<TransferId> = transfers
            .iter()
            .filter_map(|one| one.kind.named())
            .collect();
        let ids: BTreeSet<TransferId> = transfers.iter().map(|one| one.id).collect();
        let legs = transfers.iter().flat_map(|transfer| &transfer.legs);
        let mut accounts: BTreeSet<AccountId> = legs.map(|leg| leg.account).collect();
        for followed in named.iter().filter_map(|id| state.transfers.get(id)) {
            accounts.extend(followed.balances.iter().map(|(account, _)| *account));
        }
        let accounts = accounts
            .iter()
            .filter_map(|id| state.accounts.get(id).cloned());
        let mut wanted: BTreeSet<TransferId> = named.clone();
        if !self.has(Fault::ForgetsIds) {
            wanted.extend(ids);
        }
        if !named.is_empty() {
            let all = state.transfers.values();
            let follows = all.filter(|one| {
                let other = one.transfer.kind.named();
                other.is_some_and(|id| named.contains(&id))
            });
            wanted.extend(follows.map(|one| one.transfer.id));
        }
        let recorded = wanted.iter().filter_map(|id| state.transfers.get(id));
        let recorded = recorded.filter_map(|one| self.as_loaded(state, one.clone()));
        Book::new(
            accounts.map(|account| self.account_as_loaded(account)),
            recorded,
        )
    }

    fn account_as_loaded(&self, mut account: Account) -> Account {
        match self.fault {
            Some(Fault::ForgetsFloors) => account.floor = None,
            Some(Fault::ForgetsCeilings) => account.ceiling = None,
            Some(Fault::ForgetsStatus) => account.status = Status::Open,
            Some(Fault::TrustsTheClock) => account.changed_at = OffsetDateTime::UNIX_EPOCH,
            Some(Fault::NetsCounters) => Self::net(&mut account),
            Some(Fault::ForgetsPending) => {
                account.pending_debits = 0;
                account.pending_credits = 0;
            }
            _ => {}
        }
        account
    }

    fn as_loaded(&self, state: &State, mut recorded: Recorded) -> Option<Recorded> {
        self.mistake(&mut recorded);
        let kind = &mut recorded.transfer.kind;
        match self.fault {
            Some(Fault::ReplaysTodaysBalances) => {
                for (id, balance) in &mut recorded.balances {
                    *balance = state.accounts.get(id).map_or(*balance, Account::balance);
                }
            }
            Some(Fault::ReplaysWithoutPending) => {
                for (_, balance) in &mut recorded.balances {
                    (balance.incoming, balance.outgoing) = (0, 0);
                }
            }
            Some(Fault::ForgetsExpiry) => {
                if let Kind::Pending { expires_at } = kind {
                    *expires_at = None;
                }
            }
            Some(Fault::ForgetsResolutions) if kind.hold().is_some() => return None,
            Some(Fault::ForgetsReversals) if kind.original().is_some() => return None,
            Some(Fault::InflatesHolds) if matches!(kind, Kind::Pending { .. }) => {
                for leg in &mut recorded.transfer.legs {
                    leg.amount = leg.amount.saturating_mul(2);
                }
            }
            Some(Fault::ForgetsReferences) => recorded.transfer.reference.clear(),
            _ => {}
        }
        Some(recorded)
    }

    /// What a broken core takes the batch for.
    fn as_asked(&self, transfers: &[Transfer]) -> Vec<Transfer> {
        let mut transfers = transfers.to_vec();
        for transfer in &mut transfers {
            self.misread(transfer);
            match (self.fault, transfer.kind) {
                (Some(Fault::HoldsMoveMoney), Kind::Pending { .. }) => {
                    transfer.kind = Kind::Single;
                }
                (Some(Fault::PostsInFull), Kind::Post { .. }) => transfer.legs.clear(),
                _ => {}
            }
        }
        transfers
    }

    fn decide(&self, state: &State, transfers: &[Transfer], now: OffsetDateTime) -> Decision {
        let transfers = self.as_asked(transfers);
        let mut book = self.load(state, &transfers);
        if self.has(Fault::PromisesWithoutRoom)
            && transfers
                .iter()
                .all(|one| matches!(one.kind, Kind::Pending { .. }))
        {
            book = book.without_ceilings();
        }
        book.decide(&transfers, &self.limits(), now)
    }

    fn write(&self, state: &mut State, mut changes: Changes) {
        if self.has(Fault::TearsTransfers) {
            changes.entries.pop();
        }
        for mut recorded in changes.transfers {
            if self.has(Fault::CutsText) {
                recorded.transfer.reference.truncate(10);
            }
            state.transfers.insert(recorded.transfer.id, recorded);
        }
        for entry in changes.entries {
            state.entries.insert((entry.account, entry.version), entry);
        }
        for row in changes.reservations {
            state
                .reservations
                .insert((row.change.account, row.number), row);
        }
        for hold in changes.opened {
            state.open_holds.insert(hold.transfer, hold.expires_at);
        }
        for hold in changes.resolved {
            state.open_holds.remove(&hold);
        }
        for row in changes.accounts {
            let Some(account) = state.accounts.get_mut(&row.id) else {
                continue;
            };
            account.version = row.version;
            account.debits = row.debits;
            account.credits = row.credits;
            account.reservations = row.reservations;
            account.changed_at = row.changed_at;
            let kept = self.has(Fault::KeepsReservations);
            let least = |old: i64| if kept { old } else { 0 };
            account.pending_debits = row.pending_debits.max(least(account.pending_debits));
            account.pending_credits = row.pending_credits.max(least(account.pending_credits));
        }
    }
}

#[async_trait]
impl Books for MemoryLedger {
    async fn open_account(&self, account: &NewAccount) -> Result<Opening, LedgerError> {
        if !self.has(Fault::OpensAnything) {
            check_new(account, &self.config.limits)?;
        }
        let mut state = self.state();
        if let Some(found) = state.accounts.get(&account.id)
            && !self.has(Fault::ReopensAccounts)
        {
            let differs = if self.has(Fault::TakesAccountsForOthers) {
                return Ok(Opening::AlreadyOpen);
            } else if found.asset != account.asset {
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
            pending_debits: 0,
            pending_credits: 0,
            version: 0,
            reservations: 0,
            changed_at: opened_at,
        };
        state.accounts.insert(account.id, opened);
        Ok(Opening::Opened)
    }

    async fn post(&self, transfers: &[Transfer]) -> Result<Outcomes, LedgerError> {
        if transfers.len() > self.config.max_batch && !self.has(Fault::TakesAnyBatch) {
            return Err(LedgerError::BatchTooLarge {
                transfers: transfers.len(),
                limit: self.config.max_batch,
            });
        }
        let now = self.clock.now();
        if self.has(Fault::DoesNotLock) {
            let Decision { outcomes, changes } = self.decide(&self.state(), transfers, now);
            self.meet().await;
            self.write(&mut self.state(), changes);
            return Ok(outcomes);
        }
        if self.has(Fault::NeverTriesAgain) {
            return self.post_impatiently(transfers, now).await;
        }
        let mut state = self.state();
        if self.goes_one_by_one() {
            return Ok(self.post_one_by_one(&mut state, transfers, now));
        }
        let Decision { outcomes, changes } = self.decide(&state, transfers, now);
        if self.has(Fault::SpreadsRefusals)
            && let Some(refused) = outcomes.iter().find_map(|outcome| outcome.clone().err())
        {
            return Ok(vec![Err(refused); transfers.len()]);
        }
        self.write(&mut state, changes);
        Ok(outcomes)
    }

    async fn expire_due(&self, limit: usize) -> Result<usize, LedgerError> {
        if self.has(Fault::NeverExpires) {
            return Ok(0);
        }
        let mut now = self.clock.now();
        if self.has(Fault::ExpiresEarly) {
            now += Duration::days(1);
        }
        let mut due: Vec<_> = {
            let state = self.state();
            let open = state.open_holds.iter();
            open.filter_map(|(hold, end)| Some((*end.as_ref()?, *hold)))
                .collect()
        };
        due.retain(|(end, _)| *end <= now);
        due.sort_unstable();
        due.truncate(limit.min(self.config.max_batch));
        let expiries = expiries(due.into_iter().map(|(_, hold)| hold).collect());
        let outcomes = if self.has(Fault::ExpiresEarly) {
            let mut state = self.state();
            let decision = self.decide(&state, &expiries, now);
            self.write(&mut state, decision.changes);
            decision.outcomes
        } else {
            self.post(&expiries).await?
        };
        Ok(outcomes
            .iter()
            .filter(|one| one.as_ref().is_ok_and(|one| !one.replayed))
            .count())
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
            (asked.pending_debits, asked.pending_credits) = (0, 0);
        }
        if self.has(Fault::RecordsRepeats) {
            asked.status = Status::Open;
        }
        let limits = &self.limits();
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
            let mut line = Entry {
                account,
                version: entry.version,
                transfer: transfer.id,
                code: transfer.code.clone(),
                reference: transfer.reference.clone(),
                metadata: transfer.metadata.clone(),
                amount: entry.amount,
                balance: entry.balance,
                recorded_at: entry.recorded_at,
            };
            let normal = state.accounts.get(&account).map(|one| one.normal);
            self.turn(normal, &mut line);
            Some(line)
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
        let mut whole = Snapshot {
            state: self.state().clone(),
            skips: self.has(Fault::AlarmsFalsely),
        };
        if self.has(Fault::BlindVerify) {
            return Ok(Report::default());
        }
        let (begin, budget) = (VerifyCursor::default(), VerifyBudget::WHOLE);
        Ok(slice(&mut whole, begin, budget, &self.config).await?.report)
    }

    async fn verify_some(
        &self,
        cursor: VerifyCursor,
        budget: VerifyBudget,
    ) -> Result<VerifySlice, LedgerError> {
        let mut now = Snapshot {
            state: self.state().clone(),
            skips: self.has(Fault::SkipsAnEntryPerSlice),
        };
        let mut slice = slice(&mut now, cursor, budget, &self.config).await?;
        if self.has(Fault::BlindVerify) {
            slice.report.findings.clear();
        }
        if let Some(next) = &mut slice.next
            && self.has(Fault::ForgetsBetweenSlices)
        {
            next.open.clear();
        }
        Ok(slice)
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

impl std::fmt::Debug for MemoryLedger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryLedger")
            .field("fault", &self.fault)
            .finish_non_exhaustive()
    }
}
