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
