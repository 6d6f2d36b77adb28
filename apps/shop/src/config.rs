use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use gozon_gateway::Limits;
use gozon_service::settings::{HttpSettings, Settings, ShopSettings, TelemetrySettings, duration};

/// Everything that can be set for the embedded shop.
// The texts are what `--help` prints, where a bare URL is the readable form.
#[allow(rustdoc::bare_urls)]
#[derive(Debug, Clone, clap::Args)]
pub struct Config {
    /// How the gateway serves; `http.bind` is the API's address.
    #[command(flatten)]
    pub http: HttpSettings,

    /// Address and port of the page. The page is part of the API's address
    /// too; this one serves the same.
    #[arg(
        long,
        env = "GOZON_PAGE_BIND",
        default_value = "127.0.0.1:8080",
        value_name = "ADDRESS:PORT"
    )]
    pub page_bind: SocketAddr,

    /// Address and port of orders itself, without the gateway.
    #[arg(
        long,
        env = "GOZON_ORDERS_BIND",
        default_value = "127.0.0.1:8001",
        value_name = "ADDRESS:PORT"
    )]
    pub orders_bind: SocketAddr,

    /// Address and port of payments itself, without the gateway.
    #[arg(
        long,
        env = "GOZON_PAYMENTS_BIND",
        default_value = "127.0.0.1:8002",
        value_name = "ADDRESS:PORT"
    )]
    pub payments_bind: SocketAddr,

    /// The folder for the data, created if missing: one SQLite file per service.
    #[arg(
        long,
        env = "GOZON_DATA_DIR",
        default_value = "./gozon-data",
        value_name = "FOLDER"
    )]
    pub data_dir: PathBuf,

    /// How long an order may stay NEW, its event gone, before payments is asked
    /// again; doubled for each further time.
    #[arg(long, env = "GOZON_RECONCILE_AFTER", default_value = "60s", value_name = "DURATION", value_parser = duration)]
    pub reconcile_after: Duration,

    /// Pages that may open a WebSocket, besides those on the gateway's own
    /// host: origins such as https://shop.example, separated by commas.
    #[arg(
        long,
        env = "GOZON_ALLOWED_ORIGINS",
        value_name = "ORIGINS",
        value_delimiter = ','
    )]
    pub allowed_origins: Vec<String>,

    /// What the services agree on.
    #[command(flatten)]
    pub shop: ShopSettings,

    /// How much the gateway takes on.
    #[command(flatten)]
    pub limits: Limits,

    /// What the process logs.
    #[command(flatten)]
    pub telemetry: TelemetrySettings,
}

impl Settings for Config {
    fn http(&self) -> &HttpSettings {
        &self.http
    }

    fn telemetry(&self) -> &TelemetrySettings {
        &self.telemetry
    }
}
