use crate::api::{Balance, Failure};
use crate::money::Currency;

/// The user's account, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Account {
    /// Being read for the first time.
    Reading,
    /// There is none.
    Missing {
        /// One is being opened.
        opening: bool,
        /// Why it could not be opened.
        failure: Option<Failure>,
    },
    /// There is one.
    Open {
        /// What it holds, in minor units.
        balance: i64,
        currency: Currency,
    },
    /// Could not be read.
    Unknown(Failure),
}

impl Account {
    /// The currency, once there is an account.
    pub(crate) fn currency(&self) -> Option<&Currency> {
        match self {
            Self::Open { currency, .. } => Some(currency),
            Self::Reading | Self::Missing { .. } | Self::Unknown(_) => None,
        }
    }

    /// Takes what was read. A balance that was known stays when the next
    /// reading fails: the line's sign says that it may be old.
    pub(super) fn read(&mut self, result: Result<Balance, Failure>) {
        match result {
            Ok(read) => *self = read.into(),
            Err(failure) if failure.has_code("account_not_found") => {
                if !matches!(self, Self::Missing { .. }) {
                    *self = Self::Missing {
                        opening: false,
                        failure: None,
                    };
                }
            }
            Err(failure) => {
                if matches!(self, Self::Reading | Self::Unknown(_)) {
                    *self = Self::Unknown(failure);
                }
            }
        }
    }

    /// Takes how the opening ended; whether the account has to be read, as it
    /// exists already.
    pub(super) fn opened(&mut self, result: Result<Balance, Failure>) -> bool {
        match result {
            Ok(opened) => {
                *self = opened.into();
                false
            }
            Err(failure) if failure.has_code("account_exists") => {
                *self = Self::Reading;
                true
            }
            Err(failure) => {
                *self = Self::Missing {
                    opening: false,
                    failure: Some(failure),
                };
                false
            }
        }
    }
}

impl From<Balance> for Account {
    fn from(read: Balance) -> Self {
        Self::Open {
            balance: read.balance,
            currency: Currency::new(read.currency),
        }
    }
}
