use gozon_service::settings::{
    AmqpSettings, DatabaseSettings, HttpSettings, Settings, ShopSettings, TelemetrySettings,
};

/// Everything that can be set for the payments service on its own.
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
