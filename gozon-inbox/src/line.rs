//! Who waits behind whom, in ordered subscriptions.

use bytes::Bytes;
use gozon_core::MessageId;
use uuid::Uuid;

/// The reason of what is kept because of what stands in front of it.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) const WAITS: &str = "waits behind an earlier message of its key";

/// The line of one ordering key at one consumer. In front of it is a message
/// that could not be handled; the later ones of its key stand behind.
///
/// Derived from the key. Two keys in one line would only wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line(Uuid);

impl Line {
    /// The line of a key.
    pub fn of(key: &str) -> Self {
        Self(Uuid::new_v5(&Uuid::NAMESPACE_OID, key.as_bytes()))
    }

    /// As a store keeps it.
    pub fn to_bytes(self) -> [u8; 16] {
        *self.0.as_bytes()
    }

    /// As a store has kept it.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(crate) fn id(self) -> Uuid {
        self.0
    }

    /// One of 256 locks.
    #[cfg(feature = "postgres")]
    pub(crate) fn stripe(self) -> i32 {
        let [.., last] = *self.0.as_bytes();
        i32::from(last)
    }
}

/// A message that may have to stand in line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behind {
    /// The message.
    pub id: MessageId,
    /// Where it would stand.
    pub line: Line,
    /// The envelope's attributes, see [`gozon_core::Envelope::attributes_json`].
    pub attributes: String,
    /// The envelope's data.
    pub data: Bytes,
}
