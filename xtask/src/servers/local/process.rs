//! A child process that ends with its owner.

use std::fs::OpenOptions;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// A running server, killed when dropped.
#[derive(Debug)]
pub(super) struct Process(Child);

impl Process {
    /// Starts the command with both its outputs appended to `log`.
    pub(super) fn spawn(command: &mut Command, log: &Path) -> Result<Self> {
        let log = OpenOptions::new().create(true).append(true).open(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot run {}", command.get_program().display()))?;
        Ok(Self(child))
    }

    /// How it ended, if it has.
    pub(super) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.0.try_wait()?)
    }

    /// Asks it to end; kills it when it has not ended within `bound`.
    pub(super) fn stop(mut self, signal: &str, bound: Duration) -> Result<()> {
        // The shell's own `kill`: a minimal system has no other.
        let asked = Command::new("sh")
            .args(["-c", &format!("kill -{signal} {}", self.0.id())])
            .status()
            .context("cannot run sh")?;
        ensure!(asked.success(), "kill -{signal} {} failed", self.0.id());
        let start = Instant::now();
        while self.ended()?.is_none() && start.elapsed() < bound {
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only for a process that has ended and been waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
