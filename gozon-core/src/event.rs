use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Envelope, ErrorClass};

/// A typed event: a serde struct that owns its type name and version.
pub trait Event: Serialize + DeserializeOwned + Send + Sync {
    /// The CloudEvents `type`, and the routing key on transports.
    const TYPE: &'static str;
    /// The version of the payload's shape. Raise it when old readers could
    /// misread the new shape.
    const VERSION: u32;

    /// What the event happened to (CloudEvents `subject`).
    fn subject(&self) -> Option<String> {
        None
    }

    /// The ordering key: events with one key arrive in commit order.
    fn key(&self) -> Option<String> {
        None
    }

    /// The CloudEvents `dataschema` of this type and version.
    fn schema() -> String {
        format!("urn:event:{}:{}", Self::TYPE, Self::VERSION)
    }
}

/// The event could not be written as JSON: [`ErrorClass::Bug`].
#[derive(Debug, thiserror::Error)]
#[error("event {kind} cannot be written as JSON: {source}")]
pub struct EncodeError {
    /// The event's type.
    pub kind: &'static str,
    /// Why.
    pub source: serde_json::Error,
}

/// The envelope does not hold the event that was asked for.
///
/// Always [`ErrorClass::Reject`]: the same bytes will read the same tomorrow.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// It is another type.
    #[error("expected type {expected}, found {found}")]
    Type {
        /// The type that was asked for.
        expected: &'static str,
        /// The type of the envelope.
        found: String,
    },
    /// It is a version that this program does not know.
    #[error("expected schema {expected}, found {found}")]
    Version {
        /// The schema that was asked for.
        expected: String,
        /// The schema of the envelope.
        found: String,
    },
    /// The payload does not fit the type.
    #[error("data does not read as {kind}: {source}")]
    Data {
        /// The type that was asked for.
        kind: &'static str,
        /// Why.
        source: serde_json::Error,
    },
}

impl DecodeError {
    /// [`ErrorClass::Reject`], always.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Type { .. } | Self::Version { .. } | Self::Data { .. } => ErrorClass::Reject,
        }
    }
}

impl Envelope {
    /// Reads the event inside, after checking its type and version. An envelope
    /// without a schema is read as the current version, so that a producer
    /// outside Gozon need not name one.
    ///
    /// # Errors
    /// [`DecodeError`], which class is always `Reject`.
    pub fn decode<E: Event>(&self) -> Result<E, DecodeError> {
        if self.kind != E::TYPE {
            return Err(DecodeError::Type {
                expected: E::TYPE,
                found: self.kind.clone(),
            });
        }
        if let Some(found) = self.schema.as_ref().filter(|found| **found != E::schema()) {
            return Err(DecodeError::Version {
                expected: E::schema(),
                found: found.clone(),
            });
        }
        serde_json::from_slice(&self.data).map_err(|source| DecodeError::Data {
            kind: E::TYPE,
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::NewMessage;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Paid {
        order: String,
        amount: i64,
    }

    impl Event for Paid {
        const TYPE: &'static str = "paid";
        const VERSION: u32 = 2;
    }

    fn paid() -> Paid {
        Paid {
            order: "42".into(),
            amount: 2490,
        }
    }

    fn envelope() -> Envelope {
        NewMessage::of("/gozon/tests", &paid()).unwrap().envelope
    }

    #[test]
    fn an_event_reads_back_as_it_was_written() {
        assert_eq!(envelope().decode::<Paid>().unwrap(), paid());
    }

    #[test]
    fn another_type_is_refused_even_if_its_data_would_fit() {
        let other = Envelope {
            kind: "refunded".into(),
            ..envelope()
        };

        let error = other.decode::<Paid>().unwrap_err();

        assert_eq!(error.to_string(), "expected type paid, found refunded");
        assert_eq!(error.class(), ErrorClass::Reject);
    }

    #[test]
    fn another_version_is_refused_even_if_its_data_would_fit() {
        let newer = Envelope {
            schema: Some("urn:event:paid:3".into()),
            ..envelope()
        };

        let error = newer.decode::<Paid>().unwrap_err();

        assert!(matches!(error, DecodeError::Version { .. }), "{error:?}");
        assert_eq!(error.class(), ErrorClass::Reject);
    }

    #[test]
    fn a_producer_that_names_no_schema_is_read_as_the_current_version() {
        let foreign = Envelope {
            schema: None,
            ..envelope()
        };

        assert_eq!(foreign.decode::<Paid>().unwrap(), paid());
    }

    #[test]
    fn data_that_does_not_fit_is_refused() {
        for data in [&b""[..], b"{", b"{}", br#"{"order":"42","amount":"2490"}"#] {
            let damaged = Envelope {
                data: data.into(),
                ..envelope()
            };

            let error = damaged.decode::<Paid>().unwrap_err();

            assert!(matches!(error, DecodeError::Data { .. }), "{error:?}");
            assert_eq!(error.class(), ErrorClass::Reject);
        }
    }
}
