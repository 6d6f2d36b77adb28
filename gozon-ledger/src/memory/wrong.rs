//! How a broken ledger posts and loads, where that takes more than a line.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::timeout;

use super::{Fault, MemoryLedger, State};
use crate::rules::{Decision, Recorded};
use crate::{Account, Entry, Kind, LedgerError, Limits, Outcomes, PostError, Side, Transfer};

impl MemoryLedger {
    /// Whether it goes through a batch in a way of its own.
    pub(super) fn goes_one_by_one(&self) -> bool {
        matches!(
            self.fault,
            Some(Fault::DecidesApart | Fault::BurnsRefusedIds | Fault::ChecksFirst)
        )
    }

    /// Posts each transfer by itself.
    pub(super) fn post_one_by_one(
        &self,
        state: &mut State,
        transfers: &[Transfer],
        now: OffsetDateTime,
    ) -> Outcomes {
        let before = state.clone();
        let mut outcomes = Outcomes::new();
        for one in transfers {
            if state.refused.contains(&one.id) {
                outcomes.push(Err(PostError::IdConflict {
                    transfer: one.id,
                    differs: "legs",
                }));
                continue;
            }
            let base = if self.has(Fault::DecidesApart) {
                &before
            } else {
                &*state
            };
            let decision = self.decide_one(base, one, now);
            if self.has(Fault::BurnsRefusedIds) && decision.outcomes.iter().any(Result::is_err) {
                state.refused.insert(one.id);
            }
            self.write(state, decision.changes);
            outcomes.extend(decision.outcomes);
        }
        outcomes
    }

    fn decide_one(&self, state: &State, one: &Transfer, now: OffsetDateTime) -> Decision {
        let one = std::slice::from_ref(one);
        if self.has(Fault::ChecksFirst) {
            let blind = self.instance(Arc::clone(&self.clock));
            let checked = blind.with_fault(Fault::ForgetsIds).decide(state, one, now);
            if checked.outcomes.iter().any(Result::is_err) {
                return checked;
            }
        }
        self.decide(state, one, now)
    }

    /// Lets two callers stand between their look and their write, where without
    /// a lock they come by themselves now and then. Whoever is alone goes on.
    pub(super) async fn meet(&self) {
        let _ = timeout(Duration::from_millis(20), self.meeting.wait()).await;
    }

    /// Takes its accounts, or fails where another batch has one of them.
    pub(super) async fn post_impatiently(
        &self,
        transfers: &[Transfer],
        now: OffsetDateTime,
    ) -> Result<Outcomes, LedgerError> {
        let legs = || transfers.iter().flat_map(|one| &one.legs);
        {
            let mut state = self.state();
            let taken = |one: &&Transfer| {
                let mut legs = one.legs.iter();
                legs.any(|leg| state.taken.contains(&leg.account))
            };
            if let Some(late) = transfers.iter().find(taken) {
                return Err(LedgerError::Overtaken { transfer: late.id });
            }
            state.taken.extend(legs().map(|leg| leg.account));
        }
        self.meet().await;
        let mut state = self.state();
        for leg in legs() {
            state.taken.remove(&leg.account);
        }
        let Decision { outcomes, changes } = self.decide(&state, transfers, now);
        self.write(&mut state, changes);
        Ok(outcomes)
    }

    /// The limits that it keeps.
    pub(super) fn limits(&self) -> Limits {
        let mut limits = self.config.limits;
        if self.has(Fault::TakesAnyText) {
            limits.max_metadata_bytes = usize::MAX;
        }
        limits
    }

    /// Loads both counters without what they have in common.
    pub(super) fn net(account: &mut Account) {
        let common = account.debits.min(account.credits);
        account.debits -= common;
        account.credits -= common;
    }

    /// Takes a recorded transfer for one of another kind.
    pub(super) fn mistake(&self, recorded: &mut Recorded) {
        let kind = &mut recorded.transfer.kind;
        match self.fault {
            Some(Fault::TakesAllForPayments) => *kind = Kind::Single,
            Some(Fault::TakesAllForHolds) if *kind == Kind::Single => {
                *kind = Kind::Pending { expires_at: None };
            }
            _ => {}
        }
    }

    /// Takes the legs for others than they are.
    pub(super) fn misread(&self, transfer: &mut Transfer) {
        match self.fault {
            Some(Fault::DropsSigns) => {
                for leg in &mut transfer.legs {
                    leg.amount = leg.amount.saturating_abs();
                }
            }
            Some(Fault::TakesTwoLegs) => transfer.legs.truncate(2),
            _ => {}
        }
    }

    /// Shows what credits as negative, whatever is normal for the account.
    pub(super) fn turn(&self, normal: Option<Side>, line: &mut Entry) {
        if self.has(Fault::ShowsDebits) && normal == Some(Side::Credit) {
            line.amount = -line.amount;
        }
    }
}
