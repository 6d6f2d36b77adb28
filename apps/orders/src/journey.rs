//! How an order came to be what it is.

use gozon_events::DecisionRecord;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::order::Order;

/// How an order was settled: written into its row by the statement that settles
/// it, from what the result brought along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// The type of the event that brought the result.
    pub event: String,
    /// When payments committed it to its outbox, with the decision.
    #[serde(with = "time::serde::rfc3339")]
    pub committed_at: OffsetDateTime,
    /// When it was handed to the broker, as far as it says so.
    #[serde(
        with = "time::serde::rfc3339::option",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub published_at: Option<OffsetDateTime>,
    /// When it was received here.
    #[serde(
        with = "time::serde::rfc3339::option",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub received_at: Option<OffsetDateTime>,
    /// What payments wrote down; `None` if an older version decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionRecord>,
}

/// An order with how it was settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// As it stands.
    pub order: Order,
    /// `None` while it is NEW, and if an older version settled it.
    pub settlement: Option<Settlement>,
}

/// What an order that is NEW waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// For the broker: the event stands in our outbox.
    Broker,
    /// For a person: the broker refused the event for its own sake.
    Operator,
    /// For payments: the event is published.
    Payments,
}

impl Waiting {
    /// As it is written in JSON.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Broker => "broker",
            Self::Operator => "operator",
            Self::Payments => "payments",
        }
    }
}

/// Everything that is known of an order's way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Journey {
    /// The order, and how it was settled.
    pub recorded: Recorded,
    /// `None` once it is settled.
    pub waiting: Option<Waiting>,
}
