//! An account of the model.

use std::collections::BTreeMap;

use time::OffsetDateTime;

use crate::{Leg, NewAccount, Side};

#[derive(Debug)]
pub(crate) struct ModelAccount {
    pub(super) opened: NewAccount,
    pub(super) debits: i128,
    pub(super) credits: i128,
    /// The legs of open holds.
    pub(super) held: BTreeMap<u128, Leg>,
    pub(super) last: OffsetDateTime,
    pub(super) lines: Vec<String>,
}

impl ModelAccount {
    pub(super) fn sign(&self, side: Side) -> i128 {
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

    pub(super) fn incoming(&self) -> i128 {
        self.pending(self.opened.normal)
    }

    pub(super) fn outgoing(&self) -> i128 {
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

    pub(super) fn fits(&self) -> bool {
        let debits = self.debits + self.pending(Side::Debit);
        debits.max(self.credits + self.pending(Side::Credit)) <= i128::from(i64::MAX)
    }

    pub(super) fn state(&self) -> String {
        let (posted, version) = (self.posted(), self.lines.len());
        format!("{posted}+{}-{}@{version}", self.incoming(), self.outgoing())
    }

    pub(super) fn add(&mut self, leg: &Leg) {
        match leg.side {
            Side::Debit => self.debits += i128::from(leg.amount),
            Side::Credit => self.credits += i128::from(leg.amount),
        }
    }
}
