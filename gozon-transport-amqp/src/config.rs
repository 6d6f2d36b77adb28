use std::fmt;
use std::time::Duration;

use gozon_core::TransportError;
use lapin::uri::AMQPUri;

/// Everything that can be chosen about the RabbitMQ transport.
///
/// Build one with [`AmqpConfig::new`], change fields, hand it to
/// [`AmqpTransport::start`](crate::AmqpTransport::start), which validates it.
/// Publisher confirms and `mandatory` are not here: they are always on.
#[derive(Clone)]
pub struct AmqpConfig {
    /// `amqp://user:password@host:5672/%2f` or `amqps://…`. Holds a password:
    /// `Debug` of this struct hides it. Must be given; special characters of
    /// user and password are percent-encoded, and `/%2f` is the default virtual
    /// host.
    pub url: String,
    /// Put before every exchange and queue name, so that several systems (or
    /// tests) share one broker. At most 64 bytes. Default: empty.
    pub prefix: String,
    /// The topic exchange that all events go through, after the prefix. 1 to
    /// 120 bytes. Default: `gozon.events`.
    pub exchange: String,
    /// How the connections are called in RabbitMQ's management page; the role
    /// (`publish`, `consume`) is appended. 1 to 200 bytes. Default: `gozon`.
    pub connection_name: String,
    /// PEM text of the authority that signed the broker's certificate, for
    /// `amqps` with a private authority. Default: none (the public ones).
    pub ca_certificates: Option<String>,
    /// Event types whose only subscribers, anywhere, are broadcast ones. When
    /// the broker returns such a message, no instance is listening right now:
    /// it has no audience, counts as confirmed and is counted. Name here only
    /// types that no durable subscription wants: with one that is not declared
    /// yet, the message would be lost. Types that this process declares as
    /// broadcast ([`gozon_core::Subscriber::declare`]) need not be repeated.
    /// Default: none.
    pub broadcast_types: Vec<String>,
    /// How often the broker and we assure each other that we live; a dead link
    /// is noticed after two of them. 1 s to 10 min, whole seconds. A
    /// `?heartbeat=` in the URL wins. Default: 10 s.
    pub heartbeat: Duration,
    /// How long reaching the broker, the handshake and the first declarations
    /// may take together. 100 ms to 2 min. Default: 10 s.
    pub connect_timeout: Duration,
    /// How long one call of `publish` may take at most; what is not confirmed
    /// by then is unknown. 100 ms to 10 min. Default: 15 s.
    pub publish_timeout: Duration,
    /// How long `publish` waits for a connection before it answers that there
    /// is none; keeps an impatient caller from spinning. At most
    /// `publish_timeout`. Default: 1 s.
    pub publish_wait: Duration,
    /// How long `declare`, `subscribe`, one ack or one requeue may take.
    /// 100 ms to 2 min. Default: 10 s.
    pub operation_timeout: Duration,
    /// The pause after the first failed connection attempt; doubled at each
    /// further one, and shortened by up to a half at random. 10 ms to 1 min.
    /// Default: 200 ms.
    pub reconnect_min: Duration,
    /// The longest pause between two connection attempts: what a broker that has
    /// come up may have to wait for us. `reconnect_min` to 10 min. Default: 2 s.
    pub reconnect_max: Duration,
    /// How many batches may be on their way at once, each on a channel of its
    /// own; a further batch waits. 1 to 256. Default: 16.
    pub publish_channels: usize,
    /// From this size on, a message is published with no other beside it on its
    /// channel: a broker closes the channel over one that is too large for it,
    /// and what flies beside it must be published again. Lower it together with
    /// the broker's `max_message_size`. Any number of bytes. Default: 1 MiB.
    pub alone_bytes: usize,
    /// How long `close` may take altogether. 100 ms to 2 min. Default: 5 s.
    pub close_timeout: Duration,
}

