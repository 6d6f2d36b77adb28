use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// What all services of one shop agree on.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ShopSettings {
    /// The shop's one currency. Data in another currency stop the start.
    #[arg(
        long,
        env = "GOZON_CURRENCY",
        default_value = "RUB",
        value_name = "CODE"
    )]
    pub currency: Currency,
}

/// An ISO 4217 code: three capital letters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Currency(String);

impl Currency {
    /// Such as `RUB`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Currency {
    fn default() -> Self {
        Self("RUB".to_owned())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Currency {
    type Err = String;

    fn from_str(code: &str) -> Result<Self, Self::Err> {
        if code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase()) {
            return Ok(Self(code.to_owned()));
        }
        Err("not an ISO 4217 code of three capital letters".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_currency_is_three_capital_letters() {
        assert_eq!(Currency::default().as_str(), "RUB");
        assert!("EUR".parse::<Currency>().is_ok());
        for bad in ["", "eur", "EURO", "E1R", "€€€"] {
            assert!(bad.parse::<Currency>().is_err(), "{bad}");
        }
    }
}
