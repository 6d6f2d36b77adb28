use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

id! {
    /// Names an account. Chosen by the caller: derive it (`Uuid::new_v5`) from
    /// what the account belongs to, and opening it twice opens it once.
    AccountId
}

id! {
    /// Names a transfer. Chosen by the caller: derive it (`Uuid::new_v5`) from
    /// the business fact that moves the money, and no repeat moves it twice.
    /// Never expires.
    TransferId
}

impl TransferId {
    /// Names the transfer that releases this hold when its time is over: the
    /// same whoever finds it first.
    #[must_use]
    pub fn of_expiry(self) -> Self {
        Self(Uuid::new_v5(&self.0, b"expire"))
    }
}
