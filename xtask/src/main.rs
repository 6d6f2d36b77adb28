//! Gozon's tasks: `cargo xtask test`, `cargo xtask check`, `cargo xtask ci`,
//! `cargo xtask servers`.

mod cargo;
mod check;
mod choice;
mod keeper;
mod test_run;

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
    /// Checks without running: format, lints, documentation, each feature alone, licences
    Check,
    /// Everything that must be green before a merge: `check`, then `test`
    Ci(test_run::Options),
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
        Task::Test(options) => test_run::run(&options),
        Task::Check => check::run(),
        // Both, also when the first fails: one run then names everything that is wrong.
        Task::Ci(options) => Ok(check::run()? & test_run::run(&options)?),
        Task::Servers(options) => keeper::run_until_interrupted(&options).map(|()| true),
        Task::Keep(wanted) => keeper::keep(&wanted).map(|()| true),
    }
}
