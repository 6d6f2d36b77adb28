//! The ledger, written as naively as possible, in wide integers: what every
//! store must answer, and the history that it must keep.

mod account;
mod deciding;
mod telling;

use std::collections::BTreeMap;

use time::{Duration, OffsetDateTime};

use crate::{Kind, Leg, NewAccount, Transfer};

use account::ModelAccount;
use telling::micros;

pub(crate) use telling::{History, line, tell};

#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) accounts: BTreeMap<u128, ModelAccount>,
    transfers: BTreeMap<u128, Told>,
}

/// A transfer that stands in the books, with what was answered.
#[derive(Debug)]
struct Told {
    transfer: Transfer,
    answer: String,
    /// The word for it if it was resolved.
    resolved: Option<&'static str>,
}

impl Model {
    pub(crate) fn open(&mut self, new: &NewAccount, at: OffsetDateTime) {
        let state = ModelAccount {
            opened: new.clone(),
            debits: 0,
            credits: 0,
            held: BTreeMap::new(),
            last: at,
            lines: Vec::new(),
        };
        self.accounts.insert(new.id.0.as_u128(), state);
    }

    /// Posts it and tells what [`tell`] tells of the real outcome.
    pub(crate) fn post(&mut self, asked: &Transfer, now: OffsetDateTime) -> String {
        let transfer = self.completed(asked);
        let key = transfer.id.0.as_u128();
        if let Some(told) = self.transfers.get(&key) {
            return if told.transfer == transfer {
                format!("replayed: {}", told.answer)
            } else {
                "refused: id_conflict".to_owned()
            };
        }
        match self.decide(asked, &transfer, now) {
            Err(refusal) => format!("refused: {refusal}"),
            Ok(answer) => {
                let told = Told {
                    transfer,
                    answer: answer.clone(),
                    resolved: None,
                };
                self.transfers.insert(key, told);
                format!("posted: {answer}")
            }
        }
    }

    /// The holds that are due, in the order in which they are swept.
    pub(crate) fn due(&self, now: OffsetDateTime, limit: usize) -> Vec<Transfer> {
        let mut due: Vec<_> = self
            .transfers
            .values()
            .filter(|told| told.resolved.is_none())
            .filter_map(|told| Some((told.transfer.kind.expires_at()?, told.transfer.id)))
            .filter(|(end, _)| *end <= now)
            .collect();
        due.sort_unstable();
        due.truncate(limit);
        crate::ledger::expiries(due.into_iter().map(|(_, hold)| hold).collect())
    }

    /// Everything that the books say of an account.
    pub(crate) fn history(&self, account: u128) -> Vec<String> {
        let state = &self.accounts[&account];
        let mut lines = state.lines.clone();
        lines.push(state.state());
        lines
    }

    fn completed(&self, asked: &Transfer) -> Transfer {
        let mut transfer = asked.clone();
        let named = asked.kind.named().map(|id| id.0.as_u128());
        if let Some(named) = named.and_then(|id| self.transfers.get(&id)) {
            if transfer.reference.is_empty() {
                transfer.reference.clone_from(&named.transfer.reference);
            }
            if transfer.legs.is_empty() {
                match asked.kind {
                    Kind::Post { .. } => transfer.legs.clone_from(&named.transfer.legs),
                    Kind::Reversal { .. } => {
                        transfer.legs.clone_from(&named.transfer.legs);
                        for leg in &mut transfer.legs {
                            leg.side = leg.side.opposite();
                        }
                    }
                    _ => {}
                }
            }
        }
        transfer.legs.sort();
        transfer
    }

    /// Writes the lines of a transfer that is applied already; the answer.
    fn book(&mut self, transfer: &Transfer, released: &[Leg], now: OffsetDateTime) -> String {
        let mut touched = transfer.legs.clone();
        touched.extend_from_slice(released);
        touched.sort();
        touched.dedup_by_key(|leg| leg.account);
        let at = self.time(&touched, now);
        let moves = !matches!(transfer.kind, Kind::Pending { .. });
        for leg in transfer.legs.iter().filter(|_| moves) {
            let state = self.account(leg);
            let amount = state.sign(leg.side) * i128::from(leg.amount);
            let line = line(amount, state.posted(), at, transfer);
            state.lines.push(line);
        }
        let told = touched.iter().map(|leg| {
            let state = self.accounts.get_mut(&leg.account.0.as_u128()).unwrap();
            state.last = at;
            format!("{}={}", leg.account.0.as_u128() & 0xFFFF, state.state())
        });
        let told: Vec<String> = told.collect();
        format!("{} at {}", told.join(" "), micros(at))
    }

    fn time(&self, legs: &[Leg], now: OffsetDateTime) -> OffsetDateTime {
        let seen = legs
            .iter()
            .map(|leg| self.accounts[&leg.account.0.as_u128()].last);
        let after = seen.map(|last| last + Duration::MICROSECOND);
        after.fold(now, Ord::max)
    }

    fn account(&mut self, leg: &Leg) -> &mut ModelAccount {
        self.accounts.get_mut(&leg.account.0.as_u128()).unwrap()
    }
}
