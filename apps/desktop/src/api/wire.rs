//! What travels, as the shop's contract has it.

use serde::{Deserialize, Serialize};

/// What a user has.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Balance {
    /// Minor units.
    pub(crate) balance: i64,
    /// ISO 4217 code.
    pub(crate) currency: String,
}

/// An order as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Order {
    /// UUIDv7: ids sort by time.
    pub(crate) id: String,
    /// Minor units.
    pub(crate) amount: i64,
    pub(crate) description: String,
    pub(crate) status: Status,
    pub(crate) reason: Option<Reason>,
    pub(crate) version: i64,
    pub(crate) currency: String,
    /// RFC 3339 in UTC.
    pub(crate) created_at: String,
}

/// A page of orders, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OrderPage {
    pub(crate) orders: Vec<Order>,
    /// Path and query of the page with older ones.
    pub(crate) older: Option<String>,
}

/// Where an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Status {
    /// Accepted, being paid.
    New,
    /// Paid.
    Finished,
    /// Not paid, for the order's reason.
    Cancelled,
}

/// Why an order was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reason {
    /// The account holds less than the price.
    InsufficientFunds,
    /// There is no account.
    NoAccount,
    /// A reason that came after this window was built.
    #[serde(other)]
    Other,
}

/// What the live line says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "type")]
pub(crate) enum Frame {
    /// An order as it stands now.
    #[serde(rename = "order.status")]
    Status(StatusFrame),
    /// The snapshot is complete; what follows are changes.
    #[serde(rename = "ready")]
    Ready,
    /// Something that came after this window was built.
    #[serde(other)]
    Other,
}

/// The status of an order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct StatusFrame {
    pub(crate) order_id: String,
    pub(crate) status: Status,
    pub(crate) reason: Option<Reason>,
    pub(crate) version: i64,
}

/// The body of a top-up.
#[derive(Debug, Serialize)]
pub(super) struct TopUp {
    pub(super) amount: i64,
}

/// The body of an order.
#[derive(Debug, Serialize)]
pub(super) struct NewOrder<'a> {
    pub(super) amount: i64,
    pub(super) description: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_also_those_of_a_later_shop() {
        let read = |text| serde_json::from_str::<Frame>(text).unwrap();
        let cancelled = read(
            r#"{"type":"order.status","order_id":"x","user_id":"1","status":"CANCELLED","reason":"no_account","version":2,"updated_at":"1970-01-01T00:00:00Z"}"#,
        );
        let expected = StatusFrame {
            order_id: "x".into(),
            status: Status::Cancelled,
            reason: Some(Reason::NoAccount),
            version: 2,
        };
        assert_eq!(cancelled, Frame::Status(expected));
        assert_eq!(read(r#"{"type":"ready"}"#), Frame::Ready);
        assert_eq!(read(r#"{"type":"weather","sun":true}"#), Frame::Other);
    }
}
