use axum::http::StatusCode;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $code:literal, $status:ident, $title:literal;)+) => {
        /// Why a request was refused: the closed list.
        ///
        /// A code never changes its meaning; clients decide by it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// What clients compare, such as `order_not_found`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The HTTP status that it always comes with.
            pub fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)+ }
            }

            /// A few words for people, the same each time.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }

            /// What it means, as its page says.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+),)+ }
            }
        }
    };
}

codes! {
    /// The request could not be read.
    MalformedRequest = "malformed_request", BAD_REQUEST, "Malformed request";
    /// The body is not JSON, or ended early.
    MalformedBody = "malformed_body", BAD_REQUEST, "Malformed body";
    /// A header is malformed, or was sent more than once.
    MalformedHeader = "malformed_header", BAD_REQUEST, "Malformed header";
    /// A query parameter is malformed, unknown, or was sent more than once.
    MalformedQuery = "malformed_query", BAD_REQUEST, "Malformed query";
    /// The id in the path is not a UUID.
    MalformedId = "malformed_id", BAD_REQUEST, "Malformed id";
    /// This route speaks WebSocket only.
    WebsocketRequired = "websocket_required", BAD_REQUEST, "WebSocket required";
    /// The request does not say who sent it.
    IdentityRequired = "identity_required", UNAUTHORIZED, "Identity required";
    /// The web page that sent the request is not allowed to.
    OriginRefused = "origin_refused", FORBIDDEN, "Origin refused";
    /// There is nothing at this address.
    NotFound = "not_found", NOT_FOUND, "Not found";
    /// The user has no account yet.
    AccountNotFound = "account_not_found", NOT_FOUND, "Account not found";
    /// The user has no order with this id.
    OrderNotFound = "order_not_found", NOT_FOUND, "Order not found";
    /// The address exists, but not for this method.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "Method not allowed";
    /// The user already has an account.
    AccountExists = "account_exists", CONFLICT, "Account exists";
    /// A request with the same Idempotency-Key is still being worked on.
    RequestInProgress = "request_in_progress", CONFLICT, "Request in progress";
    /// The body is larger than allowed.
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE, "Body too large";
    /// The body is not declared as JSON.
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "Unsupported media type";
    /// The body was read, but what it says is refused.
    InvalidBody = "invalid_body", UNPROCESSABLE_ENTITY, "Invalid body";
    /// The Idempotency-Key was used before with another body.
    IdempotencyKeyReused = "idempotency_key_reused", UNPROCESSABLE_ENTITY, "Idempotency key reused";
    /// The account's balance would go above its ceiling.
    BalanceLimitExceeded = "balance_limit_exceeded", UNPROCESSABLE_ENTITY, "Balance limit exceeded";
    /// Too much at once; repeat later.
    TooManyRequests = "too_many_requests", TOO_MANY_REQUESTS, "Too many requests";
    /// Our own fault. The trace id leads to the reason.
    Internal = "internal", INTERNAL_SERVER_ERROR, "Internal error";
    /// The service behind the gateway gave an answer that cannot be passed on.
    BadGateway = "bad_gateway", BAD_GATEWAY, "Bad gateway";
    /// Something that the service needs is not there. Repeat later; what was
    /// asked for may have happened, so repeat with the same Idempotency-Key.
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "Service unavailable";
    /// The service is starting, stopping or misses something it needs.
    NotReady = "not_ready", SERVICE_UNAVAILABLE, "Not ready";
    /// The request took too long and was given up. What was asked for may have
    /// happened, so repeat with the same Idempotency-Key.
    TimedOut = "timed_out", SERVICE_UNAVAILABLE, "Timed out";
    /// The service behind the gateway did not answer in time.
    GatewayTimeout = "gateway_timeout", GATEWAY_TIMEOUT, "Gateway timeout";
}

impl Code {
    /// The stable `type`: a relative reference to the page that explains it.
    pub fn type_uri(self) -> String {
        format!("/problems/{}", self.as_str())
    }

    /// The code that says no more than the status does.
    pub fn of_status(status: StatusCode) -> Self {
        match status.as_u16() {
            401 => Self::IdentityRequired,
            403 => Self::OriginRefused,
            404 => Self::NotFound,
            405 => Self::MethodNotAllowed,
            409 => Self::RequestInProgress,
            413 => Self::BodyTooLarge,
            415 => Self::UnsupportedMediaType,
            422 => Self::InvalidBody,
            429 => Self::TooManyRequests,
            502 => Self::BadGateway,
            503 => Self::Unavailable,
            504 => Self::GatewayTimeout,
            400..=499 => Self::MalformedRequest,
            _ => Self::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_distinct_and_their_statuses_errors() {
        let distinct: HashSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();

        assert_eq!(distinct.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!(code.status().as_u16() >= 400, "{code:?}");
            assert!(!code.meaning().is_empty(), "{code:?}");
            let generic = Code::of_status(code.status());
            assert_eq!(generic.status(), code.status(), "{code:?}");
        }
    }
}