impl AmqpConfig {
    /// The defaults for the broker at `url`.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            prefix: String::new(),
            exchange: "gozon.events".to_owned(),
            connection_name: "gozon".to_owned(),
            ca_certificates: None,
            broadcast_types: Vec::new(),
            heartbeat: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
            publish_timeout: Duration::from_secs(15),
            publish_wait: Duration::from_secs(1),
            operation_timeout: Duration::from_secs(10),
            reconnect_min: Duration::from_millis(200),
            reconnect_max: Duration::from_secs(2),
            publish_channels: 16,
            alone_bytes: 1024 * 1024,
            close_timeout: Duration::from_secs(5),
        }
    }

    /// Sets the prefix of all names.
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets how the connections are called at the broker.
    #[must_use]
    pub fn with_connection_name(mut self, name: impl Into<String>) -> Self {
        self.connection_name = name.into();
        self
    }

    /// Names a type whose only subscribers are broadcast ones, see
    /// [`AmqpConfig::broadcast_types`].
    #[must_use]
    pub fn with_broadcast_type(mut self, kind: impl Into<String>) -> Self {
        self.broadcast_types.push(kind.into());
        self
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`TransportError::Config`] names the first field that makes no sense and
    /// what to do about it. The URL's password never appears in it.
    pub fn validate(&self) -> Result<(), TransportError> {
        self.uri()?;
        let millis = Duration::from_millis;
        let secs = Duration::from_secs;
        let name_limits = [
            ("prefix", &self.prefix, 0..=64),
            ("exchange", &self.exchange, 1..=120),
            ("connection_name", &self.connection_name, 1..=200),
        ];
        for (field, value, bytes) in name_limits {
            if !bytes.contains(&value.len()) {
                let (min, max) = (bytes.start(), bytes.end());
                return Err(wrong(field, format!("use {min} to {max} bytes")));
            }
        }
        let time_limits = [
            ("heartbeat", self.heartbeat, secs(1), secs(600)),
            (
                "connect_timeout",
                self.connect_timeout,
                millis(100),
                secs(120),
            ),
            (
                "publish_timeout",
                self.publish_timeout,
                millis(100),
                secs(600),
            ),
            (
                "publish_wait",
                self.publish_wait,
                millis(0),
                self.publish_timeout,
            ),
            (
                "operation_timeout",
                self.operation_timeout,
                millis(100),
                secs(120),
            ),
            ("reconnect_min", self.reconnect_min, millis(10), secs(60)),
            (
                "reconnect_max",
                self.reconnect_max,
                self.reconnect_min,
                secs(600),
            ),
            ("close_timeout", self.close_timeout, millis(100), secs(120)),
        ];
        for (field, value, min, max) in time_limits {
            if value < min || value > max {
                return Err(wrong(field, format!("use {min:?} to {max:?}")));
            }
        }
        if !(1..=256).contains(&self.publish_channels) {
            return Err(wrong("publish_channels", "use 1 to 256".to_owned()));
        }
        Ok(())
    }

    /// The URL, read, with the heartbeat put in.
    pub(crate) fn uri(&self) -> Result<AMQPUri, TransportError> {
        let lower = self.url.to_ascii_lowercase();
        if !lower.starts_with("amqp://") && !lower.starts_with("amqps://") {
            return Err(wrong(
                "url",
                "begin it with amqp:// or amqps://, such as amqp://user:password@host:5672/%2f"
                    .to_owned(),
            ));
        }
        // amqp-protocol-uri would silently connect to localhost instead.
        if lower.contains('[') {
            return Err(wrong(
                "url",
                "IPv6 addresses cannot be written here; use a host name".to_owned(),
            ));
        }
        // The parser's own message may repeat the URL, and with it the password.
        let mut uri: AMQPUri = self.url.parse().map_err(|_| {
            wrong(
                "url",
                "cannot be read; write amqp://user:password@host:5672/%2f, with special \
                 characters of user and password percent-encoded"
                    .to_owned(),
            )
        })?;
        if uri.vhost.is_empty() {
            return Err(wrong(
                "url",
                "it ends with a slash and so names the virtual host with the empty name; \
                 end it with /%2f for the default one"
                    .to_owned(),
            ));
        }
        if uri.query.heartbeat.is_none() {
            uri.query.heartbeat = u16::try_from(self.heartbeat.as_secs()).ok();
        }
        Ok(uri)
    }
}

