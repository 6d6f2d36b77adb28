use std::collections::HashMap;

use bytes::Bytes;
use gozon_core::{Clock, Envelope, Incoming, Malformed, MessageId, SystemClock};
use lapin::BasicProperties;
use lapin::types::AMQPValue;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::{PREFIXES, SPEC_VERSION, json};

/// The namespaces of the ids that we derive (UUIDv5); chosen at random once.
const FOREIGN_IDS: Uuid = Uuid::from_u128(0x6d1c_9a40_7f5e_4b0e_9d0b_53a4_28c6_e1f7);
const MALFORMED_IDS: Uuid = Uuid::from_u128(0x0b7e_51d2_c3a8_4e96_8f14_a96d_70e2_35bc);

/// What came from the broker.
pub(crate) struct Arrived {
    pub(crate) routing_key: String,
    pub(crate) properties: BasicProperties,
    pub(crate) data: Bytes,
}

/// Reads a message; what is no CloudEvent of a version we know is malformed,
/// never an error.
pub(crate) fn read(arrived: Arrived) -> Incoming {
    match envelope(&arrived) {
        Ok(envelope) => Incoming::Message(envelope),
        Err(reason) => Incoming::Malformed(Malformed {
            id: content_id(&arrived),
            reason,
            headers: json::describe(&arrived.properties, &arrived.routing_key),
            data: arrived.data,
        }),
    }
}

fn envelope(arrived: &Arrived) -> Result<Envelope, String> {
    let properties = &arrived.properties;
    let mut attributes = attributes(properties)?;
    let content_type = properties.content_type().as_ref().map(|t| t.as_str());
    if attributes.is_empty() {
        return Err(
            match content_type.filter(|t| t.starts_with("application/cloudevents")) {
                Some(mode) => format!("{mode} is not supported, only CloudEvents binary mode"),
                None => "it has no CloudEvents headers".to_owned(),
            },
        );
    }
    let mut take = |name: &str| attributes.remove(name).filter(|text| !text.is_empty());
    let required = |name: &str, value: Option<String>| {
        value.ok_or_else(|| format!("the attribute {name} is missing"))
    };

    let version = required("specversion", take("specversion"))?;
    if version != SPEC_VERSION {
        return Err(format!(
            "specversion {version} is not known, only {SPEC_VERSION}"
        ));
    }
    let source = required("source", take("source"))?;
    let kind = required("type", take("type"))?;
    let message_id = properties.message_id().as_ref().map(|id| id.as_str());
    let id = required("id", take("id").or_else(|| message_id.map(str::to_owned)))?;
    let time = match take("time") {
        Some(text) => {
            utc(&text).map_err(|error| format!("time {text:?} cannot be read: {error}"))?
        }
        // `time` is optional in CloudEvents.
        None => properties
            .timestamp()
            .and_then(|seconds| i64::try_from(seconds).ok())
            .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
            .unwrap_or_else(|| SystemClock.now()),
    };
    Ok(Envelope {
        id: message_id_of(&source, &id),
        kind,
        subject: take("subject"),
        time,
        content_type: content_type
            .map(str::to_owned)
            .or_else(|| take("datacontenttype"))
            .unwrap_or_else(|| "application/json".to_owned()),
        schema: take("dataschema"),
        key: take("partitionkey"),
        correlation_id: take("correlationid"),
        causation_id: take("causationid"),
        traceparent: take("traceparent"),
        tracestate: take("tracestate"),
        // An extension may mean something else to a producer that is not ours, which
        // is no reason to refuse its message.
        published_at: take("publishedtime").and_then(|text| utc(&text).ok()),
        received_at: None,
        source,
        data: arrived.data.clone(),
    })
}

/// Checked: the last hours of the year 9999 are in another year in UTC, which no
/// time here can say.
fn utc(text: &str) -> Result<OffsetDateTime, String> {
    let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|error| error.to_string())?;
    time.checked_to_offset(time::UtcOffset::UTC)
        .ok_or_else(|| "it is beyond the year 9999 in UTC".to_owned())
}

/// The CloudEvents attributes among the headers, by lower-case name without
/// prefix. Ours win where a message carries an attribute twice.
fn attributes(properties: &BasicProperties) -> Result<HashMap<String, String>, String> {
    let mut found = HashMap::new();
    let Some(headers) = properties.headers() else {
        return Ok(found);
    };
    for prefix in PREFIXES {
        for (header, value) in headers.inner() {
            let header = header.as_str();
            let Some((start, name)) = header.split_at_checked(prefix.len()) else {
                continue;
            };
            if !start.eq_ignore_ascii_case(prefix) {
                continue;
            }
            if let Some(text) = text(header, value)? {
                found.entry(name.to_ascii_lowercase()).or_insert(text);
            }
        }
    }
    Ok(found)
}

