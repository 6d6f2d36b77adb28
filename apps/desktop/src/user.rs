//! Who is shopping.

use std::fmt;

use uuid::Uuid;

const MOODS: [&str; 16] = [
    "amber", "brave", "bright", "calm", "clever", "fresh", "gentle", "golden", "happy", "kind",
    "lucky", "merry", "quick", "quiet", "silver", "sunny",
];
const BIRDS: [&str; 16] = [
    "crane", "finch", "goose", "heron", "jay", "kite", "lark", "magpie", "martin", "owl", "raven",
    "robin", "starling", "stork", "swan", "wren",
];

/// A user's id as the shop accepts it: 1 to 64 of `A-Za-z0-9._-`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UserId(String);

/// The text is no user id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("use 1 to 64 letters (A-Z), digits, dots, hyphens or underscores")]
pub(crate) struct InvalidUserId;

impl UserId {
    /// The id that somebody typed; spaces around it are not part of it.
    ///
    /// # Errors
    /// When the shop would refuse it.
    pub(crate) fn parse(typed: &str) -> Result<Self, InvalidUserId> {
        let id = typed.trim();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if (1..=64).contains(&id.len()) && id.bytes().all(allowed) {
            Ok(Self(id.to_owned()))
        } else {
            Err(InvalidUserId)
        }
    }

    /// A new one, such as `calm-heron-3f9a2c`.
    pub(crate) fn fresh() -> Self {
        let [mood, bird, a, b, c, ..] = *Uuid::new_v4().as_bytes();
        let pick = |from: [&'static str; 16], byte: u8| from[usize::from(byte % 16)];
        let (mood, bird) = (pick(MOODS, mood), pick(BIRDS, bird));
        Self(format!("{mood}-{bird}-{a:02x}{b:02x}{c:02x}"))
    }

    /// As it travels.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for UserId {
    type Err = InvalidUserId;

    fn from_str(typed: &str) -> Result<Self, InvalidUserId> {
        Self::parse(typed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_what_the_shop_accepts() {
        for good in ["1", "anna", "A.b_c-9", &"x".repeat(64)] {
            assert_eq!(UserId::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "  ", "a b", "анна", "a/b", &"x".repeat(65)] {
            assert_eq!(UserId::parse(bad), Err(InvalidUserId), "{bad}");
        }
        assert_eq!(UserId::parse(" anna ").unwrap().as_str(), "anna");
    }

    #[test]
    fn fresh_ids_are_valid_and_differ() {
        let (one, other) = (UserId::fresh(), UserId::fresh());
        assert_ne!(one, other);
        assert_eq!(UserId::parse(one.as_str()), Ok(one));
    }
}