fn wrong(field: &'static str, reason: String) -> TransportError {
    TransportError::Config { field, reason }
}

impl fmt::Debug for AmqpConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Only what cannot hold a secret. The host is worth knowing in a log.
        let broker = self.uri().map_or_else(
            |_| "(unreadable)".to_owned(),
            |uri| {
                format!(
                    "{}://***@{}:{}/{}",
                    uri.scheme, uri.authority.host, uri.authority.port, uri.vhost
                )
            },
        );
        f.debug_struct("AmqpConfig")
            .field("url", &broker)
            .field("prefix", &self.prefix)
            .field("exchange", &self.exchange)
            .field("connection_name", &self.connection_name)
            .field("ca_certificates", &self.ca_certificates.is_some())
            .field("broadcast_types", &self.broadcast_types)
            .field("heartbeat", &self.heartbeat)
            .field("connect_timeout", &self.connect_timeout)
            .field("publish_timeout", &self.publish_timeout)
            .field("publish_wait", &self.publish_wait)
            .field("operation_timeout", &self.operation_timeout)
            .field("reconnect_min", &self.reconnect_min)
            .field("reconnect_max", &self.reconnect_max)
            .field("publish_channels", &self.publish_channels)
            .field("alone_bytes", &self.alone_bytes)
            .field("close_timeout", &self.close_timeout)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(config: &AmqpConfig) -> (&'static str, String) {
        match config.validate() {
            Err(TransportError::Config { field, reason }) => (field, reason),
            other => panic!("expected a refusal, got {other:?}"),
        }
    }

    #[test]
    fn the_defaults_are_valid() {
        AmqpConfig::new("amqp://guest:guest@localhost:5672/%2f")
            .validate()
            .unwrap();
    }

    #[test]
    fn a_password_appears_neither_in_debug_nor_in_an_error() {
        for url in [
            "amqp://me:hunter2@localhost:5672/%2f",
            "amqp://me:hunter2@localhost:notaport/",
            "http://me:hunter2@localhost/",
            "amqp:me:hunter2",
        ] {
            let config = AmqpConfig::new(url);
            let shown = format!("{config:?} {:?}", config.validate());
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn urls_that_would_lead_elsewhere_are_refused_with_the_mend() {
        for (url, mend) in [
            ("http://localhost", "begin it with amqp://"),
            ("amqp://localhost:5672/", "/%2f"),
            ("amqp://[::1]:5672/%2f", "host name"),
            ("amqp://host:port/%2f", "percent-encoded"),
        ] {
            let (field, reason) = refused(&AmqpConfig::new(url));
            assert_eq!(field, "url");
            assert!(reason.contains(mend), "{url}: {reason}");
        }
    }

    #[test]
    fn limits_name_their_field() {
        let sane = AmqpConfig::new("amqp://localhost");
        for (config, field) in [
            (
                AmqpConfig {
                    publish_channels: 0,
                    ..sane.clone()
                },
                "publish_channels",
            ),
            (
                AmqpConfig {
                    heartbeat: Duration::ZERO,
                    ..sane.clone()
                },
                "heartbeat",
            ),
            (
                AmqpConfig {
                    reconnect_max: Duration::from_millis(1),
                    ..sane.clone()
                },
                "reconnect_max",
            ),
            (sane.clone().with_prefix("x".repeat(65)), "prefix"),
        ] {
            assert_eq!(refused(&config).0, field);
        }
    }

    #[test]
    fn a_heartbeat_in_the_url_wins() {
        let heartbeat = |url: &str| AmqpConfig::new(url).uri().unwrap().query.heartbeat;

        assert_eq!(heartbeat("amqp://localhost"), Some(10));
        assert_eq!(heartbeat("amqp://localhost?heartbeat=3"), Some(3));
    }
}