/// A header's value as the text that CloudEvents gives its type.
fn text(header: &str, value: &AMQPValue) -> Result<Option<String>, String> {
    Ok(Some(match value {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes())
            .map_err(|_| format!("the header {header} is not UTF-8"))?
            .to_owned(),
        AMQPValue::ShortString(text) => text.as_str().to_owned(),
        AMQPValue::Boolean(v) => v.to_string(),
        AMQPValue::ShortShortInt(v) => v.to_string(),
        AMQPValue::ShortShortUInt(v) => v.to_string(),
        AMQPValue::ShortInt(v) => v.to_string(),
        AMQPValue::ShortUInt(v) => v.to_string(),
        AMQPValue::LongInt(v) => v.to_string(),
        AMQPValue::LongUInt(v) => v.to_string(),
        AMQPValue::LongLongInt(v) => v.to_string(),
        AMQPValue::Timestamp(v) => i64::try_from(*v)
            .ok()
            .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
            .and_then(|time| time.format(&Rfc3339).ok())
            .ok_or_else(|| format!("the header {header} is no time"))?,
        AMQPValue::Void => return Ok(None),
        AMQPValue::Float(_)
        | AMQPValue::Double(_)
        | AMQPValue::DecimalValue(_)
        | AMQPValue::FieldArray(_)
        | AMQPValue::FieldTable(_)
        | AMQPValue::ByteArray(_) => {
            return Err(format!("the header {header} is not a CloudEvents type"));
        }
    }))
}

/// CloudEvents ids are any text, unique per source; ours are UUIDs. A foreign
/// id that is none becomes one, the same at every delivery.
fn message_id_of(source: &str, id: &str) -> MessageId {
    id.parse().unwrap_or_else(|_| {
        let name = format!("{source}\0{id}");
        MessageId(Uuid::new_v5(&FOREIGN_IDS, name.as_bytes()))
    })
}

/// The same for the same content. Without the headers that begin with `x-`:
/// the broker changes those at a redelivery (`x-delivery-count`, `x-death`).
fn content_id(arrived: &Arrived) -> MessageId {
    let mut content = Vec::with_capacity(arrived.data.len() + 256);
    let mut put = |part: &[u8]| {
        content.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        content.extend_from_slice(part);
    };
    put(arrived.routing_key.as_bytes());
    let properties = &arrived.properties;
    for text in [
        properties.message_id(),
        properties.content_type(),
        properties.kind(),
    ] {
        put(text.as_ref().map_or("", |t| t.as_str()).as_bytes());
    }
    for (name, value) in properties.headers().iter().flat_map(|h| h.inner()) {
        if !name.as_str().starts_with("x-") {
            put(name.as_str().as_bytes());
            put(format!("{value:?}").as_bytes());
        }
    }
    put(&arrived.data);
    MessageId(Uuid::new_v5(&MALFORMED_IDS, &content))
}

#[cfg(test)]
mod tests {
    use lapin::types::{FieldTable, LongString};

    use super::super::write;
    use super::*;

