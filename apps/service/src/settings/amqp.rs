use super::Secret;
use super::database::host_of;

/// Which broker carries the events.
#[derive(Debug, Clone, clap::Args)]
pub struct AmqpSettings {
    /// The RabbitMQ server: amqp://user:password@host:5672/%2f, or amqps: for
    /// TLS.
    #[arg(id = "amqp_url", long = "amqp-url", env = "AMQP_URL", hide_env_values = true, value_name = "URL", value_parser = amqp_url)]
    pub url: Secret,

    /// Put before the names of exchange and queues, so that several shops
    /// share one broker.
    #[arg(
        id = "amqp_prefix",
        long = "amqp-prefix",
        env = "GOZON_AMQP_PREFIX",
        default_value = "",
        value_name = "TEXT"
    )]
    pub prefix: String,
}

impl AmqpSettings {
    /// Default settings for `url`.
    pub fn new(url: Secret) -> Self {
        Self {
            url,
            prefix: String::new(),
        }
    }

    /// Host and port: what a log line may show.
    pub fn place(&self) -> String {
        host_of(self.url.expose())
    }
}

fn amqp_url(url: &str) -> Result<Secret, String> {
    if url.starts_with("amqp://") || url.starts_with("amqps://") {
        return Ok(Secret::new(url));
    }
    Err("unknown scheme; use amqp://user:password@host:5672/%2f, or amqps:// for TLS".to_owned())
}
