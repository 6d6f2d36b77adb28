//! RabbitMQ (3.10 or later, 4.x) as a transport of Gozon.
//!
//! Publisher confirms and `mandatory` are always on; one outcome per message,
//! never better than the broker's word. One supervisor per direction rebuilds
//! connections, channels, declarations and consumers for as long as the
//! transport lives; delivery is at least once.
//!
//! ```no_run
//! use gozon_core::{Outcome, Publisher, Received, Subscriber, Subscription};
//! use gozon_transport_amqp::{AmqpConfig, AmqpTransport};
//!
//! # async fn example(envelope: gozon_core::Envelope) -> Result<(), gozon_core::TransportError> {
//! let config = AmqpConfig::new("amqp://shop:secret@rabbitmq:5672/%2f");
//! let transport = AmqpTransport::start(config)?; // connects in the background
//!
//! let orders = Subscription::durable("payments.orders", &["order_created"]);
//! transport.declare(&orders).await?;
//! let mut deliveries = transport.subscribe(&orders).await?;
//!
//! let outcomes = transport.publish(&[envelope]).await;
//! assert_eq!(outcomes, [Outcome::Confirmed]);
//!
//! if let Received::Batch(batch) = deliveries.receive(100).await {
//!     for delivery in batch {
//!         let _ = delivery.ack().await; // an error: it comes again
//!     }
//! }
//! transport.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! # At the broker
//!
//! A durable topic exchange `gozon.events`; the routing key is the event's
//! type. A durable subscription is a quorum queue of its name, with a delivery
//! limit of 1,000,000,000 (attempts are counted in the inbox, and the broker's
//! own default drops messages). A broadcast subscription is an exclusive classic
//! queue per live instance, gone with it. All names begin with the configured
//! prefix. A binding that a later version no longer wants stays until a person
//! removes it: AMQP cannot list bindings.
//!
//! Messages are CloudEvents in binary mode: `message_id` is the id,
//! `content_type` the data's type, the attributes are headers `cloudEvents_*`;
//! reading also accepts `cloudEvents:*` and `ce-*`. The header
//! `gozon-slot-<n>`, true, tells the key's slot, [`gozon_core::key_hash`] modulo 64.
//!
//! # Order
//!
//! A subscription [with order](gozon_core::Subscription::with_order) has a
//! quorum queue for each partition (`<name>`, `<name>.1`, `<name>.2`, …) with a
//! single active consumer. A headers exchange `<name>.ordered`, bound to
//! `gozon.events` by type, gives partition `n` the slots that leave `n` when
//! divided by the number of partitions. Every instance consumes all partitions,
//! and RabbitMQ serves one of them each: from 4.0 on the one that drew the
//! highest lot, so that instances share evenly on average; before, the one that
//! came first.
//!
//! **Without a slot.** What a foreign producer publishes without such a header
//! reaches the first queue through the alternate exchange
//! `<name>.ordered.rest.<partitions>`: nothing is lost, and among themselves
//! such messages keep their order. Upgrade all publishers of a type before its
//! first ordered subscription, or a key's older messages wait there while its
//! newer ones go ahead elsewhere.
//!
//! **Changing the number of partitions**, or between order and none: the broker
//! refuses, because a key's messages would overtake each other between the old
//! queues and the new. (1) Stop whoever publishes the types; what they must say
//! waits in their outboxes. (2) Wait until the subscription's queues are empty,
//! then stop its instances. (3) Delete its queues and the exchanges
//! `<name>.ordered` and `<name>.ordered.rest.*`. (4) Start the instances with
//! the new number, and once they are ready, the publishers.
//!
//! # What cannot be read
//!
//! AMQP's short strings (names of headers, `message_id`, `content_type`, …) are
//! UTF-8 by its specification. RabbitMQ does not check that, and lapin ends the
//! connection over one that is not, before anyone sees whose delivery it was. So
//! such a message can be neither settled nor kept as a dead letter: it comes
//! again, and holds up all subscriptions of the service, with growing pauses,
//! while [`AmqpTransport::is_connected`] says no and [`metrics::UNREADABLE`]
//! rises. It can only come from a producer that does not use this crate. Take it
//! out on RabbitMQ's management page: "Get messages" on its queue with "Reject
//! requeue false", which also shows what it is, or purge the queue if nothing
//! else waits in it; then mend the producer.
//!
//! # Logs
//!
//! lapin logs every returned message whole, payload included, at `WARN` with
//! the target `lapin::returned_messages`: put [`LOG_FILTER`] into the log
//! filter.

mod board;
mod channels;
mod cloud_events;
mod config;
mod connection;
mod consumer;
mod fault;
mod flight;
mod inbound;
mod link;
pub mod metrics;
mod ordered;
mod publisher;
mod settling;
mod tags;
mod topology;
mod transport;

pub use config::AmqpConfig;
pub use transport::AmqpTransport;

/// Directives for a `tracing` filter (`EnvFilter`) that keep payloads out of
/// the logs: lapin prints whole returned messages.
pub const LOG_FILTER: &str = "lapin::returned_messages=off";

/// Compiles what README.md shows.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
