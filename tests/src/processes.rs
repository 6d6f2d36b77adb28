//! The shop's binaries as processes of their own, so that a test can end one
//! of them at any moment.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use uuid::Uuid;
use xtask::servers::ports;

use crate::eventually;
use crate::http::Client;

const READY_BOUND: Duration = Duration::from_secs(60);
const STOP_BOUND: Duration = Duration::from_secs(30);
/// How much of a log a failing test shows.
const SHOWN_LINES: usize = 80;

/// A binary of the workspace and the settings that it starts with. Start it as
/// often as needed: a restart of a service is a second `start`.
#[derive(Debug, Clone)]
pub struct Program {
    binary: &'static str,
    folder: Option<PathBuf>,
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
    ready_at: Option<SocketAddr>,
}

/// A running process: killed when dropped, and its log then printed, which
/// test runners show only for a test that failed.
#[derive(Debug)]
pub struct Process {
    binary: &'static str,
    child: Child,
    ready_at: Option<SocketAddr>,
    log: PathBuf,
}

/// A loopback address on which nothing listens, for a process or a server.
///
/// # Errors
/// When there is none.
pub fn free_address() -> Result<SocketAddr> {
    Ok((Ipv4Addr::LOCALHOST, ports::free_port()?).into())
}

impl Program {
    /// `gozon`, `gozon-gateway`, `gozon-orders` or `gozon-payments`.
    #[must_use]
    pub fn named(binary: &'static str) -> Self {
        Self {
            binary,
            folder: None,
            arguments: vec![],
            environment: BTreeMap::new(),
            ready_at: None,
        }
    }

    /// Takes the binary from this folder, one of another version.
    #[must_use]
    pub fn from_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Adds an argument of the command line.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Sets a variable. The shop's settings are never inherited from the test's
    /// own environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.insert(name.into(), value.into());
        self
    }

    /// Arms places in the code where the process dies as by `kill -9`:
    /// `name=abort` or `name=abort@3`, separated by commas.
    #[must_use]
    pub fn failpoints(self, places: impl Into<String>) -> Self {
        self.env("GOZON_FAILPOINTS", places)
    }

    /// Where it answers `GET /readyz`; without it, `start` does not wait.
    #[must_use]
    pub fn ready_at(mut self, address: SocketAddr) -> Self {
        self.ready_at = Some(address);
        self
    }

    /// Starts it and waits, a minute at most, until it is ready.
    ///
    /// # Errors
    /// When the binary was not built, ends instead, or does not become ready;
    /// the message ends with its log.
    pub async fn start(&self) -> Result<Process> {
        let mut process = self.spawn()?;
        process.ready().await?;
        Ok(process)
    }

    /// Starts it without waiting: for a start that is meant to fail.
    ///
    /// # Errors
    /// When the binary was not built.
    pub fn spawn(&self) -> Result<Process> {
        let log = log_path(self.binary)?;
        let output = File::create(&log).with_context(|| format!("{}", log.display()))?;
        let mut command = Command::new(binary_path(self.folder.as_deref(), self.binary)?);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if ["GOZON_", "DATABASE_URL", "AMQP_URL"]
                .iter()
                .any(|begin| text.starts_with(begin))
            {
                command.env_remove(&name);
            }
        }
        let child = command
            .args(&self.arguments)
            .envs(&self.environment)
            .current_dir(log.parent().unwrap_or(Path::new(".")))
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", self.binary))?;
        Ok(Process {
            binary: self.binary,
            child,
            ready_at: self.ready_at,
            log,
        })
    }
}

