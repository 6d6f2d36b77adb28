//! From the command line to an exit code.
//!
//! 0: stopped as asked. 1: failed while running. 2: a setting is wrong; one
//! line on standard error names it. 130: a second signal cut the drain short.

use std::future::Future;
use std::process::ExitCode;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::settings::{self, Invocation, Service, Settings, SettingsError, Stop};
use crate::{dead_letters, healthcheck, telemetry};

/// Runs a service: reads its settings, starts telemetry, turns SIGINT and
/// SIGTERM into `shutdown`, and waits for `run`.
pub fn main<S, F, W>(service: Service, run: F) -> ExitCode
where
    S: Settings,
    F: FnOnce(S, CancellationToken) -> W,
    W: Future<Output = anyhow::Result<()>>,
{
    let settings = match settings::parse::<S>(&service) {
        Ok(Invocation::Serve(settings)) => settings,
        Ok(Invocation::Healthcheck(settings, probe)) => {
            return match healthcheck::ask(settings.http().bind, probe) {
                Ok(true) => ExitCode::SUCCESS,
                Ok(false) => complain(&service, "the service says no", 1),
                Err(error) => complain(&service, &format!("no answer: {error}"), 1),
            };
        }
        Ok(Invocation::DeadLetters(settings, asked)) => {
            install_tls_provider();
            let Some(database) = settings.database() else {
                return complain(&service, "has no database", 2);
            };
            return match dead_letters::run(database, &asked) {
                Ok(text) => {
                    print!("{text}");
                    ExitCode::SUCCESS
                }
                Err(error) => complain(&service, &format!("{error:#}"), 1),
            };
        }
        Err(Stop::Help(text)) => {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(Stop::Wrong(error)) => return complain(&service, &error.to_string(), 2),
    };
    match serve(&service, settings, run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<Interrupted>() => ExitCode::SUCCESS,
        // Whatever was put around it: the setting's own line is the whole story.
        Err(error) => match error.downcast_ref::<SettingsError>() {
            Some(wrong) => complain(&service, &wrong.to_string(), 2),
            None => complain(&service, &format!("{error:#}"), 1),
        },
    }
}

/// The service was told to stop before it had started. Not a failure.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("told to stop while starting")]
pub struct Interrupted;

/// One TLS provider for the whole process; two would panic at first use. For
/// tests and programs that do not begin with [`main`].
pub fn install_tls_provider() {
    // Fails when one is installed, which is what we want.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn serve<S, F, W>(service: &Service, settings: S, run: F) -> anyhow::Result<()>
where
    S: Settings,
    F: FnOnce(S, CancellationToken) -> W,
    W: Future<Output = anyhow::Result<()>>,
{
    settings.http().validate()?;
    install_tls_provider();
    telemetry::start(service.label, settings.telemetry())?;
    arm_failpoints()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let result = runtime.block_on(async {
        let shutdown = CancellationToken::new();
        let signals = Signals::listen()?;
        let signals = tokio::spawn(signals.obey(shutdown.clone()));
        let upkeep = tokio::spawn(telemetry::upkeep(shutdown.clone()));
        info!(
            service = service.label,
            version = service.version,
            "starting"
        );
        let result = telemetry::scope(service.label, run(settings, shutdown.clone())).await;
        shutdown.cancel();
        signals.abort();
        // It ends with the token; a panic in it is no reason to fail now.
        let _ = upkeep.await;
        result
    });
    // A blocking call that does not return must not hold the process.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    if result.is_ok() {
        info!(service = service.label, "stopped");
    }
    result
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    async fn obey(mut self, shutdown: CancellationToken) {
        self.next().await;
        info!("told to stop; finishing what is under way (again to stop at once)");
        shutdown.cancel();
        self.next().await;
        warn!("told to stop at once");
        std::process::exit(130);
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// `GOZON_FAILPOINTS`, for tests only: release builds do not know it.
fn arm_failpoints() -> Result<(), SettingsError> {
    #[cfg(debug_assertions)]
    if let Some(spec) = std::env::var_os("GOZON_FAILPOINTS") {
        gozon_core::failpoint::configure(&spec.to_string_lossy())
            .map_err(|error| SettingsError::new("GOZON_FAILPOINTS", error))?;
    }
    Ok(())
}

fn complain(service: &Service, line: &str, code: u8) -> ExitCode {
    eprintln!("{}: {line}", service.name);
    ExitCode::from(code)
}