    fn envelope() -> Envelope {
        Envelope {
            id: MessageId::generate(),
            source: "/gozon/orders".into(),
            kind: "order_created".into(),
            subject: Some("42".into()),
            time: SystemClock.now(),
            content_type: "application/json".into(),
            schema: Some("urn:event:order_created:1".into()),
            key: Some("42".into()),
            correlation_id: Some("c".into()),
            causation_id: Some("d".into()),
            traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()),
            tracestate: Some("a=b".into()),
            published_at: Some(SystemClock.now()),
            received_at: None,
            data: Bytes::from_static(b"{\"x\":1}"),
        }
    }

    fn arrived(headers: &[(&str, &str)], data: &'static [u8]) -> Arrived {
        let mut table = FieldTable::default();
        for (name, value) in headers {
            table.insert((*name).into(), AMQPValue::LongString((*value).into()));
        }
        Arrived {
            routing_key: "order_created".to_owned(),
            properties: BasicProperties::default().with_headers(table),
            data: Bytes::from_static(data),
        }
    }

    fn malformed(arrived: Arrived) -> Malformed {
        match read(arrived) {
            Incoming::Malformed(malformed) => malformed,
            Incoming::Message(envelope) => panic!("it was read: {envelope:?}"),
        }
    }

    fn message(arrived: Arrived) -> Envelope {
        match read(arrived) {
            Incoming::Message(envelope) => envelope,
            Incoming::Malformed(malformed) => panic!("it was not read: {malformed:?}"),
        }
    }

    const FOREIGN: [(&str, &str); 4] = [
        ("ce-specversion", "1.0"),
        ("ce-id", "A-1"),
        ("ce-source", "/elsewhere"),
        ("ce-type", "order_created"),
    ];

    #[test]
    fn an_envelope_survives_the_wire() {
        let sent = envelope();
        let wire = write(&sent).unwrap();

        let read = message(Arrived {
            routing_key: wire.routing_key.to_string(),
            properties: wire.properties,
            data: wire.data,
        });

        assert_eq!(read, sent);
    }

    #[test]
    fn what_no_broker_could_take_is_refused_before_it_is_sent() {
        let long = "x".repeat(300);
        for (broken, word) in [
            (
                Envelope {
                    kind: long.clone(),
                    ..envelope()
                },
                "type",
            ),
            (
                Envelope {
                    content_type: long,
                    ..envelope()
                },
                "datacontenttype",
            ),
            (
                Envelope {
                    tracestate: Some("x".repeat(70_000)),
                    ..envelope()
                },
                "attributes",
            ),
        ] {
            assert!(write(&broken).unwrap_err().contains(word));
        }
    }

    #[test]
    fn a_foreign_id_becomes_the_same_uuid_every_time() {
        let first = message(arrived(&FOREIGN, b"{}"));
        let second = message(arrived(&FOREIGN, b"{}"));
        let mut elsewhere = FOREIGN;
        elsewhere[2] = ("ce-source", "/third");

        assert_eq!(first.id, second.id);
        assert_ne!(first.id, message(arrived(&elsewhere, b"{}")).id);
    }

    #[test]
    fn all_three_prefixes_are_read() {
        for prefix in ["cloudEvents_", "cloudEvents:", "ce-", "CE-"] {
            let names =
                ["specversion", "id", "source", "type"].map(|name| format!("{prefix}{name}"));
            let headers: Vec<_> = names
                .iter()
                .zip(["1.0", "1", "/s", "t"])
                .map(|(name, value)| (name.as_str(), value))
                .collect();
            assert_eq!(message(arrived(&headers, b"")).kind, "t");
        }
    }

    #[test]
    fn another_version_of_the_envelope_is_malformed() {
        let mut headers = FOREIGN;
        headers[0] = ("ce-specversion", "2.0");

        let malformed = malformed(arrived(&headers, b"{}"));

        assert!(malformed.reason.contains("2.0"), "{}", malformed.reason);
        assert!(malformed.headers.contains("\"ce-source\":\"/elsewhere\""));
    }

    #[test]
    fn every_missing_attribute_is_named() {
        for missing in ["ce-specversion", "ce-id", "ce-source", "ce-type"] {
            let headers: Vec<_> = FOREIGN
                .iter()
                .copied()
                .filter(|(name, _)| *name != missing)
                .collect();
            let malformed = malformed(arrived(&headers, b"{}"));
            assert!(malformed.reason.contains(&missing[3..]));
        }
    }

    #[test]
    fn headers_of_the_broker_do_not_change_the_id_of_a_malformed_message() {
        let first = malformed(arrived(&[("a", "b")], b"junk"));
        let again = malformed(arrived(&[("a", "b"), ("x-delivery-count", "1")], b"junk"));
        let other = malformed(arrived(&[("a", "b")], b"other"));

        assert_eq!(first.id, again.id);
        assert_ne!(first.id, other.id);
        assert_eq!(first.data, "junk");
    }

    #[test]
    fn bytes_that_are_no_text_are_malformed_not_a_panic() {
        let mut table = FieldTable::default();
        table.insert(
            "ce-type".into(),
            AMQPValue::LongString(LongString::from(vec![0xff, 0xfe])),
        );
        let malformed = malformed(Arrived {
            routing_key: "k".into(),
            properties: BasicProperties::default().with_headers(table),
            data: Bytes::new(),
        });

        assert!(malformed.reason.contains("ce-type"));
    }

    #[test]
    fn when_it_was_published_is_unknown_where_nobody_says_so_in_our_words() {
        for said in [None, Some("yesterday"), Some("")] {
            let mut headers = FOREIGN.to_vec();
            headers.extend(said.map(|text| ("ce-publishedtime", text)));

            assert_eq!(message(arrived(&headers, b"{}")).published_at, None);
        }
    }

    #[test]
    fn when_it_was_received_does_not_travel() {
        let known = Envelope {
            received_at: Some(SystemClock.now()),
            ..envelope()
        };
        let wire = write(&known).unwrap();

        let read = message(Arrived {
            routing_key: wire.routing_key.to_string(),
            properties: wire.properties,
            data: wire.data,
        });

        assert_eq!(read.received_at, None);
    }

    #[test]
    fn a_time_that_cannot_be_read_is_malformed_and_a_missing_one_is_not() {
        let mut headers = FOREIGN.to_vec();
        headers.push(("ce-time", "yesterday"));

        assert!(
            malformed(arrived(&headers, b"{}"))
                .reason
                .contains("yesterday")
        );
        message(arrived(&FOREIGN, b"{}"));
    }

    #[test]
    fn a_time_beyond_the_last_year_is_malformed_and_no_panic() {
        const END: &str = "9999-12-31T23:59:59-01:00";
        let with = |name| [FOREIGN.as_slice(), &[(name, END)]].concat();

        let reason = malformed(arrived(&with("ce-time"), b"{}")).reason;
        assert!(reason.contains(END) && reason.contains("9999"), "{reason}");
        let read = message(arrived(&with("ce-publishedtime"), b"{}"));
        assert_eq!(read.published_at, None);
    }
}
