use tracing_subscriber::EnvFilter;

/// What an application says about itself.
#[derive(Debug, Clone, clap::Args)]
pub struct TelemetrySettings {
    /// What to log: error, warn, info, debug or trace, also per target, as in
    /// info,gozon_outbox=debug.
    #[arg(long, env = "GOZON_LOG", default_value = "info", value_name = "FILTER", value_parser = log_filter)]
    pub log: String,

    /// How to log: text for people, json for machines.
    #[arg(
        long,
        env = "GOZON_LOG_FORMAT",
        default_value = "text",
        value_name = "FORMAT",
        value_enum
    )]
    pub log_format: LogFormat,
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self {
            log: "info".to_owned(),
            log_format: LogFormat::Text,
        }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

fn log_filter(filter: &str) -> Result<String, String> {
    EnvFilter::builder()
        .parse(filter)
        .map(|_| filter.to_owned())
        .map_err(|error| error.to_string())
}
