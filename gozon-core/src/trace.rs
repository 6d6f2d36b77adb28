//! The trace that a task belongs to, in the words of
//! [W3C Trace Context](https://www.w3.org/TR/trace-context/).
//!
//! One trace runs through HTTP, outbox, transport and inbox: the HTTP layer and
//! the inbox put their work into a [`scope`], [`crate::NewMessage::of`] reads
//! [`current`] into the envelope, and the message carries it on.

use std::future::Future;

use uuid::Uuid;

tokio::task_local! {
    static CURRENT: TraceContext;
}

/// A `traceparent`, checked, and the `tracestate` that came with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    traceparent: String,
    tracestate: Option<String>,
}

impl TraceContext {
    /// Starts a trace of our own.
    pub fn root() -> Self {
        let trace_id = Uuid::new_v4().simple().to_string();
        Self {
            traceparent: format!("00-{trace_id}-{}-01", span_id()),
            tracestate: None,
        }
    }

    /// Reads a `traceparent` header; `None` when it is not one, in which case
    /// the standard asks to start a new trace.
    pub fn parse(traceparent: &str, tracestate: Option<&str>) -> Option<Self> {
        let mut parts = traceparent.split('-');
        let (version, trace, span, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_hex = |part: &str, length: usize| {
            part.len() == length
                && part
                    .bytes()
                    .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        let is_zero = |part: &str| part.bytes().all(|b| b == b'0');
        let known_length = version != "00" || parts.next().is_none();
        let valid = is_hex(version, 2)
            && version != "ff"
            && is_hex(trace, 32)
            && is_hex(span, 16)
            && is_hex(flags, 2)
            && !is_zero(trace)
            && !is_zero(span)
            && known_length;
        valid.then(|| Self {
            traceparent: format!("00-{trace}-{span}-{flags}"),
            tracestate: tracestate.map(str::to_owned),
        })
    }

    /// The same trace, a new span below this one.
    #[must_use]
    pub fn child(&self) -> Self {
        Self {
            traceparent: format!("00-{}-{}-01", self.trace_id(), span_id()),
            tracestate: self.tracestate.clone(),
        }
    }

    /// The 32 hexadecimal digits that all spans of the trace share.
    pub fn trace_id(&self) -> &str {
        &self.traceparent[3..35]
    }

    /// The header's value.
    pub fn traceparent(&self) -> &str {
        &self.traceparent
    }

    /// The vendors' state that came along, unread.
    pub fn tracestate(&self) -> Option<&str> {
        self.tracestate.as_deref()
    }
}

/// Runs `work` as part of `trace`. Tasks that it spawns do not inherit it.
pub async fn scope<F: Future>(trace: TraceContext, work: F) -> F::Output {
    CURRENT.scope(trace, work).await
}

/// The trace of the running task, if it has one.
pub fn current() -> Option<TraceContext> {
    CURRENT.try_with(Clone::clone).ok()
}

fn span_id() -> String {
    // The last eight bytes of a UUIDv4 carry the variant bits, so never all zero.
    Uuid::new_v4().simple().to_string()[16..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_child_stays_in_its_trace() {
        let parent = TraceContext::parse(VALID, Some("a=b")).unwrap();

        let child = parent.child();

        assert_eq!(child.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_ne!(child.traceparent(), parent.traceparent());
        assert_eq!(child.tracestate(), Some("a=b"));
    }

    #[test]
    fn our_own_roots_are_valid() {
        let root = TraceContext::root();

        assert!(TraceContext::parse(root.traceparent(), None).is_some());
    }

    #[test]
    fn what_is_no_traceparent_is_refused() {
        for bad in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-é1",
        ] {
            assert_eq!(TraceContext::parse(bad, None), None, "{bad}");
        }
    }

    #[tokio::test]
    async fn work_in_a_scope_sees_its_trace() {
        let trace = TraceContext::root();

        let seen = scope(trace.clone(), async { current() }).await;

        assert_eq!(seen, Some(trace));
        assert_eq!(current(), None);
    }
}
