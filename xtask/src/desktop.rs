//! The task `desktop`: everything about the desktop window, which is a
//! workspace of its own (`apps/desktop`).

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, bail};
use clap::Args;

use crate::cargo::{binaries, cargo, has, say, step, workspace};
use crate::install;

/// What the window and its test need at run time, as Debian calls it: a display
/// in memory, OpenGL in software, the libraries that the window loads when it
/// opens, a session bus, and what screen readers speak with.
const PACKAGES: [&str; 11] = [
    "at-spi2-core",
    "dbus",
    "libegl1",
    "libgl1",
    "libgl1-mesa-dri",
    "libx11-xcb1",
    "libxcursor1",
    "libxi6",
    "libxkbcommon-x11-0",
    "libxrandr2",
    "xvfb",
];

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Never installs anything: stops where packages would have to be installed
    #[arg(long)]
    no_install: bool,
}

/// Whether everything is in order. Every check runs, also after a failure.
pub(crate) fn run(options: &Options) -> Result<bool> {
    provide(options)?;
    let mut failed = vec![];
    let mut check = |name: &str, command: &mut Command| -> Result<()> {
        if !step(command)? {
            failed.push(name.to_owned());
        }
        Ok(())
    };

    check("format", window().args(["fmt", "--check"]))?;
    check(
        "lints",
        window().args([
            "clippy",
            "--locked",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]),
    )?;
    if has("deny") {
        // From the workspace's root, where it finds its settings.
        let mut deny = cargo();
        deny.args(["deny", "--manifest-path"])
            .arg(folder().join("Cargo.toml"))
            .arg("check");
        check("dependencies", &mut deny)?;
    } else {
        say("cargo-deny is not installed: licences and sources were not checked");
    }
    // The window's test runs against the real shop.
    check(
        "the shop",
        cargo().args(["build", "--package", "gozon-shop"]),
    )?;
    let shop = binaries()?.join("gozon");
    check(
        "tests",
        window().args(["test", "--locked"]).env("GOZON_BIN", shop),
    )?;

    if failed.is_empty() {
        say("the window passed");
    } else {
        say(&format!("THE WINDOW FAILED: {}", failed.join(", ")));
    }
    Ok(failed.is_empty())
}

/// A cargo call in the window's folder.
fn window() -> Command {
    let mut command = cargo();
    command
        .current_dir(folder())
        // That of the workspace would be mixed with this one's.
        .env_remove("CARGO_TARGET_DIR");
    command
}

fn folder() -> PathBuf {
    workspace().join("apps/desktop")
}

/// Sees to what the window and its test need at run time.
fn provide(options: &Options) -> Result<()> {
    if !Path::new("/usr/bin/dpkg-query").exists() {
        say(&format!(
            "not a Debian: the test needs what Debian calls {}",
            PACKAGES.join(", ")
        ));
        return Ok(());
    }
    let missing: Vec<_> = PACKAGES
        .into_iter()
        .filter(|name| !installed(name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    if options.no_install || !install::possible() {
        bail!(
            "the window's test has no display: install {}",
            missing.join(" ")
        );
    }
    install::with_apt(&missing, "for the window's test")
}

fn installed(package: &str) -> bool {
    let query = Command::new("dpkg-query")
        .args(["--show", "--showformat", "${db:Status-Status}", package])
        .stderr(Stdio::null())
        .output();
    query.is_ok_and(|answer| answer.stdout == b"installed")
}
