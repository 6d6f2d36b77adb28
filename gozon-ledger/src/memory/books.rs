//! What callers and operators ask of it, with the faults that lie in the answers.

use std::ops::Range;

use async_trait::async_trait;
use time::{Duration, OffsetDateTime};

use super::auditing::Snapshot;
use super::{Fault, MemoryLedger};
use crate::administration::decide;
use crate::ledger::{check_new, expiries};
use crate::past::last_before;
use crate::rules::{Decision, EntryRow};
use crate::verify::slice;
use crate::{
    Account, AccountChange, AccountId, AccountState, AsOf, Balance, Books, ChangeError, Changed,
    Entry, LedgerError, NewAccount, Opening, Outcomes, PastBalance, RecordedChange, Report, Status,
    Transfer, VerifyBudget, VerifyCursor, VerifySlice,
};

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
        state.open(account, self.clock.now());
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
