use std::path::PathBuf;

use super::database::host_of;
use super::{Secret, SettingsError};

/// Which broker carries the events.
#[derive(Debug, Clone, clap::Args)]
pub struct AmqpSettings {
    /// The RabbitMQ server: amqp://user:password@host:5672/%2f, or amqps: for
    /// TLS.
    #[arg(id = "amqp_url", long = "amqp-url", env = "AMQP_URL", hide_env_values = true, value_name = "URL", value_parser = amqp_url)]
    pub url: Secret,

    /// A file with the PEM text of the authority that signed the broker's
    /// certificate. Unset: the public ones.
    #[arg(
        id = "amqp_ca_file",
        long = "amqp-ca-file",
        env = "GOZON_AMQP_CA_FILE",
        value_name = "FILE"
    )]
    pub ca_file: Option<PathBuf>,

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
            ca_file: None,
            prefix: String::new(),
        }
    }

    /// The text of `ca_file`, if there is one.
    ///
    /// # Errors
    /// Names the variable when the file cannot be read.
    pub fn ca_certificates(&self) -> Result<Option<String>, SettingsError> {
        let Some(file) = &self.ca_file else {
            return Ok(None);
        };
        std::fs::read_to_string(file).map(Some).map_err(|error| {
            let reason = format!("cannot read {}: {error}", file.display());
            SettingsError::new("GOZON_AMQP_CA_FILE", reason)
        })
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
