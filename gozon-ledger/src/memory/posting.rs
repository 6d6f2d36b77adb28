//! How it loads, decides and writes a batch.

use std::collections::BTreeSet;

use time::OffsetDateTime;

use super::{Fault, MemoryLedger, State};
use crate::rules::{Book, Changes, Decision, Recorded};
use crate::{Account, AccountId, Kind, Status, Transfer, TransferId};

impl MemoryLedger {
    pub(super) fn decide(
        &self,
        state: &State,
        transfers: &[Transfer],
        now: OffsetDateTime,
    ) -> Decision {
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

    pub(super) fn write(&self, state: &mut State, mut changes: Changes) {
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
}
