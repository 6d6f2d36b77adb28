//! The task `test`: servers, one build, every test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::JoinHandle;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::Args;
use xtask::servers::Provider;
use xtask::tools;

use crate::cargo::{binaries, cargo, has, say, step, workspace};
use crate::choice::{AMQP_URL, POSTGRES_URL, ServerOptions, Servers};
use crate::coverage::Counting;
use crate::install;
use crate::keeper::Keeper;

/// The binaries that stories start as processes, and their packages.
const APPS: [&str; 4] = [
    "gozon-shop",
    "gozon-gateway",
    "gozon-orders",
    "gozon-payments",
];
const STORIES: &str = "gozon-tests";

#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    servers: ServerOptions,
    /// Builds and tests only these packages; may be repeated
    #[arg(short, long)]
    package: Vec<String>,
    /// Uses `cargo test` even where cargo-nextest is installed
    #[arg(long)]
    no_nextest: bool,
    /// Goes to the test runner as it is: a filter, or options. Documentation
    /// tests are then left out
    #[arg(last = true)]
    runner_arguments: Vec<String>,
}

/// Whether every test passed. The binaries may have to count what they execute.
pub(crate) fn run(options: &Options, counting: Option<&Counting>) -> Result<bool> {
    let start = Instant::now();
    let mut servers = options.servers.choose()?;
    let tools = options.tools()?;
    let logs = fresh_log_folder()?;
    // They start while cargo builds.
    let mut keeper = Keeper::start(&servers)?;
    let calls = || {
        let mut command = cargo();
        if let Some(counting) = counting {
            counting.apply(&mut command);
        }
        command
    };
    if !step(options.build(&mut calls()))? {
        bail!("the build failed");
    }
    if let Some(keeper) = &mut keeper {
        keeper.wait(&mut servers)?;
    }
    if let Some(tools) = tools {
        let prepared = tools
            .join()
            .map_err(|_| anyhow!("preparing tools panicked"))?;
        prepared.context(
            "newman, aio-pika or kubernetes-validate cannot be installed below the target folder",
        )?;
    }
    say(&describe(&servers));

    // The runner last: its closing lines are what a reader looks for.
    let mut passed = true;
    if options.runner_arguments.is_empty() {
        let mut documentation = calls();
        documentation
            .args(["test", "--doc", "--quiet", "--no-fail-fast"])
            .args(options.selected());
        passed &= step(with_environment(&mut documentation, &servers, &logs)?)?;
    }
    passed &= step(with_environment(
        options.runner(&mut calls()),
        &servers,
        &logs,
    )?)?;

    drop(keeper);
    let seconds = start.elapsed().as_secs();
    if passed {
        say(&format!("all tests passed, {seconds} s in all"));
    } else {
        say(&format!(
            "TESTS FAILED, {seconds} s in all; logs of the shop's processes: {}",
            logs.display()
        ));
    }
    Ok(passed)
}

impl Options {
    /// The build of everything that the tests need.
    pub(crate) fn build<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.arg("build").args(self.built()).arg("--all-targets")
    }

    /// The test command. One selection of packages and features for the build
    /// and every test command, so that nothing is built twice.
    fn runner<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        if has("nextest") && !self.no_nextest {
            command.args(["nextest", "run", "--no-fail-fast"]);
        } else {
            if !self.no_nextest {
                say("cargo-nextest is not installed: using cargo test");
            }
            command.args(["test", "--no-fail-fast", "--all-targets"]);
        }
        command.args(self.selected());
        if has("nextest") && !self.no_nextest {
            command.args(&self.runner_arguments);
        } else {
            command.arg("--").args(&self.runner_arguments);
        }
        command
    }

    /// What the stories need beside servers; prepared while cargo builds.
    fn tools(&self) -> Result<Option<JoinHandle<Result<()>>>> {
        if !self.package.is_empty() && !self.package.iter().any(|package| package == STORIES) {
            return Ok(None);
        }
        let missing = tools::missing();
        if !missing.is_empty() {
            let names = missing.join(" and ");
            ensure!(
                !self.servers.no_install && install::possible(),
                "no Node, Python or Chromium for the stories that run newman, Python and a browser: install {names}"
            );
            install::with_apt(&missing, "as stories run newman, Python and a browser")?;
            let still = tools::missing();
            ensure!(
                still.is_empty(),
                "apt has no working {}",
                still.join(" and ")
            );
        }
        let target = target_folder()?;
        Ok(Some(std::thread::spawn(move || tools::prepare(&target))))
    }

    fn selected(&self) -> Vec<&str> {
        self.packages(&[])
    }

    /// The stories start the apps' binaries, which cargo does not build for them.
    fn built(&self) -> Vec<&str> {
        if self.package.iter().any(|package| package == STORIES) {
            self.packages(&APPS)
        } else {
            self.packages(&[])
        }
    }

    fn packages<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let mut selection = vec!["--all-features"];
        if self.package.is_empty() {
            selection.push("--workspace");
        } else {
            let packages = self.package.iter().map(String::as_str);
            for package in packages.chain(more.iter().copied()) {
                selection.extend(["--package", package]);
            }
        }
        selection
    }
}

pub(crate) fn with_environment<'a>(
    command: &'a mut Command,
    servers: &Servers,
    logs: &Path,
) -> Result<&'a mut Command> {
    let postgres = servers.postgres_url.as_ref().context("no PostgreSQL")?;
    let amqp = servers.amqp_url.as_ref().context("no RabbitMQ")?;
    command
        .env(POSTGRES_URL, postgres)
        .env(AMQP_URL, amqp)
        .env("GOZON_TEST_BIN_DIR", binaries()?)
        .env("GOZON_TEST_LOG_DIR", logs)
        // An error's chain says what went wrong; where a backtrace is wanted
        // for panics, errors would bury it under theirs.
        .env("RUST_LIB_BACKTRACE", "0");
    if let Some(provider) = servers.provider {
        command.env(Provider::VARIABLE, provider.to_string());
    }
    Ok(command)
}

/// Emptied at the start, not at the end: the logs of the last run stay.
fn fresh_log_folder() -> Result<PathBuf> {
    let logs = target_folder()?.join("test-logs");
    if logs.exists() {
        std::fs::remove_dir_all(&logs)?;
    }
    std::fs::create_dir_all(&logs)?;
    Ok(logs)
}

pub(crate) fn target_folder() -> Result<PathBuf> {
    let binaries = binaries()?;
    Ok(binaries
        .parent()
        .map_or_else(|| workspace().join("target"), Path::to_owned))
}

pub(crate) fn describe(servers: &Servers) -> String {
    let place = |url: &Option<String>| {
        let url = url.as_deref().unwrap_or_default();
        let place = url.rsplit_once('@').map_or(url, |(_, place)| place);
        place.split('/').next().unwrap_or_default().to_owned()
    };
    format!(
        "PostgreSQL at {}, RabbitMQ at {}; tests that break a server start their own ({})",
        place(&servers.postgres_url),
        place(&servers.amqp_url),
        servers
            .provider
            .map_or_else(|| "no way to".to_owned(), |provider| provider.to_string()),
    )
}
