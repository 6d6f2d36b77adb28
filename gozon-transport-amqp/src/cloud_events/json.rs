use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use serde_json::{Map, Value, json};

/// Properties and headers as JSON text, for people who look at a message that
/// no one could read.
pub(super) fn describe(properties: &BasicProperties, routing_key: &str) -> String {
    let mut shown = Map::new();
    shown.insert("routing_key".to_owned(), json!(routing_key));
    let texts = [
        ("message_id", properties.message_id()),
        ("content_type", properties.content_type()),
        ("content_encoding", properties.content_encoding()),
        ("type", properties.kind()),
        ("correlation_id", properties.correlation_id()),
        ("reply_to", properties.reply_to()),
        ("app_id", properties.app_id()),
        ("user_id", properties.user_id()),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            shown.insert(name.to_owned(), json!(text.as_str()));
        }
    }
    if let Some(timestamp) = properties.timestamp() {
        shown.insert("timestamp".to_owned(), json!(timestamp));
    }
    if let Some(headers) = properties.headers() {
        shown.insert("headers".to_owned(), table(headers));
    }
    Value::Object(shown).to_string()
}

fn table(fields: &FieldTable) -> Value {
    fields
        .inner()
        .iter()
        .map(|(name, field)| (name.as_str().to_owned(), value(field)))
        .collect::<Map<_, _>>()
        .into()
}

fn value(field: &AMQPValue) -> Value {
    match field {
        AMQPValue::Boolean(v) => json!(v),
        AMQPValue::ShortShortInt(v) => json!(v),
        AMQPValue::ShortShortUInt(v) => json!(v),
        AMQPValue::ShortInt(v) => json!(v),
        AMQPValue::ShortUInt(v) => json!(v),
        AMQPValue::LongInt(v) => json!(v),
        AMQPValue::LongUInt(v) => json!(v),
        AMQPValue::LongLongInt(v) => json!(v),
        AMQPValue::Float(v) => json!(v),
        AMQPValue::Double(v) => json!(v),
        AMQPValue::DecimalValue(v) => json!({"scale": v.scale, "value": v.value}),
        AMQPValue::ShortString(v) => json!(v.as_str()),
        AMQPValue::LongString(v) => json!(v.to_string()),
        AMQPValue::FieldArray(v) => v.as_slice().iter().map(value).collect(),
        AMQPValue::Timestamp(v) => json!(v),
        AMQPValue::FieldTable(v) => table(v),
        AMQPValue::ByteArray(v) => json!(String::from_utf8_lossy(v.as_slice())),
        AMQPValue::Void => Value::Null,
    }
}