impl Process {
    /// Waits, a minute at most, until `GET /readyz` answers 200.
    ///
    /// # Errors
    /// When the process ends instead or does not become ready; the message
    /// ends with its log.
    pub async fn ready(&mut self) -> Result<()> {
        let Some(address) = self.ready_at else {
            return Ok(());
        };
        let client = Client::at(address);
        let child = Mutex::new(&mut self.child);
        // An end is an answer too: there is no point in waiting any longer.
        let ended = eventually(READY_BOUND, "it becomes ready", async || {
            let ended = child
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .try_wait()?;
            if let Some(status) = ended {
                return Ok(Some(status));
            }
            client.get("/readyz").await?.having(200)?;
            Ok(None)
        })
        .await;
        match ended {
            Ok(None) => Ok(()),
            Ok(Some(status)) => bail!("{} ended: {status}\n{}", self.binary, self.log_tail()),
            Err(error) => {
                Err(error).with_context(|| format!("{}\n{}", self.binary, self.log_tail()))
            }
        }
    }

    /// Sends SIGTERM and returns at once.
    ///
    /// # Errors
    /// When it has ended already.
    pub async fn terminate(&self) -> Result<()> {
        self.signal("TERM").await
    }

    /// Sends SIGSTOP: it does nothing any more and does not know it.
    ///
    /// # Errors
    /// When it has ended already.
    pub async fn pause(&self) -> Result<()> {
        self.signal("STOP").await
    }

    /// Sends SIGCONT: it goes on where it was paused.
    ///
    /// # Errors
    /// When it has ended already.
    pub async fn resume(&self) -> Result<()> {
        self.signal("CONT").await
    }

    async fn signal(&self, name: &str) -> Result<()> {
        let id = self.child.id().context("it has ended already")?;
        // The shell's own `kill`: a minimal system has no other.
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -{name} {id}")])
            .status()
            .await?;
        ensure!(sent.success(), "SIG{name} could not be sent to {id}");
        Ok(())
    }

    /// Sends SIGTERM and waits, 30 seconds at most, for its end.
    ///
    /// # Errors
    /// When it had ended already, or has not ended by then.
    pub async fn stop(mut self) -> Result<ExitStatus> {
        self.terminate().await?;
        self.ended(STOP_BOUND).await
    }

    /// Kills it with SIGKILL and waits for its end.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub async fn kill(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Waits until it ends by itself, as by a failpoint, and says how.
    ///
    /// # Errors
    /// When it still runs after `bound`.
    pub async fn ended(&mut self, bound: Duration) -> Result<ExitStatus> {
        match timeout(bound, self.child.wait()).await {
            Ok(status) => Ok(status?),
            Err(_) => bail!("{} still runs after {bound:?}", self.binary),
        }
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// When the system will not say.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Its process id while it runs, for instance to read `/proc/<id>/status`.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Everything that it has printed so far, both outputs together.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn log(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(&self.log)?).into_owned())
    }

    fn log_tail(&self) -> String {
        let text = self.log().unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        let shown = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
        format!(
            "---- {}: the last {} of {} lines in {}\n{}\n----",
            self.binary,
            shown.len(),
            lines.len(),
            self.log.display(),
            shown.join("\n")
        )
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Also without a panic: a test that returns an error has not panicked yet.
        eprintln!("{}", self.log_tail());
    }
}

fn binary_path(folder: Option<&Path>, name: &str) -> Result<PathBuf> {
    let folder = match (folder, std::env::var_os("GOZON_TEST_BIN_DIR")) {
        (Some(folder), _) => folder.to_owned(),
        (None, Some(folder)) => PathBuf::from(folder),
        // Test binaries lie in `deps`, below the binaries that they start.
        (None, None) => std::env::current_exe()?
            .ancestors()
            .nth(2)
            .context("the test binary lies in no folder")?
            .to_owned(),
    };
    let path = folder.join(name);
    ensure!(
        path.exists(),
        "{} was not built: run `cargo xtask test`, or `cargo build --workspace` before",
        path.display()
    );
    Ok(path)
}

/// A file named after the test, which libtest makes the name of its thread.
fn log_path(binary: &str) -> Result<PathBuf> {
    let folder = std::env::var_os("GOZON_TEST_LOG_DIR").map_or_else(
        || std::env::temp_dir().join("gozon-test-logs"),
        PathBuf::from,
    );
    fs::create_dir_all(&folder)?;
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("test").replace("::", ".");
    let id = Uuid::now_v7().simple();
    Ok(folder.join(format!("{test}-{binary}-{id}.log")))
}
