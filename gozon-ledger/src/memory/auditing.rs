//! What `verify` reads elsewhere in pages, all at once.

use std::collections::BTreeMap;

use super::State;
use crate::audit::{Audit, Report};
use crate::rules::Recorded;
use crate::store::{AssetTotals, AuditEntry, AuditReservation, Stray};
use crate::{AccountId, Kind, Leg, TransferId};

pub(super) fn audit(state: &State, max_findings: usize) -> Report {
    let mut audit = Audit::new(max_findings);
    for totals in totals(state) {
        audit.asset(totals);
    }
    audit.open(state.accounts.values().cloned().collect());
    for (account, version, transfer, recorded_at) in parts(state) {
        let found = state.transfers.get(&transfer);
        let strays = !state.accounts.contains_key(&account)
            || found.is_none_or(|transfer| transfer.recorded_at != recorded_at);
        if strays {
            audit.stray(&Stray {
                account,
                version,
                transfer,
            });
        }
    }
    follow(state, &mut audit);
    audit.close();

    let transfers: Vec<Recorded> = state
        .transfers
        .values()
        .map(|one| as_read(state, one))
        .collect();
    for recorded in &transfers {
        audit.transfer(recorded);
        let named = recorded.transfer.kind.named();
        let of_group = |one: &&Recorded| {
            named.is_some()
                && (Some(one.transfer.id) == named || one.transfer.kind.named() == named)
        };
        let group: Vec<Recorded> = transfers.iter().filter(of_group).cloned().collect();
        audit.follow_up(recorded, &group);
    }
    for hold in wrongly_open(state) {
        audit.open_hold(hold);
    }
    audit.finish()
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

/// Whose, the number, by which transfer, and when: all entries and reservations.
fn parts(
    state: &State,
) -> impl Iterator<Item = (AccountId, i64, TransferId, time::OffsetDateTime)> + '_ {
    let entries = state.entries.values();
    let entries = entries.map(|one| (one.account, one.version, one.transfer, one.recorded_at));
    let reservations = state.reservations.values();
    let reservations = reservations.map(|one| {
        (
            one.change.account,
            one.number,
            one.transfer,
            one.recorded_at,
        )
    });
    entries.chain(reservations)
}

fn follow(state: &State, audit: &mut Audit) {
    for entry in state.entries.values() {
        let Some(account) = state.accounts.get(&entry.account) else {
            continue;
        };
        audit.entry(&AuditEntry {
            account: entry.account,
            version: entry.version,
            amount: entry.amount,
            balance: entry.balance,
            recorded_at: entry.recorded_at,
            account_version: account.version,
        });
    }
    for row in state.reservations.values() {
        let Some(account) = state.accounts.get(&row.change.account) else {
            continue;
        };
        audit.reservation(&AuditReservation {
            number: row.number,
            change: row.change,
            pending_debits: row.pending_debits,
            pending_credits: row.pending_credits,
            recorded_at: row.recorded_at,
            account_reservations: account.reservations,
        });
    }
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
