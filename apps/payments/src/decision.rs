use gozon_core::{EncodeError, NewMessage};
use gozon_events::{OrderCreated, PaymentFailed, PaymentSucceeded, Reason};
use gozon_ledger::{Asset, Transfer, TransferId};
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
}

impl Decision {
    /// The decision to let the order be paid, as long as the ledger agrees.
    pub fn paid(order: &OrderCreated) -> Self {
        Self {
            order_id: order.order_id,
            user_id: order.user_id.clone(),
            amount: order.amount,
            refused: None,
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
                },
            ),
            Some(reason) => NewMessage::of(
                SOURCE,
                &PaymentFailed {
                    order_id: self.order_id,
                    user_id: self.user_id.clone(),
                    reason,
                },
            ),
        }
    }
}

/// The transfer that pays `order`: from its user to the shop's revenue. Its id
/// derives from the order, so the ledger itself can never book it twice.
pub(crate) fn payment(order: &OrderCreated, asset: &Asset) -> Transfer {
    let id = TransferId(chart::derived("payment", &order.order_id.to_string()));
    Transfer::new(id, chart::PAYMENT)
        .debit(chart::account_of(&order.user_id), asset, order.amount)
        .credit(chart::revenue(), asset, order.amount)
        .with_reference(order.order_id.to_string())
}
