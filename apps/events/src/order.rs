use gozon_core::Event;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

/// Where an order stands. `NEW` is left once and for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum OrderStatus {
    /// Accepted; the money is not decided yet.
    New,
    /// Paid.
    Finished,
    /// Not paid, and never will be.
    Cancelled,
}

impl OrderStatus {
    /// As it is written in JSON and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "NEW",
            Self::Finished => "FINISHED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// The status that [`OrderStatus::as_str`] writes as `text`.
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::New, Self::Finished, Self::Cancelled]
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}

/// Why an order was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The account holds less than the order costs.
    InsufficientFunds,
    /// The user has no account.
    NoAccount,
}

impl Reason {
    /// As it is written in JSON and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InsufficientFunds => "insufficient_funds",
            Self::NoAccount => "no_account",
        }
    }

    /// The reason that [`Reason::as_str`] writes as `text`.
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::InsufficientFunds, Self::NoAccount]
            .into_iter()
            .find(|reason| reason.as_str() == text)
    }
}

/// Someone placed an order, and it wants to be paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCreated {
    /// The order.
    pub order_id: Uuid,
    /// Who pays.
    pub user_id: String,
    /// How much, in minor units; positive.
    pub amount: i64,
    /// ISO 4217 code.
    pub currency: String,
}

impl Event for OrderCreated {
    const TYPE: &'static str = "order_created";
    const VERSION: u32 = 1;

    fn subject(&self) -> Option<String> {
        self.key()
    }

    fn key(&self) -> Option<String> {
        Some(self.order_id.to_string())
    }
}

/// An order changed its status: for whoever is watching it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderStatusChanged {
    /// The order.
    pub order_id: Uuid,
    /// Whose it is.
    pub user_id: String,
    /// Its status now.
    pub status: OrderStatus,
    /// Why, when it was cancelled.
    pub reason: Option<Reason>,
    /// Grows with every change of the order.
    pub version: i64,
    /// When it changed.
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
}

impl Event for OrderStatusChanged {
    const TYPE: &'static str = "order_status_changed";
    const VERSION: u32 = 1;

    fn subject(&self) -> Option<String> {
        self.key()
    }

    fn key(&self) -> Option<String> {
        Some(self.order_id.to_string())
    }
}
