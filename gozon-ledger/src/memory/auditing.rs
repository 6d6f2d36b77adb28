//! What `verify` reads.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::State;
use crate::rules::Recorded;
use crate::store::{AssetTotals, AuditEntry, AuditReservation, EntryRange};
use crate::verify::AuditSource;
use crate::{Account, AccountId, Kind, LedgerError, Leg, TransferId};

/// The books at one moment.
pub(super) struct Snapshot {
    pub(super) state: State,
    /// Leaves out the first entry that is asked for.
    pub(super) skips: bool,
}

#[async_trait]
impl AuditSource for Snapshot {
    async fn assets(&mut self) -> Result<Vec<AssetTotals>, LedgerError> {
        Ok(totals(&self.state))
    }

    async fn accounts(&mut self, from: AccountId, limit: u32) -> Result<Vec<Account>, LedgerError> {
        let found = self
            .state
            .accounts
            .range(from..)
            .map(|(_, one)| one.clone());
        Ok(page(found, limit))
    }

    async fn entries(
        &mut self,
        range: EntryRange,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, LedgerError> {
        let state = &self.state;
        let rows = state
            .entries
            .range(keys(range))
            .map(|(_, entry)| AuditEntry {
                account: entry.account,
                version: entry.version,
                amount: entry.amount,
                balance: entry.balance,
                recorded_at: entry.recorded_at,
                transfer: entry.transfer,
                transfer_at: recorded_at(state, entry.transfer),
                account_version: state.accounts.get(&entry.account).map(|one| one.version),
            });
        let skipped = usize::from(std::mem::take(&mut self.skips));
        Ok(page(rows.skip(skipped), limit))
    }

    async fn reservations(
        &mut self,
        range: EntryRange,
        limit: u32,
    ) -> Result<Vec<AuditReservation>, LedgerError> {
        let state = &self.state;
        let rows = state.reservations.range(keys(range)).map(|(_, row)| {
            let account = state.accounts.get(&row.change.account);
            AuditReservation {
                number: row.number,
                change: row.change,
                pending_debits: row.pending_debits,
                pending_credits: row.pending_credits,
                recorded_at: row.recorded_at,
                transfer: row.transfer,
                transfer_at: recorded_at(state, row.transfer),
                account_reservations: account.map(|one| one.reservations),
            }
        });
        Ok(page(rows, limit))
    }

    async fn transfers(
        &mut self,
        from: TransferId,
        limit: u32,
    ) -> Result<Vec<Recorded>, LedgerError> {
        let found = self.state.transfers.range(from..);
        Ok(page(found.map(|(_, one)| as_read(&self.state, one)), limit))
    }

    async fn groups(&mut self, named: &[TransferId]) -> Result<Vec<Recorded>, LedgerError> {
        let is_named = |id: TransferId| named.contains(&id);
        let all = self.state.transfers.values().filter(|one| {
            is_named(one.transfer.id) || one.transfer.kind.named().is_some_and(is_named)
        });
        Ok(all.map(|one| as_read(&self.state, one)).collect())
    }

    async fn open_holds(
        &mut self,
        from: TransferId,
        last: TransferId,
    ) -> Result<Vec<TransferId>, LedgerError> {
        let mut wrong = wrongly_open(&self.state);
        wrong.retain(|hold| (from..=last).contains(hold));
        Ok(wrong)
    }
}

fn page<R>(rows: impl Iterator<Item = R>, limit: u32) -> Vec<R> {
    rows.take(usize::try_from(limit).unwrap_or(usize::MAX))
        .collect()
}

fn keys(range: EntryRange) -> std::ops::RangeInclusive<(AccountId, i64)> {
    (range.from, range.from_version)..=(range.last, i64::MAX)
}

fn recorded_at(state: &State, transfer: TransferId) -> Option<time::OffsetDateTime> {
    state.transfers.get(&transfer).map(|one| one.recorded_at)
}

fn totals(state: &State) -> Vec<AssetTotals> {
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
    totals.into_values().collect()
}

/// What stands in the books is what the entries and reservations say.
fn as_read(state: &State, recorded: &Recorded) -> Recorded {
    let mut recorded = recorded.clone();
    let id = recorded.transfer.id;
    let entries = state.entries.values().filter(|one| one.transfer == id);
    let mut legs: Vec<Leg> = entries
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
    let changes = state.reservations.values().filter(|one| one.transfer == id);
    recorded.reserved = changes.map(|one| one.change).collect();
    if matches!(recorded.transfer.kind, Kind::Pending { .. }) {
        legs.extend(recorded.reserved.iter().filter_map(|one| {
            let asset = state.accounts.get(&one.account)?.asset.clone();
            Some(Leg::of_reservation(
                one.account,
                asset,
                one.debits,
                one.credits,
            ))
        }));
    }
    recorded.transfer.legs = legs;
    recorded
}

fn wrongly_open(state: &State) -> Vec<TransferId> {
    let resolved = |hold: TransferId| {
        let mut all = state.transfers.values();
        all.any(|one| one.transfer.kind.hold() == Some(hold))
    };
    let mut wrong: Vec<TransferId> = Vec::new();
    for (hold, expires_at) in &state.open_holds {
        let kind = state.transfers.get(hold).map(|one| one.transfer.kind);
        let expected = Kind::Pending {
            expires_at: *expires_at,
        };
        if kind != Some(expected) || resolved(*hold) {
            wrong.push(*hold);
        }
    }
    for recorded in state.transfers.values() {
        let id = recorded.transfer.id;
        let waits = matches!(recorded.transfer.kind, Kind::Pending { .. }) && !resolved(id);
        if waits && !state.open_holds.contains_key(&id) {
            wrong.push(id);
        }
    }
    wrong
}
