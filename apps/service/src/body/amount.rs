use std::fmt;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An amount in the currency's minor unit (EUR 24.90 is `2490`), as a client
/// may ask for: from 1 to 10^12.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = i64, minimum = 1, maximum = 1_000_000_000_000_i64, example = 2490)]
pub struct Amount(i64);

impl Amount {
    /// The largest amount of one request.
    pub const MAX: i64 = 1_000_000_000_000;

    /// `None` outside of 1 to [`Amount::MAX`].
    pub fn new(minor: i64) -> Option<Self> {
        (1..=Self::MAX).contains(&minor).then_some(Self(minor))
    }

    /// In minor units.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl From<Amount> for i64 {
    fn from(amount: Amount) -> Self {
        amount.0
    }
}

const EXPECTED: &str = "an integer from 1 to 1000000000000";

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Integers;

        // No `visit_f64`: 1.0 is a float in every other language too.
        impl Visitor<'_> for Integers {
            type Value = Amount;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EXPECTED)
            }

            fn visit_i64<E: Error>(self, minor: i64) -> Result<Amount, E> {
                Amount::new(minor).ok_or_else(|| E::custom(format_args!("must be {EXPECTED}")))
            }

            fn visit_u64<E: Error>(self, minor: u64) -> Result<Amount, E> {
                self.visit_i64(i64::try_from(minor).unwrap_or(i64::MAX))
            }
        }

        deserializer.deserialize_i64(Integers)
    }
}
