//! What a leg does to the counters of one account, and what its limits say.

use super::changes::Reserved;
use crate::{Account, Leg, PostError, Side, Status};

impl Account {
    /// Refuses what the account's status does not allow.
    pub(super) fn admit(&self, side: Side) -> Result<(), PostError> {
        let account = self.id;
        if self.status == Status::Closed {
            return Err(PostError::AccountClosed { account });
        }
        if self.status.is_frozen_for(side) {
            return Err(PostError::AccountFrozen { account, side });
        }
        Ok(())
    }

    /// The account with the leg's amount posted, its version not yet raised.
    pub(super) fn moved_by(&self, leg: &Leg) -> Result<Self, PostError> {
        self.with_posted(leg)?.within_limits(self, leg)
    }

    /// The account with the leg's amount reserved.
    ///
    /// Reserving asks every limit that posting could meet later, the width of
    /// the counters too: what is promised here can always be kept.
    pub(super) fn reserved_by(&self, leg: &Leg) -> Result<Self, PostError> {
        let mut account = self.clone();
        let pending = account.pending_mut(leg.side);
        *pending = pending.checked_add(leg.amount).ok_or(self.overflow())?;
        account.within_width()?.within_limits(self, leg)
    }

    /// The account without what `leg` reserved. Only a forged counter can go
    /// below 0, and the database refuses that.
    pub(super) fn released_of(&self, leg: &Leg) -> Self {
        let mut account = self.clone();
        let pending = account.pending_mut(leg.side);
        *pending = pending.saturating_sub(leg.amount);
        account
    }

    /// The account with the leg's amount posted whatever its limits are: they
    /// were asked when it was reserved.
    pub(super) fn with_posted(&self, leg: &Leg) -> Result<Self, PostError> {
        let mut account = self.clone();
        let counter = match leg.side {
            Side::Debit => &mut account.debits,
            Side::Credit => &mut account.credits,
        };
        *counter = counter.checked_add(leg.amount).ok_or(self.overflow())?;
        account.within_width()
    }

    fn pending_mut(&mut self, side: Side) -> &mut i64 {
        match side {
            Side::Debit => &mut self.pending_debits,
            Side::Credit => &mut self.pending_credits,
        }
    }

    fn within_width(self) -> Result<Self, PostError> {
        let debits = self.debits.checked_add(self.pending_debits);
        let credits = self.credits.checked_add(self.pending_credits);
        match (debits, credits) {
            (Some(_), Some(_)) => Ok(self),
            _ => Err(self.overflow()),
        }
    }

    fn overflow(&self) -> PostError {
        PostError::AmountOverflow { account: self.id }
    }

    /// What takes meets the floor, what gives meets the ceiling: neither can
    /// bring the account nearer to the other one.
    fn within_limits(self, before: &Self, leg: &Leg) -> Result<Self, PostError> {
        let (before, after) = (before.balance(), self.balance());
        if leg.side == self.normal {
            if let Some(ceiling) = self.ceiling
                && after.expected() > ceiling
            {
                return Err(PostError::LimitExceeded {
                    account: self.id,
                    room: ceiling.saturating_sub(before.expected()),
                    amount: leg.amount,
                });
            }
        } else if let Some(floor) = self.floor
            && after.available() < floor
        {
            return Err(PostError::InsufficientFunds {
                account: self.id,
                available: before.available().saturating_sub(floor),
                needed: leg.amount,
            });
        }
        Ok(self)
    }
}

impl Leg {
    /// The amount with the sign that it has for an account of this normal side.
    /// Amounts are above 0, so the negation cannot overflow.
    pub(super) fn amount_in(&self, normal: Side) -> i64 {
        if self.side == normal {
            self.amount
        } else {
            -self.amount
        }
    }

    /// What it adds to the pending counters of its account.
    pub(super) fn reservation(&self) -> Reserved {
        let (debits, credits) = match self.side {
            Side::Debit => (self.amount, 0),
            Side::Credit => (0, self.amount),
        };
        Reserved {
            account: self.account,
            debits,
            credits,
        }
    }

    /// What it takes from them again.
    pub(super) fn release(&self) -> Reserved {
        let reserved = self.reservation();
        Reserved {
            account: self.account,
            debits: -reserved.debits,
            credits: -reserved.credits,
        }
    }

    /// The same on the other side.
    pub(super) fn turned(&self) -> Self {
        Self {
            side: self.side.opposite(),
            ..self.clone()
        }
    }
}
