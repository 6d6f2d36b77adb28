use std::time::Duration;

use gozon_events::{OrderCreated, OrderStatus, OrderStatusChanged, Reason};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::journey::Settlement;

/// One order as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// UUIDv7, so that ids sort by time.
    pub id: Uuid,
    /// Whose it is.
    pub user_id: String,
    /// What it costs, in minor units.
    pub amount: i64,
    /// ISO 4217 code.
    pub currency: String,
    /// What the user wrote, verbatim.
    pub description: String,
    /// Where it stands.
    pub status: OrderStatus,
    /// Why, when it was cancelled.
    pub reason: Option<Reason>,
    /// 1 at first, grows with every change.
    pub version: i64,
    /// When it was accepted.
    pub created_at: OffsetDateTime,
    /// When it last changed.
    pub updated_at: OffsetDateTime,
}

impl Order {
    /// A new order, accepted at `now`.
    pub fn accept(
        user_id: String,
        amount: i64,
        currency: String,
        description: String,
        now: OffsetDateTime,
    ) -> Self {
        Self {
            id: Uuid::now_v7(),
            user_id,
            amount,
            currency,
            description,
            status: OrderStatus::New,
            reason: None,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    /// The event that asks payments to decide.
    pub fn created(&self) -> OrderCreated {
        OrderCreated {
            order_id: self.id,
            user_id: self.user_id.clone(),
            amount: self.amount,
            currency: self.currency.clone(),
        }
    }

    /// The event that tells whoever is watching.
    pub fn status_changed(&self) -> OrderStatusChanged {
        OrderStatusChanged {
            order_id: self.id,
            user_id: self.user_id.clone(),
            status: self.status,
            reason: self.reason,
            version: self.version,
            updated_at: self.updated_at,
        }
    }
}

/// What payments decided about an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The order.
    pub order_id: Uuid,
    /// `None`: paid. Otherwise why not.
    pub refused: Option<Reason>,
    /// How the decision came about and came here.
    pub settlement: Settlement,
}

impl Verdict {
    /// The status that an order with this verdict takes.
    pub fn status(&self) -> OrderStatus {
        match self.refused {
            None => OrderStatus::Finished,
            Some(_) => OrderStatus::Cancelled,
        }
    }
}

/// An order that has waited long for its verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsettled {
    /// The order, still NEW.
    pub order: Order,
    /// How often its event was sent again.
    pub reemitted: u32,
}

/// When the event of an unsettled order may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Postponed {
    /// The order.
    pub order_id: Uuid,
    /// Whether its event was sent again just now.
    pub reemitted: bool,
    /// When to look at it next.
    pub until: OffsetDateTime,
}

/// How long an order may stay NEW before its event is sent again, the
/// `reemitted`-th time: doubled each time, an hour at most.
pub(crate) fn patience(base: Duration, reemitted: u32) -> Duration {
    const LONGEST: Duration = Duration::from_secs(3600);
    base.saturating_mul(2_u32.saturating_pow(reemitted))
        .min(LONGEST.max(base))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_doubles_and_ends_at_an_hour() {
        let minute = Duration::from_secs(60);

        assert_eq!(patience(minute, 0), minute);
        assert_eq!(patience(minute, 3), Duration::from_secs(480));
        assert_eq!(patience(minute, 40), Duration::from_secs(3600));
    }
}
