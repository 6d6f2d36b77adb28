//! Installing what is missing, with apt, after saying so.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::cargo::say;

/// Only Debian-like systems, only as root.
pub(crate) fn possible() -> bool {
    let root = Command::new("id").arg("-u").output();
    Path::new("/usr/bin/apt-get").exists() && root.is_ok_and(|id| id.stdout == b"0\n")
}

/// Installs the packages; `reason` completes the line that announces it.
pub(crate) fn with_apt(packages: &[&str], reason: &str) -> Result<()> {
    let names = packages.join(" and ");
    say(&format!(
        "installing {names} with apt, {reason} (--no-install refuses); no service is started"
    ));
    let mut command = Command::new("sh");
    command
        .args(["-c", include_str!("install.sh"), "install.sh"])
        .args(packages)
        .stdin(Stdio::null());
    // A group of its own: Ctrl-C must not stop it before it has put back what it changed.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let status = command.status().context("cannot run sh")?;
    ensure!(status.success(), "apt-get could not install {names}");
    Ok(())
}
