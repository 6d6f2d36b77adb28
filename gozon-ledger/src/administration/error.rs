use gozon_core::ErrorClass;

use crate::AccountId;

/// A change of an account was refused. It wrote nothing, and the transaction
/// can be used further.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// No such account.
    #[error("no account {account}")]
    AccountNotFound {
        /// Which.
        account: AccountId,
    },
    /// The account is closed, and stays as it is.
    #[error("account {account} is closed")]
    AccountClosed {
        /// Which.
        account: AccountId,
    },
    /// An account that holds something cannot be closed.
    #[error("account {account} holds {balance} and cannot be closed")]
    BalanceNotZero {
        /// Which.
        account: AccountId,
        /// What it holds.
        balance: i64,
    },
    /// An account with open holds cannot be closed.
    #[error("account {account} has open holds and cannot be closed")]
    HoldsOpen {
        /// Which.
        account: AccountId,
    },
    /// The new floor is above the balance.
    #[error("account {account} holds {balance}, below the new floor {floor}")]
    FloorAboveBalance {
        /// Which.
        account: AccountId,
        /// What it holds that is not reserved.
        balance: i64,
        /// The floor that was asked for.
        floor: i64,
    },
    /// The new ceiling is below the balance.
    #[error("account {account} holds {balance}, above the new ceiling {ceiling}")]
    CeilingBelowBalance {
        /// Which.
        account: AccountId,
        /// What it holds and holds announce.
        balance: i64,
        /// The ceiling that was asked for.
        ceiling: i64,
    },
    /// The metadata or the reason is too long, or holds a NUL character.
    #[error("{field}: at most {max} bytes without NUL")]
    InvalidText {
        /// `metadata` or `reason`.
        field: &'static str,
        /// Bytes at most.
        max: usize,
    },
}

impl ChangeError {
    /// What the caller can do.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::AccountNotFound { .. }
            | Self::AccountClosed { .. }
            | Self::BalanceNotZero { .. }
            | Self::HoldsOpen { .. }
            | Self::FloorAboveBalance { .. }
            | Self::CeilingBelowBalance { .. } => ErrorClass::Reject,
            Self::InvalidText { .. } => ErrorClass::Bug,
        }
    }

    /// One word for logs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::AccountNotFound { .. } => "account_not_found",
            Self::AccountClosed { .. } => "account_closed",
            Self::BalanceNotZero { .. } => "balance_not_zero",
            Self::HoldsOpen { .. } => "holds_open",
            Self::FloorAboveBalance { .. } => "floor_above_balance",
            Self::CeilingBelowBalance { .. } => "ceiling_below_balance",
            Self::InvalidText { .. } => "invalid_text",
        }
    }
}
