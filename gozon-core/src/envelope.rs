use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

/// The id of a message: a UUIDv7, unique per source for ever.
///
/// Ordered by creation only roughly. Never sort by it where order matters; the
/// outbox draws a sequence under the key's lock for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(pub Uuid);

impl MessageId {
    /// A new id from the machine's clock and randomness.
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for MessageId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// One message on its way, with the attributes of
/// [CloudEvents 1.0](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md).
///
/// The same on every transport. Serialised (serde), it holds all attributes
/// but not the data: stores keep the attributes as JSON text beside the bytes,
/// see [`Envelope::attributes_json`] and [`Envelope::from_stored`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// `id`.
    pub id: MessageId,
    /// `source`: which service says it, a URI reference such as `/gozon/orders`.
    pub source: String,
    /// `type`: what happened, such as `order_created`. Transports route by it.
    #[serde(rename = "type")]
    pub kind: String,
    /// `subject`: what it happened to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// `time`: when it happened, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub time: OffsetDateTime,
    /// `datacontenttype`: the media type of `data`.
    #[serde(rename = "datacontenttype")]
    pub content_type: String,
    /// `dataschema`: names the type and version of `data`.
    #[serde(
        rename = "dataschema",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub schema: Option<String>,
    /// `partitionkey`: messages with one key keep their order.
    #[serde(
        rename = "partitionkey",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub key: Option<String>,
    /// `correlationid`: the same on everything that one request set off.
    #[serde(
        rename = "correlationid",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub correlation_id: Option<String>,
    /// `causationid`: the id of the message that caused this one.
    #[serde(
        rename = "causationid",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub causation_id: Option<String>,
    /// `traceparent`, see [`crate::trace`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// `tracestate`, carried along unread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracestate: Option<String>,
    /// `publishedtime`: when the relay handed it to the transport, UTC; of
    /// several attempts, this one. `None` if nobody said so, as an older
    /// producer or one in another language need not.
    #[serde(
        rename = "publishedtime",
        with = "time::serde::rfc3339::option",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub published_at: Option<OffsetDateTime>,
    /// When the consumer that has it now received it, UTC. It does not travel:
    /// transports leave it out, consumers set it.
    #[serde(
        rename = "receivedtime",
        with = "time::serde::rfc3339::option",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub received_at: Option<OffsetDateTime>,
    /// The payload. Cheap to clone.
    #[serde(skip)]
    pub data: Bytes,
}

/// What a store holds is not an envelope: [`crate::ErrorClass::Bug`].
#[derive(Debug, thiserror::Error)]
#[error("stored envelope attributes are not readable: {0}")]
pub struct StoredEnvelopeError(#[from] serde_json::Error);

impl Envelope {
    /// All attributes as one JSON object, without the data.
    ///
    /// # Errors
    /// When `time` lies outside what RFC 3339 can write.
    pub fn attributes_json(&self) -> Result<String, StoredEnvelopeError> {
        Ok(serde_json::to_string(self)?)
    }

    /// The envelope that [`Envelope::attributes_json`] described, with its data.
    ///
    /// # Errors
    /// When the text is not the attributes of an envelope.
    pub fn from_stored(
        attributes: &str,
        data: impl Into<Bytes>,
    ) -> Result<Self, StoredEnvelopeError> {
        let mut envelope: Self = serde_json::from_str(attributes)?;
        envelope.data = data.into();
        Ok(envelope)
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;

    #[test]
    fn an_envelope_survives_its_store() {
        let envelope = Envelope {
            id: MessageId::generate(),
            source: "/gozon/orders".into(),
            kind: "order_created".into(),
            subject: Some("42".into()),
            time: OffsetDateTime::UNIX_EPOCH,
            content_type: "application/json".into(),
            schema: None,
            key: Some("42".into()),
            correlation_id: None,
            causation_id: None,
            traceparent: None,
            tracestate: None,
            published_at: Some(OffsetDateTime::UNIX_EPOCH + Duration::milliseconds(1)),
            received_at: Some(OffsetDateTime::UNIX_EPOCH + Duration::milliseconds(2)),
            data: Bytes::from_static(b"{}"),
        };

        let stored = envelope.attributes_json().unwrap();

        assert_eq!(
            Envelope::from_stored(&stored, &b"{}"[..]).unwrap(),
            envelope
        );
    }
    #[test]
    fn what_an_older_version_stored_reads_without_the_times_of_its_way() {
        let stored = r#"{"id": "0190a3a0-0000-7000-8000-000000000000", "source": "/tests",
            "type": "paid", "time": "2026-01-01T00:00:00Z", "datacontenttype": "text/plain"}"#;

        let read = Envelope::from_stored(stored, &b""[..]).unwrap();

        assert_eq!((read.published_at, read.received_at), (None, None));
        assert!(!read.attributes_json().unwrap().contains("edtime"));
    }
}
