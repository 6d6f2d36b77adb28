//! A service in a process of its own, between its database and RabbitMQ.

use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use gozon_core::{Publisher, Subscriber, TransportError};
use gozon_sqlx::{Database, Db};
use gozon_transport_amqp::{AmqpConfig, AmqpTransport};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::drain::{self, Drain};
use crate::entrance::Entrance;
use crate::health::Health;
use crate::serve;
use crate::settings::{AmqpSettings, HttpSettings, SettingsError};
use crate::tasks::Tasks;

/// A service that has its address and is not connected yet.
pub struct Standalone {
    service: &'static str,
    http: HttpSettings,
    listener: TcpListener,
    amqp: AmqpConfig,
}

/// What a service is put together with.
pub struct Wiring<'a> {
    /// Where its background work goes.
    pub tasks: &'a mut Tasks,
    /// In which order it ends.
    pub drain: &'a Drain,
    /// Where its relay publishes.
    pub publisher: Arc<dyn Publisher>,
    /// Where its consumers receive.
    pub subscriber: Arc<dyn Subscriber>,
    /// Ready while the broker is connected; to be extended.
    pub health: Health,
    /// Cancelled when nothing is accepted any more: WebSockets end then.
    pub closed: CancellationToken,
}

impl Standalone {
    /// Takes the address and checks the broker's URL. `broadcasts` are the
    /// event types that only live instances hear, so that an instance alone may
    /// publish them to nobody.
    ///
    /// # Errors
    /// Names the variable and the mend.
    pub async fn bind(
        service: &'static str,
        http: &HttpSettings,
        amqp: &AmqpSettings,
        broadcasts: &[&str],
    ) -> Result<Self, SettingsError> {
        let mut config = AmqpConfig::new(amqp.url.expose())
            .with_prefix(amqp.prefix.clone())
            .with_connection_name(format!("gozon-{service}"));
        config.ca_certificates = amqp.ca_certificates()?;
        for kind in broadcasts {
            config = config.with_broadcast_type(*kind);
        }
        config.validate().map_err(refusal)?;
        Ok(Self {
            service,
            http: http.clone(),
            listener: serve::bind(http.bind).await?,
            amqp: config,
        })
    }

    /// Connects to the broker, lets `wire` start the background work and build
    /// the routes, and serves until `shutdown`; then ends stage by stage and
    /// closes the broker's connections and `db`.
    ///
    /// # Errors
    /// The task that failed.
    pub async fn serve<D: Database>(
        self,
        db: Db<D>,
        shutdown: CancellationToken,
        wire: impl FnOnce(Wiring<'_>) -> Router,
    ) -> anyhow::Result<()> {
        let transport = AmqpTransport::start(self.amqp).map_err(refusal)?;
        let drain = Drain::new(shutdown.clone());
        let mut tasks = Tasks::new(self.service, shutdown.clone());
        let broker = transport.clone();
        let health = Health::new(shutdown).with_check("broker", move || {
            let connected = broker.is_connected();
            async move {
                connected
                    .then_some(())
                    .ok_or_else(|| "not connected".to_owned())
            }
        });
        let entrance = Entrance::new(&self.http);
        let app = wire(Wiring {
            tasks: &mut tasks,
            drain: &drain,
            publisher: Arc::new(transport.clone()),
            subscriber: Arc::new(transport.clone()),
            health,
            closed: entrance.closed(),
        });

        let (service, http, door) = (self.service, self.http.clone(), drain.doors.token());
        let serving =
            async move { serve::serve(service, self.listener, app, &http, &entrance, door).await };
        tasks.spawn("http", drain.doors.track(serving));
        tracing::info!(service, address = %self.http.bind, "serving");

        let draining = tokio::spawn(drain.run());
        let result = tasks.run(self.http.drain_timeout).await;
        draining.abort();
        drain::close(async { tokio::join!(transport.close(), db.close()) }).await;
        result.context(service)
    }
}

fn refusal(error: TransportError) -> SettingsError {
    match error {
        TransportError::Config { field, reason } => {
            let variable = match field {
                "prefix" => "GOZON_AMQP_PREFIX",
                "ca_certificates" => "GOZON_AMQP_CA_FILE",
                _ => "AMQP_URL",
            };
            SettingsError::new(variable, reason)
        }
        other => SettingsError::new("AMQP_URL", other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Secret;

    #[tokio::test]
    async fn an_authority_of_our_own_comes_from_a_file_and_a_wrong_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let mut amqp = AmqpSettings::new(Secret::new("amqps://a:b@localhost/%2f"));
        let http = HttpSettings {
            bind: ([127, 0, 0, 1], 0).into(),
            ..HttpSettings::default()
        };
        amqp.ca_file = Some(file.clone());

        let missing = Standalone::bind("orders", &http, &amqp, &[]).await.err();
        std::fs::write(&file, "no certificate").unwrap();
        let read = Standalone::bind("orders", &http, &amqp, &[]).await;

        assert_eq!(missing.unwrap().variable(), "GOZON_AMQP_CA_FILE");
        match read {
            Ok(bound) => {
                let given = bound.amqp.ca_certificates;
                assert_eq!(given.as_deref(), Some("no certificate"));
            }
            Err(error) => assert_eq!(error.variable(), "GOZON_AMQP_CA_FILE"),
        }
    }
}
