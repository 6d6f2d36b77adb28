//! The contract between Gozon and a broker: what is published, who subscribes,
//! how a delivery is settled.

mod delivery;
mod error;
mod publishing;
mod receiving;
mod subscription;

pub use delivery::{Delivery, Incoming, Malformed, Settle, SettleError, Settlement};
pub use error::TransportError;
pub use publishing::{Outcome, Publisher};
pub use receiving::{Deliveries, Received, Subscriber};
pub use subscription::{Subscription, SubscriptionKind};

#[cfg(feature = "mock")]
pub use {
    delivery::MockSettle,
    publishing::MockPublisher,
    receiving::{MockDeliveries, MockSubscriber},
};
