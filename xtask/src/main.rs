//! Gozon's tasks: `cargo xtask test`, `cargo xtask check`, and those that they
//! are made of; `cargo xtask --help` lists them.

mod api;
mod build_cost;
mod cargo;
mod check;
mod choice;
mod coverage;
mod desktop;
mod install;
mod keeper;
mod libraries;
mod msrv;
mod publish;
mod test_run;
mod upgrade;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::choice::ServerOptions;

/// Gozon's tasks.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Sets up servers, builds everything and runs every test
    Test(test_run::Options),
    /// Runs every test like `test`, and fails where too few lines were executed
    Coverage(coverage::Options),
    /// Checks without running: format, lints, documentation, each feature alone,
    /// public APIs, packages, the oldest Rust, licences
    Check,
    /// `check`, then `coverage`; with `desktop`, everything that must be green before a merge
    Ci(coverage::Options),
    /// Compares the public API of each library with its public-api.txt; part of `check`
    Api(api::Options),
    /// Packs each library as the registry would get it, and builds it from there
    Publish(publish::Options),
    /// Checks and tests the desktop window, which is a workspace of its own
    Desktop(desktop::Options),
    /// Measures what gozon-outbox adds to the clean build of a service with sqlx; takes minutes
    BuildCost(build_cost::Options),
    /// Upgrades a running shop from an earlier revision, one instance after the other
    Upgrade(upgrade::Options),
    /// Starts the servers of a test run and keeps them until Ctrl-C, for work with plain `cargo test`
    Servers(ServerOptions),
    /// Keeps servers until standard input ends; started by the other tasks
    #[command(hide = true)]
    Keep(keeper::Wanted),
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether everything passed; an error is what kept us from finding out.
fn run(task: Task) -> Result<bool> {
    match task {
        Task::Test(options) => test_run::run(&options, None),
        Task::Coverage(options) => coverage::run(&options),
        Task::Check => check::run(),
        // Both, also when the first fails: one run then names everything that is wrong.
        Task::Ci(options) => Ok(check::run()? & coverage::run(&options)?),
        Task::Api(options) => api::run(&options),
        Task::Publish(options) => publish::run(&options),
        Task::Desktop(options) => desktop::run(&options),
        Task::BuildCost(options) => build_cost::run(&options),
        Task::Upgrade(options) => upgrade::run(&options),
        Task::Servers(options) => keeper::run_until_interrupted(&options).map(|()| true),
        Task::Keep(wanted) => keeper::keep(&wanted).map(|()| true),
    }
}
