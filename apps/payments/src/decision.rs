use gozon_core::{EncodeError, Envelope, NewMessage};
use gozon_events::{
    AccountKind, BookedEntry, BookedTransfer, DecisionRecord, OrderCreated, PaymentFailed,
    PaymentSucceeded, Reason,
};
use gozon_ledger::{Asset, Transfer, TransferId};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::SOURCE;
use crate::chart;

/// What was decided about the money of one order, once and for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The order.
    pub order_id: Uuid,
    /// Who pays.
    pub user_id: String,
    /// How much, in minor units.
    pub amount: i64,
    /// `None`: paid. Otherwise why not.
    pub refused: Option<Reason>,
    /// When.
    pub decided_at: OffsetDateTime,
    /// When the message that asked for it was published.
    pub published_at: Option<OffsetDateTime>,
    /// When that message was received.
    pub received_at: Option<OffsetDateTime>,
    /// What the user's account held after the payment. Known to the transaction
    /// that booked it, not to one that repeats the decision.
    pub balance: Option<i64>,
}

impl Decision {
    /// The decision, taken now, to let the order that `message` speaks of be
    /// paid, as long as the ledger agrees.
    pub fn paid(order: &OrderCreated, message: &Envelope, now: OffsetDateTime) -> Self {
        Self {
            order_id: order.order_id,
            user_id: order.user_id.clone(),
            amount: order.amount,
            refused: None,
            decided_at: now,
            published_at: message.published_at,
            received_at: message.received_at,
            balance: None,
        }
    }

    /// The event that tells orders.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which would be a bug.
    pub fn event(&self) -> Result<NewMessage, EncodeError> {
        match self.refused {
            None => NewMessage::of(
                SOURCE,
                &PaymentSucceeded {
                    order_id: self.order_id,
                    user_id: self.user_id.clone(),
                    amount: self.amount,
                    record: Some(self.record()),
                },
            ),
            Some(reason) => NewMessage::of(
                SOURCE,
                &PaymentFailed {
                    order_id: self.order_id,
                    user_id: self.user_id.clone(),
                    reason,
                    record: Some(self.record()),
                },
            ),
        }
    }

    fn record(&self) -> DecisionRecord {
        let transfer = match self.refused {
            Some(_) => None,
            None => Some(self.transfer()),
        };
        DecisionRecord {
            published_at: self.published_at,
            received_at: self.received_at,
            decided_at: self.decided_at,
            transfer,
        }
    }

    /// What the transfer did to each account. What the shop's own account holds
    /// is nobody else's business.
    fn transfer(&self) -> BookedTransfer {
        let entry = |kind, name: &str, amount, balance| BookedEntry {
            kind,
            name: name.to_owned(),
            amount,
            balance,
        };
        BookedTransfer {
            id: payment_id(self.order_id).0,
            entries: vec![
                entry(AccountKind::User, &self.user_id, -self.amount, self.balance),
                entry(AccountKind::Shop, chart::REVENUE, self.amount, None),
            ],
        }
    }
}

/// The transfer that pays `order`: from its user to the shop's revenue. Its id
/// derives from the order, so the ledger itself can never book it twice.
pub(crate) fn payment(order: &OrderCreated, asset: &Asset) -> Transfer {
    Transfer::new(payment_id(order.order_id), chart::PAYMENT)
        .debit(chart::account_of(&order.user_id), asset, order.amount)
        .credit(chart::revenue(), asset, order.amount)
        .with_reference(order.order_id.to_string())
}

fn payment_id(order: Uuid) -> TransferId {
    TransferId(chart::derived("payment", &order.to_string()))
}
