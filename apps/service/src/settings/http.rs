use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::duration;

/// How an application serves HTTP.
#[derive(Debug, Clone, clap::Args)]
pub struct HttpSettings {
    /// Address and port to listen on. The default differs per service.
    #[arg(
        long,
        env = "GOZON_BIND",
        default_value = "127.0.0.1:8000",
        value_name = "ADDRESS:PORT"
    )]
    pub bind: SocketAddr,

    /// The largest request body, in bytes. Larger ones are answered with 413.
    #[arg(
        long,
        env = "GOZON_BODY_LIMIT",
        default_value = "65536",
        value_name = "BYTES"
    )]
    pub body_limit: u32,

    /// How long a client may take to send a request's head. Also how long a
    /// kept-alive connection may idle.
    #[arg(long, env = "GOZON_HEADER_TIMEOUT", default_value = "10s", value_name = "DURATION", value_parser = duration)]
    pub header_timeout: Duration,

    /// How long a request may take, its body included. Then it is answered
    /// with 503.
    #[arg(long, env = "GOZON_REQUEST_TIMEOUT", default_value = "30s", value_name = "DURATION", value_parser = duration)]
    pub request_timeout: Duration,

    /// Connections at most, WebSockets included. More wait to be accepted.
    #[arg(long, env = "GOZON_MAX_CONNECTIONS", default_value = "10000", value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections: u32,

    /// How long to go on serving after a signal, while `/readyz` already says
    /// no, so that a load balancer can look away.
    #[arg(long, env = "GOZON_SHUTDOWN_DELAY", default_value = "0s", value_name = "DURATION", value_parser = duration)]
    pub shutdown_delay: Duration,

    /// How long requests and background work may take to finish after a
    /// signal. Docker kills after 10 s.
    #[arg(long, env = "GOZON_DRAIN_TIMEOUT", default_value = "8s", value_name = "DURATION", value_parser = duration)]
    pub drain_timeout: Duration,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 8000)),
            body_limit: 65_536,
            header_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            max_connections: 10_000,
            shutdown_delay: Duration::ZERO,
            drain_timeout: Duration::from_secs(8),
        }
    }
}
