use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::settings::{LogFormat, SettingsError, TelemetrySettings};

/// What talks too much, or says what a log must not hold: lapin prints whole
/// returned messages as warnings, and clean ends as errors; our transport
/// reports every one of its failures itself. `GOZON_LOG=lapin=debug` still wins.
const QUIET: &str = "lapin=off,sqlx=warn,hyper=warn,hyper_util=warn,tower=warn,rustls=warn";

/// Logs go to standard error, so that standard output stays the program's own.
pub(super) fn start(settings: &TelemetrySettings) -> Result<(), SettingsError> {
    let directives = format!("{QUIET},{}", settings.log);
    let filter = EnvFilter::builder()
        .parse(directives)
        .map_err(|error| SettingsError::new("GOZON_LOG", error))?;
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer().with_writer(stderr);
    let installed = match settings.log_format {
        LogFormat::Text => registry
            .with(layer.with_ansi(stderr().is_terminal()))
            .try_init(),
        LogFormat::Json => registry
            .with(layer.json().flatten_event(true).with_current_span(false))
            .try_init(),
    };
    // A second shop in one process, or a test with a subscriber of its own,
    // logs where the first one does.
    if installed.is_ok() {
        log_panics();
    }
    Ok(())
}

/// A panic becomes one log line with its place, in the format of all others.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("(no message)");
        let place = panic.location().map(ToString::to_string);
        tracing::error!(panic.message = message, panic.place = place, "panicked");
    }));
}
