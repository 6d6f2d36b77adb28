use std::time::Duration;

use gozon_service::settings::{
    AmqpSettings, DatabaseSettings, HttpSettings, Settings, ShopSettings, TelemetrySettings,
    duration,
};

/// Everything that can be set for the orders service on its own.
#[derive(Debug, Clone, clap::Args)]
pub struct Config {
    #[command(flatten)]
    pub(crate) http: HttpSettings,
    #[command(flatten)]
    pub(crate) database: DatabaseSettings,
    #[command(flatten)]
    pub(crate) amqp: AmqpSettings,
    #[command(flatten)]
    pub(crate) shop: ShopSettings,
    #[command(flatten)]
    pub(crate) telemetry: TelemetrySettings,

    /// How long an order may stay NEW, its event gone, before payments is asked
    /// again; doubled for each further time.
    #[arg(long, env = "GOZON_RECONCILE_AFTER", default_value = "60s", value_name = "DURATION", value_parser = duration)]
    pub(crate) reconcile_after: Duration,
}

impl Settings for Config {
    fn http(&self) -> &HttpSettings {
        &self.http
    }

    fn telemetry(&self) -> &TelemetrySettings {
        &self.telemetry
    }

    fn database(&self) -> Option<&DatabaseSettings> {
        Some(&self.database)
    }
}
