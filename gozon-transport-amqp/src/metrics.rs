//! The names of all metrics of this crate.

/// 1 while a connection stands, else 0. Label `connection`: `publish` or
/// `consume`.
pub const CONNECTED: &str = "gozon_transport_amqp_connected";
/// Connections that were lost. Label `connection`: `publish` or `consume`.
pub const CONNECTIONS_LOST: &str = "gozon_transport_amqp_connections_lost_total";
/// Connections that ended because the broker sent what the AMQP library cannot
/// read: most likely a message of someone else's with a header name or property
/// that is not UTF-8. Alert on any: it holds up its queue until someone takes it
/// out there. Label `connection`: `publish` or `consume`.
pub const UNREADABLE: &str = "gozon_transport_amqp_unreadable_total";
/// Connection attempts that failed. Label `connection`: `publish` or `consume`.
pub const CONNECT_FAILURES: &str = "gozon_transport_amqp_connect_failures_total";
/// 1 while the broker blocks publishers (memory or disk alarm), else 0.
pub const BLOCKED: &str = "gozon_transport_amqp_publish_blocked";
/// Published messages. Label `outcome`: `confirmed`, `nacked`, `returned`,
/// `unknown` or `refused`.
pub const PUBLISHED: &str = "gozon_transport_amqp_published_total";
/// How long a batch took, in seconds.
pub const PUBLISH_SECONDS: &str = "gozon_transport_amqp_publish_seconds";
/// Broadcast-only messages that no one was listening for; they count as
/// confirmed, too.
pub const NO_AUDIENCE: &str = "gozon_transport_amqp_no_audience_total";
/// Publishing channels that were thrown away after an error.
pub const CHANNELS_DISCARDED: &str = "gozon_transport_amqp_channels_discarded_total";
/// Subscriptions that are consuming right now. Alarm when it is lower than the
/// number of subscriptions of the service.
pub const CONSUMERS: &str = "gozon_transport_amqp_consumers";
/// Subscriptions that were interrupted. Label `cause`: `cancelled` (the broker
/// ended it, such as when its queue was deleted), `channel` or `connection`.
pub const CONSUMERS_INTERRUPTED: &str = "gozon_transport_amqp_consumers_interrupted_total";
/// Deliveries. Label `content`: `message` or `malformed`.
pub const DELIVERED: &str = "gozon_transport_amqp_delivered_total";
/// Deliveries that could no longer be settled; they come again.
pub const SETTLE_FAILURES: &str = "gozon_transport_amqp_settle_failures_total";
