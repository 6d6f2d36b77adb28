use bytes::Bytes;
use gozon_core::{Envelope, MessageId};
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{PREFIX, SLOT_HEADER, SPEC_VERSION};

/// Attributes travel in one frame. One that is larger than the frame size
/// agreed with the broker (128 KiB by default) would end the connection, and
/// with it everything that is on its way.
const MAX_ATTRIBUTES_BYTES: usize = 64 * 1024;

/// Persistent: survives a restart of the broker.
const PERSISTENT: u8 = 2;

/// A message as lapin takes it.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) id: MessageId,
    pub(crate) routing_key: ShortString,
    pub(crate) properties: BasicProperties,
    pub(crate) data: Bytes,
}

/// Writes an envelope as an AMQP message.
///
/// # Errors
/// Why no broker could ever take this envelope.
pub(crate) fn write(envelope: &Envelope) -> Result<Wire, String> {
    let text = |time: OffsetDateTime| {
        time.format(&Rfc3339)
            .map_err(|error| format!("time cannot be written: {error}"))
    };
    let time = text(envelope.time)?;
    let published = envelope.published_at.map(text).transpose()?;
    let id = envelope.id.to_string();
    let attributes = [
        ("specversion", Some(SPEC_VERSION)),
        ("id", Some(id.as_str())),
        ("source", Some(envelope.source.as_str())),
        ("type", Some(envelope.kind.as_str())),
        ("subject", envelope.subject.as_deref()),
        ("time", Some(time.as_str())),
        ("dataschema", envelope.schema.as_deref()),
        ("partitionkey", envelope.key.as_deref()),
        ("correlationid", envelope.correlation_id.as_deref()),
        ("causationid", envelope.causation_id.as_deref()),
        ("traceparent", envelope.traceparent.as_deref()),
        ("tracestate", envelope.tracestate.as_deref()),
        ("publishedtime", published.as_deref()),
    ];
    let mut headers = FieldTable::default();
    let mut bytes = 0;
    for (name, value) in attributes {
        let Some(value) = value else { continue };
        bytes += value.len();
        headers.insert(
            short("header", &format!("{PREFIX}{name}"))?,
            AMQPValue::LongString(value.into()),
        );
    }
    if bytes > MAX_ATTRIBUTES_BYTES {
        return Err(format!(
            "its attributes have {bytes} bytes, more than {MAX_ATTRIBUTES_BYTES}"
        ));
    }
    headers.insert(
        short("header", &format!("{SLOT_HEADER}{}", envelope.slot()))?,
        AMQPValue::Boolean(true),
    );
    let kind = short("type", &envelope.kind)?;
    let mut properties = BasicProperties::default()
        .with_message_id(short("id", &id)?)
        .with_content_type(short("datacontenttype", &envelope.content_type)?)
        .with_type(kind.clone())
        .with_delivery_mode(PERSISTENT)
        .with_headers(headers);
    // Before 1970 there is no AMQP timestamp; the header has the time anyway.
    if let Ok(seconds) = u64::try_from(envelope.time.unix_timestamp()) {
        properties = properties.with_timestamp(seconds);
    }
    Ok(Wire {
        id: envelope.id,
        routing_key: kind,
        properties,
        data: envelope.data.clone(),
    })
}

/// AMQP's short strings end at 255 bytes; lapin panics beyond.
fn short(what: &str, text: &str) -> Result<ShortString, String> {
    ShortString::try_new(text)
        .map_err(|_| format!("its {what} has {} bytes, more than 255", text.len()))
}
