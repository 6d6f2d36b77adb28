use gozon_core::TransportError;
use lapin::ErrorKind;

/// 311 and 406, the two answers by which a broker closes a channel because of
/// what one message is: too large, above all. Others (403 no permission, 404 no
/// exchange) speak of how things stand around it and pass.
/// <https://www.rabbitmq.com/amqp-0-9-1-reference#constants>
const CONTENT_TOO_LARGE: u16 = 311;
const PRECONDITION_FAILED: u16 = 406;
const NOT_FOUND: u16 = 404;

/// How a channel or connection failed us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The broker closed the channel because of a message or a declaration.
    Refused(String),
    /// Something that we declared is no longer there.
    Missing(String),
    /// Anything else: gone, timed out, not permitted.
    Gone(String),
}

impl Fault {
    pub(crate) fn gone(reason: impl Into<String>) -> Self {
        Self::Gone(reason.into())
    }

    /// The same where no message was in hand yet: whatever the broker says, it
    /// is not about the next one. A channel's number may even bring the answer
    /// back that was meant for the last message on it.
    pub(crate) fn before_any_message(self) -> Self {
        Self::Gone(self.into_reason())
    }

    fn into_reason(self) -> String {
        match self {
            Self::Refused(reason) | Self::Missing(reason) | Self::Gone(reason) => reason,
        }
    }

    pub(crate) fn reason(&self) -> &str {
        match self {
            Self::Refused(reason) | Self::Missing(reason) | Self::Gone(reason) => reason,
        }
    }

    /// As an answer to a declaration of `what`.
    pub(crate) fn declaring(self, what: &str) -> TransportError {
        match self {
            Self::Refused(reason) => TransportError::Mismatch {
                what: what.to_owned(),
                reason,
            },
            Self::Missing(reason) | Self::Gone(reason) => TransportError::Unavailable { reason },
        }
    }
}

impl From<lapin::Error> for Fault {
    fn from(error: lapin::Error) -> Self {
        let reason = error.to_string();
        match error.kind() {
            ErrorKind::ProtocolError(amqp) => match amqp.get_id() {
                CONTENT_TOO_LARGE | PRECONDITION_FAILED => Self::Refused(reason),
                NOT_FOUND => Self::Missing(reason),
                _ => Self::Gone(reason),
            },
            _ => Self::Gone(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use lapin::protocol::AMQPError;

    use super::*;

    fn fault(code: u16) -> Fault {
        let error = AMQPError::from_id(code, "why".into()).unwrap();
        lapin::Error::from(ErrorKind::ProtocolError(error)).into()
    }

    #[test]
    fn only_what_speaks_of_the_message_is_held_against_it() {
        assert!(matches!(fault(406), Fault::Refused(_)));
        assert!(matches!(fault(311), Fault::Refused(_)));
        assert!(matches!(fault(404), Fault::Missing(_)));
        for passing in [313, 320, 402, 403, 405, 501, 504, 506, 530, 541] {
            assert!(matches!(fault(passing), Fault::Gone(_)), "{passing}");
        }
    }

    #[test]
    fn what_the_broker_says_before_a_message_is_sent_is_held_against_none() {
        for code in [311, 404, 406, 506] {
            let before = fault(code).before_any_message();
            assert!(
                matches!(&before, Fault::Gone(reason) if reason.contains("why")),
                "{code}"
            );
        }
    }

    #[test]
    fn a_refused_declaration_is_a_mismatch() {
        assert!(matches!(
            fault(406).declaring("queue q"),
            TransportError::Mismatch { what, .. } if what == "queue q"
        ));
        assert!(matches!(
            fault(320).declaring("queue q"),
            TransportError::Unavailable { .. }
        ));
    }
}
