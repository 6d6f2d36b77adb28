//! What becomes of a transfer, rule by rule.

use time::OffsetDateTime;

use super::Model;
use super::account::ModelAccount;
use crate::{Kind, Leg, Side, Transfer};

impl Model {
    pub(super) fn decide(
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
