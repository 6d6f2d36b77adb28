use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::{SettingsError, duration};

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

    /// How long a client may take nothing of an answer. Then its connection is
    /// closed. WebSockets have rules of their own.
    #[arg(long, env = "GOZON_WRITE_TIMEOUT", default_value = "20s", value_name = "DURATION", value_parser = duration)]
    pub write_timeout: Duration,

    /// Connections at most, WebSockets included, over all addresses of a
    /// service. More wait to be accepted.
    #[arg(long, env = "GOZON_MAX_CONNECTIONS", default_value = "10000", value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections: u32,

    /// How long to go on serving after a signal, while `/readyz` already says
    /// no, so that a load balancer can look away. Part of GOZON_DRAIN_TIMEOUT.
    #[arg(long, env = "GOZON_SHUTDOWN_DELAY", default_value = "0s", value_name = "DURATION", value_parser = duration)]
    pub shutdown_delay: Duration,

    /// How long everything may take to finish after a signal: half of it
    /// requests and WebSockets, the rest background work. Docker kills after
    /// 10 s.
    #[arg(long, env = "GOZON_DRAIN_TIMEOUT", default_value = "8s", value_name = "DURATION", value_parser = duration)]
    pub drain_timeout: Duration,
}

impl HttpSettings {
    /// Checks what no single variable can show.
    ///
    /// # Errors
    /// Names the variable to change.
    pub fn validate(&self) -> Result<(), SettingsError> {
        if self.shutdown_delay >= self.drain_timeout {
            return Err(SettingsError::new(
                "GOZON_SHUTDOWN_DELAY",
                "leaves no time to drain; make it shorter than GOZON_DRAIN_TIMEOUT",
            ));
        }
        Ok(())
    }

    /// How long open connections may take to end once nothing is accepted any
    /// more. Not all of the time: relays and consumers stop after them.
    pub(crate) fn connections_drain(&self) -> Duration {
        self.drain_timeout.saturating_sub(self.shutdown_delay) / 2
    }
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 8000)),
            body_limit: 65_536,
            header_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(20),
            max_connections: 10_000,
            shutdown_delay: Duration::ZERO,
            drain_timeout: Duration::from_secs(8),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_that_leaves_no_time_to_drain_is_refused() {
        let mut settings = HttpSettings::default();
        assert!(settings.validate().is_ok());

        settings.shutdown_delay = settings.drain_timeout;

        let error = settings.validate().unwrap_err();
        assert_eq!(error.variable(), "GOZON_SHUTDOWN_DELAY");
    }
}
