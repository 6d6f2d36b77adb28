use std::time::Duration;

use gozon_service::settings::duration;

/// What the gateway bounds besides what every service bounds
/// ([`gozon_service::settings::HttpSettings`]).
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Limits {
    /// How long a connection to one instance of a service may take to be made.
    #[arg(long, env = "GOZON_CONNECT_TIMEOUT", default_value = "1s", value_name = "DURATION", value_parser = duration)]
    pub connect_timeout: Duration,

    /// How long a service may take to begin its answer, all tries included.
    /// Then the request is answered with 504.
    #[arg(long, env = "GOZON_RESPONSE_TIMEOUT", default_value = "15s", value_name = "DURATION", value_parser = duration)]
    pub response_timeout: Duration,

    /// How long a service may fall silent in the middle of an answer.
    #[arg(long, env = "GOZON_SILENCE_TIMEOUT", default_value = "15s", value_name = "DURATION", value_parser = duration)]
    pub silence_timeout: Duration,

    /// How long an idle connection to a service is kept. Must be shorter than
    /// the services' GOZON_HEADER_TIMEOUT, after which they close it.
    #[arg(long, env = "GOZON_POOL_IDLE_TIMEOUT", default_value = "4s", value_name = "DURATION", value_parser = duration)]
    pub pool_idle_timeout: Duration,

    /// How long a client may take to send a request's whole body.
    #[arg(long, env = "GOZON_BODY_TIMEOUT", default_value = "10s", value_name = "DURATION", value_parser = duration)]
    pub body_timeout: Duration,

    /// Request bodies held at one time, all together, in bytes. A request whose
    /// body finds no room is answered with 503.
    #[arg(
        long,
        env = "GOZON_BODIES_LIMIT",
        default_value = "33554432",
        value_name = "BYTES"
    )]
    pub bodies_limit: u32,

    /// Requests on their way to one service at most.
    #[arg(long, env = "GOZON_MAX_IN_FLIGHT", default_value = "256", value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub max_in_flight: u32,

    /// Requests that may wait for one of these places. More are answered with
    /// 503.
    #[arg(long, env = "GOZON_MAX_QUEUED", default_value = "1024", value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    pub max_queued: u32,

    /// How long a request may wait for a place. Then it is answered with 503.
    #[arg(long, env = "GOZON_QUEUE_TIMEOUT", default_value = "2s", value_name = "DURATION", value_parser = duration)]
    pub queue_timeout: Duration,

    /// Open WebSockets at most. More handshakes are answered with 503.
    #[arg(long, env = "GOZON_MAX_WEBSOCKETS", default_value = "4096", value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    pub max_websockets: u32,

    /// How long a WebSocket may be silent in both directions.
    #[arg(long, env = "GOZON_WEBSOCKET_IDLE", default_value = "5m", value_name = "DURATION", value_parser = duration)]
    pub websocket_idle: Duration,

    /// How long a WebSocket may live.
    #[arg(long, env = "GOZON_WEBSOCKET_LIFETIME", default_value = "12h", value_name = "DURATION", value_parser = duration)]
    pub websocket_lifetime: Duration,

    /// How long either end of a WebSocket may leave the gateway waiting to
    /// write.
    #[arg(long, env = "GOZON_WEBSOCKET_WRITE_TIMEOUT", default_value = "20s", value_name = "DURATION", value_parser = duration)]
    pub websocket_write_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(1),
            response_timeout: Duration::from_secs(15),
            silence_timeout: Duration::from_secs(15),
            pool_idle_timeout: Duration::from_secs(4),
            body_timeout: Duration::from_secs(10),
            bodies_limit: 32 * 1024 * 1024,
            max_in_flight: 256,
            max_queued: 1024,
            queue_timeout: Duration::from_secs(2),
            max_websockets: 4096,
            websocket_idle: Duration::from_secs(5 * 60),
            websocket_lifetime: Duration::from_secs(12 * 60 * 60),
            websocket_write_timeout: Duration::from_secs(20),
        }
    }
}

/// A setting as a number of places; all settings fit.
pub(crate) fn places(setting: u32) -> usize {
    usize::try_from(setting).unwrap_or(usize::MAX)
}
