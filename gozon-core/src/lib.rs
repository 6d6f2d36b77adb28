//! The vocabulary of Gozon and the contracts between its crates.
//!
//! Depend on this crate if you write a library that publishes or receives
//! messages, or an adapter (a transport, a store). Depend on `gozon-outbox`,
//! `gozon-inbox` or `gozon-ledger` if you write a service.
//!
//! The promise that all contracts here serve is *at-least-once delivery,
//! effects applied once, order kept per key*. This crate knows no broker and no
//! database; every arrow in the workspace points towards it.

mod append;
mod class;
mod clock;
mod decision;
mod envelope;
mod event;
pub mod failpoint;
mod in_process;
mod key;
mod new_message;
mod nudge;
pub mod trace;
mod transport;

#[cfg(feature = "conformance")]
pub mod conformance;

pub use append::{Append, AppendError, NoOutbox};
pub use class::ErrorClass;
pub use clock::{Clock, ManualClock, SystemClock};
pub use decision::{Ruling, Signature, SignatureError};
pub use envelope::{Envelope, MessageId, StoredEnvelopeError};
pub use event::{DecodeError, EncodeError, Event};
pub use in_process::{InProcess, InProcessConfig};
pub use key::{SLOTS, key_hash};
pub use new_message::NewMessage;
pub use nudge::Nudge;
pub use transport::{
    Deliveries, Delivery, Incoming, Malformed, Outcome, Publisher, Received, Settle, SettleError,
    Settlement, Subscriber, Subscription, SubscriptionKind, TransportError,
};

#[cfg(feature = "mock")]
pub use transport::{MockDeliveries, MockPublisher, MockSettle, MockSubscriber};
