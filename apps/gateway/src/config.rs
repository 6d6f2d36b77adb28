use std::net::{Ipv4Addr, SocketAddr};

use gozon_service::settings::{HttpSettings, Service, Settings, SettingsError, TelemetrySettings};

use crate::limits::Limits;
use crate::upstream::UpstreamUrl;

/// The gateway as a program.
pub const SERVICE: Service = Service {
    name: "gozon-gateway",
    label: "gateway",
    about: "Gozon's gateway: identity, limits and a proxy for REST and WebSocket.",
    version: env!("CARGO_PKG_VERSION"),
    bind: "127.0.0.1:8000",
};

/// Everything that can be set.
#[derive(Debug, Clone, clap::Args)]
pub struct Config {
    /// How it serves; `http.bind` is the API's address.
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

    /// Address and port at which everything is passed to orders, under the same
    /// rules. Not set: none.
    #[arg(long, env = "GOZON_PASS_ORDERS_BIND", value_name = "ADDRESS:PORT")]
    pub pass_orders_bind: Option<SocketAddr>,

    /// Address and port at which everything is passed to payments, under the
    /// same rules. Not set: none.
    #[arg(long, env = "GOZON_PASS_PAYMENTS_BIND", value_name = "ADDRESS:PORT")]
    pub pass_payments_bind: Option<SocketAddr>,

    /// Where orders is. Requests are spread over all addresses of the name.
    #[arg(
        long,
        env = "GOZON_ORDERS_URL",
        default_value = "http://127.0.0.1:8001",
        value_name = "URL"
    )]
    pub orders_url: UpstreamUrl,

    /// Where payments is. Requests are spread over all addresses of the name.
    #[arg(
        long,
        env = "GOZON_PAYMENTS_URL",
        default_value = "http://127.0.0.1:8002",
        value_name = "URL"
    )]
    pub payments_url: UpstreamUrl,

    /// Pages that may open a WebSocket, besides those on the gateway's own
    /// host: origins such as `https://shop.example`, separated by commas.
    #[arg(
        long,
        env = "GOZON_ALLOWED_ORIGINS",
        value_name = "ORIGINS",
        value_delimiter = ','
    )]
    pub allowed_origins: Vec<String>,

    /// How much it takes on.
    #[command(flatten)]
    pub limits: Limits,

    /// What it logs.
    #[command(flatten)]
    pub telemetry: TelemetrySettings,
}

impl Config {
    /// Checks what one setting alone cannot show.
    ///
    /// # Errors
    /// Names the variable and the mend.
    pub fn validate(&self) -> Result<(), SettingsError> {
        self.http.validate()?;
        let limits = &self.limits;
        if limits.bodies_limit < self.http.body_limit {
            return Err(SettingsError::new(
                "GOZON_BODIES_LIMIT",
                "has no room for one body; make it GOZON_BODY_LIMIT at least",
            ));
        }
        let worst = limits.body_timeout + limits.queue_timeout + limits.response_timeout;
        if worst >= self.http.request_timeout {
            return Err(SettingsError::new(
                "GOZON_REQUEST_TIMEOUT",
                format!(
                    "cuts requests off before the gateway can say why; make it longer than {worst:?}, the sum of \
                     GOZON_BODY_TIMEOUT, GOZON_QUEUE_TIMEOUT and GOZON_RESPONSE_TIMEOUT"
                ),
            ));
        }
        Ok(())
    }
}

impl Settings for Config {
    fn http(&self) -> &HttpSettings {
        &self.http
    }

    fn telemetry(&self) -> &TelemetrySettings {
        &self.telemetry
    }
}

impl Default for Config {
    fn default() -> Self {
        let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self {
            http: HttpSettings::default(),
            page_bind: local(8080),
            pass_orders_bind: None,
            pass_payments_bind: None,
            orders_url: local(8001).into(),
            payments_url: local(8002).into(),
            allowed_origins: Vec::new(),
            limits: Limits::default(),
            telemetry: TelemetrySettings::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use gozon_service::settings::{Invocation, Stop, parse_from};

    use super::*;

    fn read(env: &[(&str, &str)]) -> Result<Config, Stop> {
        match parse_from(&SERVICE, [""; 0], env.iter().copied())? {
            Invocation::Serve(config) => Ok(config),
            Invocation::Healthcheck(..) | Invocation::DeadLetters(..) => panic!("not asked for"),
        }
    }

    #[test]
    fn the_environment_and_the_code_agree_on_the_defaults() {
        let config = read(&[]).unwrap();

        assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
        assert!(config.validate().is_ok());
    }

    #[test]
    fn everything_can_be_set() {
        let config = read(&[
            ("GOZON_BIND", "0.0.0.0:80"),
            ("GOZON_PASS_ORDERS_BIND", "0.0.0.0:8001"),
            ("GOZON_ORDERS_URL", "http://orders:8001"),
            (
                "GOZON_ALLOWED_ORIGINS",
                "https://a.example,https://b.example",
            ),
            ("GOZON_RESPONSE_TIMEOUT", "250ms"),
        ])
        .unwrap();

        assert_eq!(config.http.bind.port(), 80);
        assert_eq!(config.pass_orders_bind.map(|addr| addr.port()), Some(8001));
        assert_eq!(config.orders_url.to_string(), "http://orders:8001");
        assert_eq!(config.allowed_origins.len(), 2);
        assert_eq!(config.limits.response_timeout.as_millis(), 250);
    }

    #[test]
    fn a_wrong_setting_is_one_line_that_names_the_variable() {
        for (variable, value) in [
            ("GOZON_ORDERS_URL", "orders:8001"),
            ("GOZON_PAYMENTS_URL", "https://payments"),
            ("GOZON_PAGE_BIND", "8080"),
            ("GOZON_MAX_IN_FLIGHT", "0"),
            ("GOZON_WEBSOCKET_IDLE", "5"),
        ] {
            let Err(Stop::Wrong(error)) = read(&[(variable, value)]) else {
                panic!("{variable}={value} is accepted")
            };
            assert_eq!(error.variable(), variable, "{error}");
        }
    }

    #[test]
    fn limits_that_contradict_each_other_are_refused() {
        let config = read(&[("GOZON_REQUEST_TIMEOUT", "20s")]).unwrap();

        assert_eq!(
            config.validate().unwrap_err().variable(),
            "GOZON_REQUEST_TIMEOUT"
        );

        let config = read(&[("GOZON_SHUTDOWN_DELAY", "9s")]).unwrap();
        assert_eq!(
            config.validate().unwrap_err().variable(),
            "GOZON_SHUTDOWN_DELAY"
        );

        let config = read(&[("GOZON_BODIES_LIMIT", "65535")]).unwrap();
        assert_eq!(
            config.validate().unwrap_err().variable(),
            "GOZON_BODIES_LIMIT"
        );
    }
}
