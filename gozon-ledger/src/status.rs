use serde::{Deserialize, Serialize};

use crate::Side;

/// Whether an account takes part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// As any.
    #[default]
    Open,
    /// Refuses debits: a credit-normal account gives nothing.
    DebitFrozen,
    /// Refuses credits: a credit-normal account takes nothing.
    CreditFrozen,
    /// Refuses both.
    Frozen,
    /// Refuses both, for ever: its balance is 0 and stays it.
    Closed,
}

impl Status {
    /// In one word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::DebitFrozen => "debit_frozen",
            Self::CreditFrozen => "credit_frozen",
            Self::Frozen => "frozen",
            Self::Closed => "closed",
        }
    }

    /// A leg on this side is refused because of a freeze.
    pub const fn is_frozen_for(self, side: Side) -> bool {
        matches!(
            (self, side),
            (Self::Frozen, _)
                | (Self::DebitFrozen, Side::Debit)
                | (Self::CreditFrozen, Side::Credit)
        )
    }

    /// What it is with these sides frozen as well. A closed account stays closed.
    #[must_use]
    pub fn with_frozen(self, sides: Frozen) -> Self {
        self.set(sides, true)
    }

    /// What it is with these sides free again. A closed account stays closed.
    #[must_use]
    pub fn without_frozen(self, sides: Frozen) -> Self {
        self.set(sides, false)
    }

    fn set(self, sides: Frozen, frozen: bool) -> Self {
        if self == Self::Closed {
            return self;
        }
        let side = |side, named| {
            if named {
                frozen
            } else {
                self.is_frozen_for(side)
            }
        };
        let debits = side(Side::Debit, sides != Frozen::Credits);
        let credits = side(Side::Credit, sides != Frozen::Debits);
        match (debits, credits) {
            (false, false) => Self::Open,
            (true, false) => Self::DebitFrozen,
            (false, true) => Self::CreditFrozen,
            (true, true) => Self::Frozen,
        }
    }

    /// How the row says it: the status that every version knows, and whether
    /// both sides are frozen. A version that does not know the second leaves
    /// alone whatever is not `open`.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(crate) const fn stored(self) -> (&'static str, bool) {
        match self {
            Self::Frozen => ("debit_frozen", true),
            other => (other.as_str(), false),
        }
    }

    /// Reads what [`Status::stored`] wrote.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(crate) fn from_stored(text: &str, frozen_both: bool) -> Option<Self> {
        match (text, frozen_both) {
            ("open", false) => Some(Self::Open),
            ("debit_frozen", false) => Some(Self::DebitFrozen),
            ("credit_frozen", false) => Some(Self::CreditFrozen),
            ("debit_frozen", true) => Some(Self::Frozen),
            ("closed", false) => Some(Self::Closed),
            _ => None,
        }
    }
}

/// Which sides of an account a freeze is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Frozen {
    /// Debits: what takes from a credit-normal account.
    Debits,
    /// Credits: what gives to a credit-normal account.
    Credits,
    /// Both.
    Both,
}

impl Frozen {
    /// In one word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debits => "debits",
            Self::Credits => "credits",
            Self::Both => "both",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Status; 5] = [
        Status::Open,
        Status::DebitFrozen,
        Status::CreditFrozen,
        Status::Frozen,
        Status::Closed,
    ];

    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    #[test]
    fn what_is_stored_is_read_back() {
        for status in ALL {
            let (text, both) = status.stored();
            assert_eq!(Status::from_stored(text, both), Some(status));
        }
    }

    #[test]
    fn freezes_of_the_two_sides_do_not_touch_each_other() {
        for status in [Status::Open, Status::DebitFrozen, Status::CreditFrozen] {
            for (sides, side) in [
                (Frozen::Debits, Side::Debit),
                (Frozen::Credits, Side::Credit),
            ] {
                let (with, without) = (status.with_frozen(sides), status.without_frozen(sides));
                assert!(with.is_frozen_for(side) && !without.is_frozen_for(side));
                let other = side.opposite();
                assert_eq!(with.is_frozen_for(other), status.is_frozen_for(other));
                assert_eq!(without.is_frozen_for(other), status.is_frozen_for(other));
            }
        }
    }

    #[test]
    fn a_freeze_of_both_is_undone_whole_or_by_side_and_a_closed_account_stays_closed() {
        for status in ALL {
            let (frozen, free) = match status {
                Status::Closed => (Status::Closed, Status::Closed),
                _ => (Status::Frozen, Status::Open),
            };
            assert_eq!(status.with_frozen(Frozen::Both), frozen);
            assert_eq!(status.without_frozen(Frozen::Both), free);
        }
        let half = Status::Frozen.without_frozen(Frozen::Debits);
        assert_eq!(half, Status::CreditFrozen);
    }
}
