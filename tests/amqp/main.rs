//! RabbitMQ as a transport: what is promised to publishers and to consumers,
//! on a real broker, also while it is cut off, blocked, or restarted.

mod alarms;
mod bench;
mod broken_links;
mod consuming;
mod ordered;
mod proxy;
mod publishing;
mod recovery;
mod tls;
mod wire;
