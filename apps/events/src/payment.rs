use gozon_core::Event;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{DecisionRecord, Reason};

/// The order is paid; the money has moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentSucceeded {
    /// The order.
    pub order_id: Uuid,
    /// Who paid.
    pub user_id: String,
    /// How much, in minor units.
    pub amount: i64,
    /// How it came about; absent from older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<DecisionRecord>,
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
    /// How it came about; absent from older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<DecisionRecord>,
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
    use time::OffsetDateTime;

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
            record: None,
        };

        assert_eq!(
            serde_json::to_string(&event).unwrap(),
            r#"{"order_id":"00000000-0000-0000-0000-000000000000","user_id":"1","reason":"insufficient_funds"}"#
        );
    }
    #[test]
    fn a_result_without_a_record_is_one_of_an_older_version() {
        let older =
            r#"{"order_id":"00000000-0000-0000-0000-000000000000","user_id":"1","amount":5}"#;

        let read: PaymentSucceeded = serde_json::from_str(older).unwrap();

        assert_eq!(read.record, None);
        assert_eq!(serde_json::to_string(&read).unwrap(), older);
    }

    /// What the version before this one read of a result.
    #[derive(Deserialize)]
    struct Older {
        amount: i64,
    }

    #[test]
    fn an_older_version_reads_a_result_with_a_record() {
        let moment = OffsetDateTime::UNIX_EPOCH;
        let newer = PaymentSucceeded {
            order_id: Uuid::nil(),
            user_id: "1".into(),
            amount: 5,
            record: Some(DecisionRecord {
                published_at: Some(moment),
                received_at: None,
                decided_at: moment,
                transfer: None,
            }),
        };
        let written = serde_json::to_string(&newer).unwrap();

        let older: Older = serde_json::from_str(&written).unwrap();

        assert_eq!(older.amount, 5);
        assert_eq!(
            serde_json::from_str::<PaymentSucceeded>(&written).unwrap(),
            newer
        );
    }
}
