//! Logs and metrics of one process.
//!
//! **The label `service`.** Libraries name their metrics without it, and in the
//! all-in-one process three services share one recorder. So the recorder adds
//! the label itself, from the first of: the metric's own label; the [`scope`]
//! that the running task is in; the thread's service (see [`on_thread`]); the
//! process's service. [`crate::Tasks`] and [`crate::Shell`] put tasks and
//! requests into their service's scope. A task that a *library* spawns is in no
//! scope; it gets the label of its thread. A process with several services
//! therefore gives each a runtime of its own, whose threads start with
//! [`on_thread`], and a process with one service needs nothing.

mod label;
mod logs;
mod recorder;

use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;

pub use label::{on_thread, scope};

use crate::settings::{SettingsError, TelemetrySettings};

static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

/// Starts logs and metrics, once per process; later calls change nothing.
///
/// # Errors
/// Names `GOZON_LOG` when its filter cannot be read.
pub fn start(service: &'static str, settings: &TelemetrySettings) -> Result<(), SettingsError> {
    label::set_process(service);
    logs::start(settings)?;
    metrics_handle();
    Ok(())
}

/// The metrics in Prometheus's text format.
pub fn render() -> String {
    metrics_handle().render()
}

/// Keeps the memory of histograms bounded while nobody asks for metrics. Runs
/// until `shutdown`.
pub async fn upkeep(shutdown: CancellationToken) {
    let handle = metrics_handle();
    let mut tick = tokio::time::interval(Duration::from_secs(5));
    while shutdown.run_until_cancelled(tick.tick()).await.is_some() {
        handle.run_upkeep();
    }
}

fn metrics_handle() -> &'static PrometheusHandle {
    METRICS.get_or_init(recorder::install)
}
