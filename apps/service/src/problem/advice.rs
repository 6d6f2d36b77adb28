//! What a caller can do about each problem, and an example of each.

use std::fmt;

use super::{Code, Problem};

/// What helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing is wrong with the request: the same may succeed later.
    Retry,
    /// Another request is needed: the same would be refused again.
    Mend,
    /// No request of this caller helps: a person must look.
    GiveUp,
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Retry => "Retry",
            Self::Mend => "Mend the request",
            Self::GiveUp => "Give up, and tell a person",
        })
    }
}

impl Code {
    /// What helps, and how.
    pub fn advice(self) -> (Remedy, &'static str) {
        use Remedy::{GiveUp, Mend, Retry};
        match self {
            Self::MalformedRequest => (
                Mend,
                "The request breaks the rules of HTTP, so a library or a proxy on the way is at fault rather than your data. Compare what is sent with what you meant to send.",
            ),
            Self::MalformedBody => (
                Mend,
                "Send one JSON object in UTF-8, whole, as the documentation of the operation shows it.",
            ),
            Self::MalformedHeader => (
                Mend,
                "`errors[].header` names it. `X-User-Id` has 1 to 64 letters, digits, dots, underscores or hyphens; `Idempotency-Key` has 1 to 255 printable ASCII characters. Send each once.",
            ),
            Self::MalformedQuery => (
                Mend,
                "`errors[].parameter` names it. `limit` is an integer from 1 to 100; take `cursor` from the `Link` of the page before and nowhere else; leave out what the operation does not know.",
            ),
            Self::MalformedId => (
                Mend,
                "Take the id from the answer that made the order, or follow its `Location`.",
            ),
            Self::WebsocketRequired => (
                Mend,
                "Open this address with a WebSocket client. To look only once, use `GET /orders/{id}` or `GET /orders`.",
            ),
            Self::IdentityRequired => (
                Mend,
                "Name the user in the header `X-User-Id`; a browser's WebSocket, which cannot set headers, writes `?user_id=` instead.",
            ),
            Self::OriginRefused => (
                GiveUp,
                "Whoever runs the shop decides which web pages may open a WebSocket, with the setting `GOZON_ALLOWED_ORIGINS`. Programs outside of browsers are not concerned.",
            ),
            Self::NotFound => (
                Mend,
                "Look up the path in the documentation, at `/docs`. Paths are case-sensitive.",
            ),
            Self::AccountNotFound => (Mend, "Open an account first, with `POST /accounts`."),
            Self::OrderNotFound => (
                Mend,
                "Check the id and the user: another user's order is not found either. `GET /orders` lists yours.",
            ),
            Self::MethodNotAllowed => (
                Mend,
                "The header `Allow` of the answer names the methods that this address knows.",
            ),
            Self::AccountExists => (
                Mend,
                "There is nothing left to do: use the account that you have. With an `Idempotency-Key` a repeated `POST /accounts` is answered with 201, as it was the first time.",
            ),
            Self::RequestInProgress => (
                Retry,
                "Repeat with the same key and the same body, a second later. Once the first request is done, you get its answer.",
            ),
            Self::BodyTooLarge => (
                Mend,
                "No operation needs more than a few hundred bytes. Send less.",
            ),
            Self::UnsupportedMediaType => (
                Mend,
                "Send `Content-Type: application/json` and an uncompressed body.",
            ),
            Self::InvalidBody => (
                Mend,
                "`errors[].pointer` names the field as a JSON Pointer, and `errors[].detail` says what it must be. Show it beside that field.",
            ),
            Self::IdempotencyKeyReused => (
                Mend,
                "A key stands for one request, body included. To repeat that one, send its very body; for a new one, choose a new key.",
            ),
            Self::BalanceLimitExceeded => (
                Mend,
                "`errors[].detail` says how much the account can still take. Balances end where JavaScript would begin to round them, at 9007199254740991.",
            ),
            Self::TooManyRequests => (
                Retry,
                "Wait as long as `Retry-After` says, and close what you no longer need. One `GET /ws` shows all orders of a user; there is no need for one socket per order.",
            ),
            Self::Internal => (
                GiveUp,
                "Send the `trace_id` to whoever runs the shop: it leads to the log lines of this request. Whether it had an effect is not known; with an `Idempotency-Key` it is safe to repeat.",
            ),
            Self::BadGateway => (
                Retry,
                "The connection broke before the answer was whole, and the request may have had its effect. Repeat with the same `Idempotency-Key`; without one, look first.",
            ),
            Self::Unavailable => (
                Retry,
                "Wait as long as `Retry-After` says, longer after each attempt. Repeat with the same `Idempotency-Key`, so that it has its effect once.",
            ),
            Self::NotReady => (
                Retry,
                "Send requests elsewhere until `GET /readyz` answers 200; `GET /readyz?verbose` says what is missing.",
            ),
            Self::TimedOut => (
                Retry,
                "Repeat with the same `Idempotency-Key`, so that it has its effect once. A slow upload is cut off as well: send the whole body at once.",
            ),
            Self::GatewayTimeout => (
                Retry,
                "The service may still be at work on it. Repeat with the same `Idempotency-Key`: you get the answer as soon as there is one.",
            ),
        }
    }

