//! Which trace and which span a message is handled in.

use std::collections::HashMap;

use gozon_core::trace::TraceContext;
use gozon_core::{Envelope, NewMessage};
use tracing::Span;

/// A new step in the message's trace; a trace of our own if it brought none.
pub(crate) fn trace_of(message: &Envelope) -> TraceContext {
    message
        .traceparent
        .as_deref()
        .and_then(|parent| TraceContext::parse(parent, message.tracestate.as_deref()))
        .map_or_else(TraceContext::root, |parent| parent.child())
}

pub(crate) fn span_of(message: &Envelope, trace: &TraceContext) -> Span {
    tracing::info_span!(
        "inbox.message",
        trace_id = trace.trace_id(),
        message.id = %message.id,
        message.type = message.kind,
    )
}

/// Gives outgoing messages that name their cause, but no trace, the trace of
/// their cause: a handler of many messages at once runs in no trace of its own.
pub(crate) fn inherit_traces(causes: &[Envelope], out: &mut [NewMessage]) {
    if out
        .iter()
        .all(|message| message.envelope.traceparent.is_some())
    {
        return;
    }
    let by_id: HashMap<String, &Envelope> = causes
        .iter()
        .map(|cause| (cause.id.to_string(), cause))
        .collect();
    for message in out {
        let envelope = &mut message.envelope;
        let cause = envelope.causation_id.as_ref().and_then(|id| by_id.get(id));
        if let (None, Some(cause)) = (&envelope.traceparent, cause) {
            let trace = trace_of(cause);
            envelope.traceparent = Some(trace.traceparent().to_owned());
            envelope.tracestate = trace.tracestate().map(str::to_owned);
        }
    }
}
