use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What is counted: a currency, points, shares. Amounts are whole minor units
/// of it; how many of them make one is for the application to know and must
/// never change.
///
/// 1–16 of `A-Z a-z 0-9 . _ / -`, such as `RUB`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Asset(Arc<str>);

impl Asset {
    /// Reads an asset's name.
    ///
    /// # Errors
    /// [`InvalidAsset`] when it is empty, too long, or has other characters.
    pub fn new(name: &str) -> Result<Self, InvalidAsset> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._/-".contains(&b);
        if (1..=16).contains(&name.len()) && name.bytes().all(allowed) {
            Ok(Self(name.into()))
        } else {
            Err(InvalidAsset(name.to_owned()))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Asset {
    type Error = InvalidAsset;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::new(&name)
    }
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Asset({})", self.0)
    }
}

impl From<Asset> for String {
    fn from(asset: Asset) -> Self {
        asset.0.as_ref().to_owned()
    }
}

impl std::str::FromStr for Asset {
    type Err = InvalidAsset;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::new(name)
    }
}

/// Not the name of an asset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("asset `{0}`: use 1 to 16 letters, digits, dots, slashes, hyphens or underscores")]
pub struct InvalidAsset(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asset_has_a_short_plain_name() {
        assert_eq!(Asset::new("RUB").unwrap().as_str(), "RUB");
        for bad in ["", "R B", "₽", "ABCDEFGHIJKLMNOPQ", "a\0"] {
            assert!(Asset::new(bad).is_err(), "{bad:?}");
        }
    }
}