    /// A problem as a client would get it, the same each time.
    pub fn example(self) -> Problem {
        let header = |name, detail| Problem::header(self, name, detail);
        let plain = |detail: &str| Problem::new(self, detail);
        let mut example = match self {
            Self::MalformedRequest => plain("the request states its length twice"),
            Self::MalformedBody => {
                plain("the body is not JSON: EOF while parsing an object at line 1 column 15")
            }
            Self::MalformedHeader => header(
                "Idempotency-Key",
                "must be 1 to 255 printable ASCII characters",
            ),
            Self::MalformedQuery => Problem::query("limit", "must be an integer from 1 to 100"),
            Self::MalformedId => plain("the id in the path is not a UUID")
                .with_parameter("id", "must be a UUID with hyphens"),
            Self::WebsocketRequired => {
                plain("this address speaks WebSocket: Connection header did not include 'upgrade'")
            }
            Self::IdentityRequired => header("X-User-Id", "is missing; it names the user"),
            Self::OriginRefused => {
                header("Origin", "names a page that may not open a WebSocket here")
            }
            Self::NotFound => plain("there is nothing at this address"),
            Self::AccountNotFound => plain("you have no account; open one with POST /accounts"),
            Self::OrderNotFound => plain("you have no order with this id"),
            Self::MethodNotAllowed => plain("DELETE is not possible at this address"),
            Self::AccountExists => plain("you already have an account; see GET /accounts/balance"),
            Self::RequestInProgress => header(
                "Idempotency-Key",
                "belongs to a request that is still in progress; repeat later",
            ),
            Self::BodyTooLarge => plain("the body is larger than 65536 bytes"),
            Self::UnsupportedMediaType => header("Content-Type", "must be application/json"),
            Self::InvalidBody => {
                Problem::invalid("/amount", "must be an integer from 1 to 1000000000000")
            }
            Self::IdempotencyKeyReused => header(
                "Idempotency-Key",
                "was used for another request; choose a new key",
            ),
            Self::BalanceLimitExceeded => plain("the account can take 100 more")
                .with_pointer("/amount", "must be 100 at most"),
            Self::TooManyRequests => plain("too many open sockets"),
            Self::Internal => plain("the service failed; the fault is not yours"),
            Self::BadGateway => {
                plain("the connection to orders broke; the request may have had its effect")
            }
            Self::Unavailable => plain("the service cannot do this at the moment; repeat later"),
            Self::NotReady => plain("not ready: payments"),
            Self::TimedOut => plain("the request took too long and was given up"),
            Self::GatewayTimeout => {
                plain("payments did not answer in time; the request may have had its effect")
            }
        };
        example.0.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736".to_owned();
        example
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_advice_and_an_example_of_its_own() {
        for code in Code::ALL {
            let (_, how) = code.advice();
            assert!(how.ends_with('.'), "{code:?}");
            assert_eq!(code.example().code(), *code);
            assert_eq!(code.example().to_json(), code.example().to_json());
        }
    }

    #[test]
    fn what_may_succeed_later_says_when_to_come_back_or_needs_its_key() {
        for code in Code::ALL {
            let (remedy, _) = code.advice();
            let overloaded = matches!(code.status().as_u16(), 429 | 502..=504);
            assert!(!overloaded || remedy == Remedy::Retry, "{code:?}");
        }
    }
}
