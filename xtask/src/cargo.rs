//! Calls of cargo, one step each, with a line that says what runs.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

/// The root of the workspace.
pub(crate) fn workspace() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own)
}

/// Where cargo puts the binaries that it builds: beside this one.
pub(crate) fn binaries() -> Result<PathBuf> {
    let own = std::env::current_exe().context("cannot tell where xtask itself lies")?;
    let folder = own.parent().context("xtask lies in no folder")?;
    Ok(folder.to_owned())
}

/// A cargo call in the workspace's root.
pub(crate) fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.current_dir(workspace());
    // `cargo run`, which started us, describes this package in these variables.
    // Build scripts watch them (ring's does) and would run again after every
    // change between `cargo xtask` and plain `cargo`.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_BIN_",
            "CARGO_CRATE_",
        ]
        .iter()
        .any(|prefix| text.starts_with(prefix))
        {
            command.env_remove(&name);
        }
    }
    command
}

/// Whether this cargo subcommand is installed.
pub(crate) fn has(subcommand: &str) -> bool {
    cargo()
        .args([subcommand, "--version"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs the command after a line that shows it; whether it succeeded.
pub(crate) fn step(command: &mut Command) -> Result<bool> {
    let arguments: Vec<_> = command
        .get_args()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    say(&format!("cargo {}", arguments.join(" ")));
    let status = command.status().context("cannot run cargo")?;
    Ok(status.success())
}

/// One line of progress.
pub(crate) fn say(line: &str) {
    eprintln!("xtask: {line}");
}
