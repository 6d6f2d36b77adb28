//! What a message carries, it carries unchanged.

use bytes::Bytes;
use time::{Duration, OffsetDateTime};

use super::kit::{PAID, ensure, first, message};
use super::{Candidate, Verdict};
use crate::Envelope;

/// Every attribute arrives as it was sent: set, absent, in any script.
pub async fn every_attribute_survives(candidate: &Candidate) -> Verdict {
    let moment = OffsetDateTime::UNIX_EPOCH + Duration::microseconds(1_763_640_000_123_456);
    let full = Envelope {
        source: "/gozon/conformance?a=b&c=%20d".to_owned(),
        subject: Some("заказ 42 – «книга» 📚".to_owned()),
        time: moment,
        content_type: "application/json; charset=utf-8".to_owned(),
        schema: Some("urn:event:conformance_paid:1".to_owned()),
        key: Some("键/ключ \"quoted\", with comma; é".to_owned()),
        correlation_id: Some("correlation 🧵".to_owned()),
        causation_id: Some(message(PAID).id.to_string()),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
        tracestate: Some("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE".to_owned()),
        published_at: Some(moment + Duration::microseconds(1)),
        ..message(PAID)
    };
    let long = Envelope {
        subject: Some("x".repeat(1000)),
        key: Some("ж".repeat(500)),
        ..message(PAID)
    };

    arrive_unchanged(candidate, vec![full, message(PAID), long]).await
}

/// The data arrives byte for byte: none, every byte value, 200 KiB.
pub async fn data_of_any_size_survives(candidate: &Candidate) -> Verdict {
    let of = |data: Vec<u8>| Envelope {
        content_type: "application/octet-stream".to_owned(),
        data: Bytes::from(data),
        ..message(PAID)
    };
    let bytes: Vec<u8> = (0..=255).collect();
    let large = bytes.repeat(800);

    arrive_unchanged(candidate, vec![of(Vec::new()), of(bytes), of(large)]).await
}

async fn arrive_unchanged(candidate: &Candidate, sent: Vec<Envelope>) -> Verdict {
    let mut consumer = candidate.acking(&first()).await?;

    let publishing = candidate.publishing(sent.clone());

    for arrived in consumer.until_all(&sent).await? {
        let Some(original) = sent.iter().find(|sent| sent.id == arrived.id) else {
            continue;
        };
        for (attribute, before, after) in compared(original, &arrived) {
            ensure!(
                before == after,
                "{attribute} was {before} and arrived as {after}"
            );
        }
        ensure!(
            original.data == arrived.data,
            "{} bytes of data arrived as {} or changed",
            original.data.len(),
            arrived.data.len()
        );
        ensure!(
            *original == arrived,
            "an attribute that this rule does not name has changed"
        );
    }
    publishing.confirmed().await
}

fn compared(before: &Envelope, after: &Envelope) -> [(&'static str, String, String); 12] {
    let pair = |name, of: fn(&Envelope) -> String| (name, of(before), of(after));
    [
        pair("source", |e| format!("{:?}", e.source)),
        pair("type", |e| format!("{:?}", e.kind)),
        pair("subject", |e| format!("{:?}", e.subject)),
        pair("time", |e| e.time.to_string()),
        pair("datacontenttype", |e| format!("{:?}", e.content_type)),
        pair("dataschema", |e| format!("{:?}", e.schema)),
        pair("partitionkey", |e| format!("{:?}", e.key)),
        pair("correlationid", |e| format!("{:?}", e.correlation_id)),
        pair("causationid", |e| format!("{:?}", e.causation_id)),
        pair("traceparent", |e| format!("{:?}", e.traceparent)),
        pair("tracestate", |e| format!("{:?}", e.tracestate)),
        pair("publishedtime", |e| format!("{:?}", e.published_at)),
    ]
}
