//! The task `build-cost`: what the outbox adds to the clean build of a service
//! that already uses sqlx.
//!
//! A little project with sqlx, tokio and what comes with them in such a service,
//! built from nothing, with and without gozon-outbox, by turns. Processor time is
//! compared, as the ratio of the sums: a busy machine changes it little, while
//! the time on the wall says what else was running.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::cargo::{cargo, say, workspace};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How often each of the two is built
    #[arg(long, default_value_t = 2)]
    runs: u32,
    /// The most that the outbox may add, in percent of the processor time
    #[arg(long, default_value_t = 10)]
    limit: u64,
}

/// What the service has before: the dependencies of docs/guides/outbox.md without
/// ours, on PostgreSQL, with sqlx as it comes. One that does more keeps more, so that
/// the share of the outbox would be less.
const BEFORE: &str = r#"
[package]
name = "service"
version = "0.0.0"
edition = "2024"

[workspace]

[dependencies]
anyhow = "1"
async-trait = "0.1"
axum = "0.8"
serde = { version = "1", features = ["derive"] }
sqlx = { version = "0.9", features = ["runtime-tokio", "postgres"] }
tokio = { version = "1", features = ["full"] }
tokio-util = { version = "0.7", features = ["rt"] }
"#;

/// Whether the outbox adds no more than the limit.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let folder = std::env::temp_dir().join(format!("gozon-build-cost-{}", std::process::id()));
    let without = project(&folder.join("without"), "")?;
    let outbox = workspace().join("gozon-outbox");
    let dependency = format!(
        "gozon-outbox = {{ path = '{}', features = [\"postgres\"] }}\n",
        outbox.display()
    );
    let with = project(&folder.join("with"), &dependency)?;

    let mut sums = [0, 0];
    for run in 1..=options.runs {
        for (sum, project, name) in [(0, &without, "without"), (1, &with, "with")] {
            let ticks = build(project)?;
            say(&format!(
                "run {run}, {name} the outbox: {:?} of processor time",
                seconds(ticks)
            ));
            sums[sum] += ticks;
        }
    }
    fs::remove_dir_all(&folder)?;

    let [without, with] = sums;
    ensure!(without > 0, "a build that took no time");
    // In thousandths, rounded up: a tenth of a percent is what the measure can tell.
    let added = (with.saturating_sub(without) * 1000).div_ceil(without);
    say(&format!(
        "gozon-outbox adds {}.{} % to the clean build of a service with sqlx; {} % are allowed",
        added / 10,
        added % 10,
        options.limit
    ));
    Ok(added <= options.limit * 10)
}

/// A binary crate with what stands there before, and more. Its dependencies are
/// those of our own lock file, so that both build the same versions.
fn project(folder: &Path, more: &str) -> Result<std::path::PathBuf> {
    fs::create_dir_all(folder.join("src"))?;
    fs::write(folder.join("Cargo.toml"), format!("{BEFORE}{more}"))?;
    fs::write(folder.join("src/main.rs"), "fn main() {}\n")?;
    fs::copy(workspace().join("Cargo.lock"), folder.join("Cargo.lock"))?;
    let fetched = inside(folder, &["fetch"]).status()?;
    ensure!(fetched.success(), "cargo fetch failed");
    Ok(folder.to_owned())
}

fn inside(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = cargo();
    command
        .current_dir(folder)
        .args(arguments)
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_TARGET_DIR", folder.join("target"));
    command
}

/// The processor time of a build from nothing, in clock ticks.
fn build(folder: &Path) -> Result<u64> {
    let target = folder.join("target");
    if target.exists() {
        fs::remove_dir_all(&target)?;
    }
    let before = children()?;
    let built = inside(folder, &["build", "--quiet", "--offline"]).status()?;
    ensure!(built.success(), "the build of {} failed", folder.display());
    let after = children()?;
    fs::remove_dir_all(&target)?;
    Ok(after - before)
}

/// What all processes that we started and that have ended took, with what they
/// had started: fields 16 and 17 of proc_pid_stat(5).
fn children() -> Result<u64> {
    let stat = fs::read_to_string("/proc/self/stat").context("only Linux tells this")?;
    // The name, in parentheses, may itself contain spaces.
    let (_, fields) = stat
        .rsplit_once(')')
        .context("an unknown format of /proc/self/stat")?;
    let ticks = fields.split_whitespace().skip(13).take(2);
    ticks.map(|field| Ok(field.parse::<u64>()?)).sum()
}

/// Linux counts a hundred ticks a second for every program.
fn seconds(ticks: u64) -> std::time::Duration {
    std::time::Duration::from_millis(ticks * 10)
}
