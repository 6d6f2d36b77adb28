//! RabbitMQ as a transport: what is promised to publishers and to consumers,
//! on a real broker, also while it is cut off, blocked, or restarted.

mod bench;
mod consuming;
mod ordered;
mod proxy;
mod publishing;
mod recovery;
mod wire;
