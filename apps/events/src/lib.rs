//! The four events of the shop: the whole contract between orders and payments.
//!
//! `order_created` (orders → payments), `payment_succeeded` and
//! `payment_failed` (payments → orders), `order_status_changed` (orders →
//! every instance of orders, for its WebSocket clients). All are ordered by
//! the order's id. Amounts are integers in the currency's minor unit.

mod order;
mod payment;
mod record;

pub use order::{OrderCreated, OrderStatus, OrderStatusChanged, Reason};
pub use payment::{PaymentFailed, PaymentSucceeded};
pub use record::{AccountKind, BookedEntry, BookedTransfer, DecisionRecord};
