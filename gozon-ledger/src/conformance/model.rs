//! The ledger, written as naively as possible, in wide integers: what every
//! store must answer, and the history that it must keep.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

use crate::{Kind, Leg, NewAccount, PostError, Posted, Side, Transfer};

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

#[derive(Debug)]
pub(crate) struct ModelAccount {
    opened: NewAccount,
    debits: i128,
    credits: i128,
    /// The legs of open holds.
    held: BTreeMap<u128, Leg>,
    last: OffsetDateTime,
    lines: Vec<String>,
}

impl ModelAccount {
    fn sign(&self, side: Side) -> i128 {
        if side == self.opened.normal { 1 } else { -1 }
    }

    pub(crate) fn posted(&self) -> i128 {
        let debits = self.sign(Side::Debit) * self.debits;
        debits + self.sign(Side::Credit) * self.credits
    }

    fn pending(&self, side: Side) -> i128 {
        let legs = self.held.values().filter(|leg| leg.side == side);
        legs.map(|leg| i128::from(leg.amount)).sum()
    }

    fn incoming(&self) -> i128 {
        self.pending(self.opened.normal)
    }

    fn outgoing(&self) -> i128 {
        self.pending(self.opened.normal.opposite())
    }

    pub(crate) fn keeps_its_limits(&self) -> bool {
        let least = self.posted() - self.outgoing();
        let most = self.posted() + self.incoming();
        let opened = &self.opened;
        opened.floor.is_none_or(|floor| least >= i128::from(floor))
            && opened
                .ceiling
                .is_none_or(|ceiling| most <= i128::from(ceiling))
    }

    fn fits(&self) -> bool {
        let debits = self.debits + self.pending(Side::Debit);
        debits.max(self.credits + self.pending(Side::Credit)) <= i128::from(i64::MAX)
    }

    fn state(&self) -> String {
        let (posted, version) = (self.posted(), self.lines.len());
        format!("{posted}+{}-{}@{version}", self.incoming(), self.outgoing())
    }

    fn add(&mut self, leg: &Leg) {
        match leg.side {
            Side::Debit => self.debits += i128::from(leg.amount),
            Side::Credit => self.credits += i128::from(leg.amount),
        }
    }
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

    fn decide(
        &mut self,
        asked: &Transfer,
        transfer: &Transfer,
        now: OffsetDateTime,
    ) -> Result<String, &'static str> {
        let legs = &asked.legs;
        match transfer.kind {
            Kind::Single => {
                check_form(legs)?;
                self.try_all(legs, |state, leg| state.add(leg))?;
                Ok(self.book(transfer, &[], now))
            }
            Kind::Pending { expires_at } => {
                check_form(legs)?;
                let key = transfer.id.0.as_u128();
                self.try_all(legs, |state, leg| {
                    state.held.insert(key, leg.clone());
                })?;
                let at = self.time(legs, now);
                if expires_at.is_some_and(|end| at >= end) {
                    for leg in legs {
                        self.account(leg).held.remove(&key);
                    }
                    return Err("hold_expired");
                }
                Ok(self.book(transfer, &[], now))
            }
            Kind::Post { .. } | Kind::Void { .. } | Kind::Expire { .. } => {
                self.resolve(asked, transfer, now)
            }
            Kind::Reversal { original } => {
                let found = self.transfers.get(&original.0.as_u128());
                let found = found.ok_or("transfer_not_found")?.transfer.clone();
                if !matches!(found.kind, Kind::Single | Kind::Post { .. }) {
                    return Err("not_reversible");
                }
                if !legs.is_empty() {
                    check_form(legs)?;
                }
                self.check_left(&found, &transfer.legs)?;
                self.try_all(&transfer.legs, |state, leg| state.add(leg))?;
                Ok(self.book(transfer, &[], now))
            }
        }
    }

    fn resolve(
        &mut self,
        asked: &Transfer,
        transfer: &Transfer,
        now: OffsetDateTime,
    ) -> Result<String, &'static str> {
        let posts = matches!(transfer.kind, Kind::Post { .. });
        if !posts && !asked.legs.is_empty() {
            return Err("unexpected_legs");
        }
        let key = transfer.kind.hold().unwrap().0.as_u128();
        let hold = self.transfers.get(&key).ok_or("hold_not_found")?;
        let Kind::Pending { expires_at } = hold.transfer.kind else {
            return Err("hold_not_found");
        };
        if !asked.legs.is_empty() {
            check_form(&asked.legs)?;
        }
        if let Some(resolved) = hold.resolved {
            return Err(resolved);
        }
        let held = hold.transfer.legs.clone();
        for leg in &transfer.legs {
            let same = |one: &&Leg| {
                (one.account, one.side, &one.asset) == (leg.account, leg.side, &leg.asset)
            };
            if held.iter().find(same).map_or(0, |one| one.amount) < leg.amount {
                return Err("exceeds_hold");
            }
        }
        let over = expires_at.is_some_and(|end| self.time(&held, now) >= end);
        let resolved = match transfer.kind {
            Kind::Expire { .. } if !over => return Err("hold_not_expired"),
            Kind::Expire { .. } => "hold_expired",
            _ if over => return Err("hold_expired"),
            Kind::Post { .. } => "hold_already_posted",
            _ => "hold_already_voided",
        };
        for leg in &held {
            self.account(leg).held.remove(&key);
        }
        for leg in &transfer.legs {
            self.account(leg).add(leg);
        }
        self.transfers.get_mut(&key).unwrap().resolved = Some(resolved);
        Ok(self.book(transfer, &held, now))
    }

    /// Applies all legs, or none and tells what the first one met.
    fn try_all(
        &mut self,
        legs: &[Leg],
        apply: impl Fn(&mut ModelAccount, &Leg),
    ) -> Result<(), &'static str> {
        for leg in legs {
            let key = leg.account.0.as_u128();
            let state = self.accounts.get(&key).ok_or("account_not_found")?;
            if state.opened.asset != leg.asset {
                return Err("asset_mismatch");
            }
            let mut after = ModelAccount {
                opened: state.opened.clone(),
                held: state.held.clone(),
                lines: Vec::new(),
                ..*state
            };
            apply(&mut after, leg);
            if !after.fits() {
                return Err("amount_overflow");
            }
            if !after.keeps_its_limits() {
                let gives = leg.side == after.opened.normal;
                return Err(if gives {
                    "limit_exceeded"
                } else {
                    "insufficient_funds"
                });
            }
        }
        for leg in legs {
            apply(self.account(leg), leg);
        }
        Ok(())
    }

    fn check_left(&self, original: &Transfer, legs: &[Leg]) -> Result<(), &'static str> {
        let mut left = original.legs.clone();
        for told in self.transfers.values() {
            if told.transfer.kind.original() == Some(original.id) {
                for leg in &told.transfer.legs {
                    let mut all = left.iter_mut();
                    let one = all.find(|one| one.account == leg.account).unwrap();
                    one.amount -= leg.amount;
                }
            }
        }
        if left.iter().all(|leg| leg.amount == 0) {
            return Err("already_reversed");
        }
        for leg in legs {
            let turned = |one: &&Leg| {
                let back = leg.side.opposite();
                (one.account, one.side, &one.asset) == (leg.account, back, &leg.asset)
            };
            if left.iter().find(turned).map_or(0, |one| one.amount) < leg.amount {
                return Err("exceeds_original");
            }
        }
        Ok(())
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

