use std::borrow::Cow;

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a client writes about an order: 1 to 255 characters, kept verbatim.
///
/// Line breaks and quotes are text like any other; NUL is refused because
/// PostgreSQL cannot store it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, min_length = 1, max_length = 255, example = "Two books")]
pub struct Description(String);

impl Description {
    /// The most characters (Unicode scalar values).
    pub const MAX: usize = 255;

    /// Checks `text`.
    ///
    /// # Errors
    /// What it must be.
    pub fn new(text: impl Into<String>) -> Result<Self, &'static str> {
        let text = text.into();
        // Bytes first: counting the characters of a long text is work.
        let fits = text.len() <= 4 * Self::MAX && (1..=Self::MAX).contains(&text.chars().count());
        if !fits {
            return Err("must have 1 to 255 characters");
        }
        if text.contains('\0') {
            return Err("must not contain the character NUL");
        }
        Ok(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Description> for String {
    fn from(description: Description) -> Self {
        description.0
    }
}

impl<'de> Deserialize<'de> for Description {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'_, str>::deserialize(deserializer)?;
        Self::new(text).map_err(D::Error::custom)
    }
}
