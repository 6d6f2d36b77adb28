use std::time::Duration;

use bytes::Bytes;

use crate::{Clock, EncodeError, Envelope, Event, MessageId, SystemClock, trace};

/// A message that is about to enter an outbox.
#[derive(Debug, Clone, PartialEq)]
pub struct NewMessage {
    /// What will travel.
    pub envelope: Envelope,
    /// How long it must wait before it may be published; `None` for at once.
    pub delay: Option<Duration>,
}

impl NewMessage {
    /// A message that carries `event`, said by `source` (such as
    /// `/gozon/orders`), with a new id, the current time, the event's key and
    /// the trace that this task belongs to.
    ///
    /// # Errors
    /// [`EncodeError`] when the event cannot be written as JSON.
    pub fn of<E: Event>(source: &str, event: &E) -> Result<Self, EncodeError> {
        let data = serde_json::to_vec(event).map_err(|source| EncodeError {
            kind: E::TYPE,
            source,
        })?;
        let trace = trace::current();
        Ok(Self {
            envelope: Envelope {
                id: MessageId::generate(),
                source: source.to_owned(),
                kind: E::TYPE.to_owned(),
                subject: event.subject(),
                time: SystemClock.now(),
                content_type: "application/json".to_owned(),
                schema: Some(E::schema()),
                key: event.key(),
                correlation_id: None,
                causation_id: None,
                traceparent: trace.as_ref().map(|trace| trace.traceparent().to_owned()),
                tracestate: trace.and_then(|trace| trace.tracestate().map(str::to_owned)),
                published_at: None,
                received_at: None,
                data: Bytes::from(data),
            },
            delay: None,
        })
    }

    /// Records which message caused this one, and takes over its correlation.
    #[must_use]
    pub fn caused_by(mut self, cause: &Envelope) -> Self {
        self.envelope.causation_id = Some(cause.id.to_string());
        self.envelope.correlation_id = cause
            .correlation_id
            .clone()
            .or_else(|| Some(cause.id.to_string()));
        self
    }

    /// Keeps the message back for at least `delay` after its commit.
    #[must_use]
    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = Some(delay);
        self
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::trace::TraceContext;

    #[derive(Serialize, Deserialize)]
    struct Paid {
        order: String,
    }

    impl Event for Paid {
        const TYPE: &'static str = "paid";
        const VERSION: u32 = 1;

        fn subject(&self) -> Option<String> {
            Some(format!("order {}", self.order))
        }

        fn key(&self) -> Option<String> {
            Some(self.order.clone())
        }
    }

    fn paid() -> NewMessage {
        let event = Paid { order: "42".into() };
        NewMessage::of("/gozon/tests", &event).unwrap()
    }

    #[test]
    fn a_message_carries_what_its_event_says_of_itself() {
        let message = paid();

        let envelope = &message.envelope;
        assert_eq!(envelope.source, "/gozon/tests");
        assert_eq!(envelope.kind, "paid");
        assert_eq!(envelope.schema.as_deref(), Some("urn:event:paid:1"));
        assert_eq!(envelope.subject.as_deref(), Some("order 42"));
        assert_eq!(envelope.key.as_deref(), Some("42"));
        assert_eq!(envelope.content_type, "application/json");
        assert_eq!(&envelope.data[..], br#"{"order":"42"}"#);
        assert_eq!(message.delay, None);
        assert_ne!(envelope.id, paid().envelope.id);
    }

    #[tokio::test]
    async fn a_message_belongs_to_the_trace_of_its_task() {
        let trace = TraceContext::parse(
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            Some("a=b"),
        )
        .unwrap();

        let inside = trace::scope(trace.clone(), async { paid() }).await.envelope;
        let outside = paid().envelope;

        assert_eq!(inside.traceparent.as_deref(), Some(trace.traceparent()));
        assert_eq!(inside.tracestate.as_deref(), Some("a=b"));
        assert_eq!((outside.traceparent, outside.tracestate), (None, None));
    }

    #[test]
    fn the_first_cause_gives_its_id_as_the_correlation_of_all_that_follows() {
        let first = paid().envelope;
        let second = paid().caused_by(&first).envelope;
        let third = paid().caused_by(&second).envelope;

        let root = Some(first.id.to_string());
        assert_eq!(second.causation_id, root);
        assert_eq!(second.correlation_id, root);
        assert_eq!(third.causation_id, Some(second.id.to_string()));
        assert_eq!(third.correlation_id, root);
    }

    #[test]
    fn a_delay_is_kept_beside_the_envelope() {
        let delay = Duration::from_secs(3);

        assert_eq!(paid().with_delay(delay).delay, Some(delay));
    }
}