fn check_form(legs: &[Leg]) -> Result<(), &'static str> {
    if legs.len() < 2 {
        return Err("leg_count");
    }
    for (i, leg) in legs.iter().enumerate() {
        if leg.amount <= 0 {
            return Err("non_positive_amount");
        }
        if legs[..i].iter().any(|other| other.account == leg.account) {
            return Err("same_account");
        }
    }
    for asset in legs.iter().map(|leg| &leg.asset) {
        let of_asset = legs.iter().filter(|leg| leg.asset == *asset);
        let sum: i128 = of_asset
            .map(|leg| match leg.side {
                Side::Debit => i128::from(leg.amount),
                Side::Credit => -i128::from(leg.amount),
            })
            .sum();
        if sum != 0 {
            return Err("unbalanced");
        }
    }
    Ok(())
}

fn micros(time: OffsetDateTime) -> i128 {
    time.unix_timestamp_nanos() / 1_000
}

/// A line of a statement, as the history tells it.
pub(crate) fn line(amount: i128, balance: i128, at: OffsetDateTime, of: &Transfer) -> String {
    let (at, id, code) = (micros(at), of.id, &of.code);
    format!("{amount} {balance} {at} {id} {code} {}", of.reference)
}

/// An outcome in one line.
pub(crate) fn tell(outcome: &Result<Posted, PostError>) -> String {
    match outcome {
        Err(refused) => format!("refused: {}", refused.kind()),
        Ok(posted) => {
            let mut balances = posted.balances.clone();
            balances.sort_unstable_by_key(|(id, _)| *id);
            let balances: Vec<String> = balances
                .iter()
                .map(|(id, now)| {
                    let (n, version) = (id.0.as_u128() & 0xFFFF, now.version);
                    format!(
                        "{n}={}+{}-{}@{version}",
                        now.posted, now.incoming, now.outgoing
                    )
                })
                .collect();
            let how = if posted.replayed {
                "replayed"
            } else {
                "posted"
            };
            let at = micros(posted.recorded_at);
            format!("{how}: {} at {at}", balances.join(" "))
        }
    }
}

/// All that happened, in 32 bytes: the same for the same seed, everywhere.
#[derive(Debug, Default)]
pub(crate) struct History(Sha256);

impl History {
    pub(crate) fn note(&mut self, lines: &[String]) {
        for line in lines {
            self.0.update(line.as_bytes());
            self.0.update([0]);
        }
    }

    pub(crate) fn hash(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}
