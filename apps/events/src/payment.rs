use gozon_core::Event;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Reason;

/// The order is paid; the money has moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentSucceeded {
    /// The order.
    pub order_id: Uuid,
    /// Who paid.
    pub user_id: String,
    /// How much, in minor units.
    pub amount: i64,
}

impl Event for PaymentSucceeded {
    const TYPE: &'static str = "payment_succeeded";
    const VERSION: u32 = 1;

    fn subject(&self) -> Option<String> {
        self.key()
    }

    fn key(&self) -> Option<String> {
        Some(self.order_id.to_string())
    }
}

/// The order will not be paid; no money has moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentFailed {
    /// The order.
    pub order_id: Uuid,
    /// Who was to pay.
    pub user_id: String,
    /// Why not.
    pub reason: Reason,
}

impl Event for PaymentFailed {
    const TYPE: &'static str = "payment_failed";
    const VERSION: u32 = 1;

    fn subject(&self) -> Option<String> {
        self.key()
    }

    fn key(&self) -> Option<String> {
        Some(self.order_id.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_database_keeps_is_what_travels() {
        for status in ["NEW", "FINISHED", "CANCELLED"] {
            let read = crate::OrderStatus::from_text(status).unwrap();
            assert_eq!(serde_json::to_value(read).unwrap(), status);
        }
        for reason in ["insufficient_funds", "no_account"] {
            let read = Reason::from_text(reason).unwrap();
            assert_eq!(serde_json::to_value(read).unwrap(), reason);
        }
    }

    #[test]
    fn what_travels_is_plain_json() {
        let event = PaymentFailed {
            order_id: Uuid::nil(),
            user_id: "1".into(),
            reason: Reason::InsufficientFunds,
        };

        assert_eq!(
            serde_json::to_string(&event).unwrap(),
            r#"{"order_id":"00000000-0000-0000-0000-000000000000","user_id":"1","reason":"insufficient_funds"}"#
        );
    }
}
