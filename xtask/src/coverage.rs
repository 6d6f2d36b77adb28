//! The task `coverage`: every test, on binaries that count the lines they
//! execute, and a bound for the share of them.
//!
//! The same build and the same run as `test`: only the workspace's own packages
//! are compiled for it, so that it can take the place of `test` in CI.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use clap::Args;
use serde_json::Value;

use crate::cargo::{cargo, say, workspace};
use crate::libraries::Metadata;
use crate::test_run;

#[derive(Debug, Args)]
#[group(id = "coverage")]
pub(crate) struct Options {
    /// The least share of lines of libraries and apps that tests must execute, in percent
    #[arg(long, default_value_t = 80)]
    minimum: u32,
    /// Also names the lines of this file that were not executed; may be repeated
    #[arg(long)]
    show: Vec<String>,
    #[command(flatten)]
    tests: test_run::Options,
}

/// Whether every test passed and executed enough lines.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let profiles = Metadata::read()?.target_folder()?.join("coverage");
    if profiles.exists() {
        fs::remove_dir_all(&profiles)?;
    }
    fs::create_dir_all(&profiles)?;
    let counting = Counting { profiles };
    let passed = test_run::run(&options.tests, Some(&counting))?;
    let enough = counting.report(options)?;
    // They stay after a failure: whoever looks for its reason needs them.
    if passed & enough {
        fs::remove_dir_all(&counting.profiles)?;
    }
    Ok(passed & enough)
}

/// How a build and a run are made to count.
#[derive(Debug)]
pub(crate) struct Counting {
    profiles: PathBuf,
}

impl Counting {
    /// Lets this call of cargo build and run binaries that count.
    pub(crate) fn apply(&self, command: &mut Command) {
        command
            .env(
                "RUSTC_WORKSPACE_WRAPPER",
                workspace().join("xtask/src/instrument.sh"),
            )
            // One file per binary (%m), into which each of its processes adds its
            // counts at its end. A process that is killed adds nothing.
            .env("LLVM_PROFILE_FILE", self.profiles.join("%m.profraw"));
    }

    fn report(&self, options: &Options) -> Result<bool> {
        let binaries = self.binaries(&options.tests)?;
        say(&format!(
            "{} binaries count what they execute",
            binaries.len()
        ));
        let mut command = cargo();
        command
            .args(["run", "--quiet", "--package", "gozon-coverage", "--"])
            .arg("--root")
            .arg(workspace())
            .arg("--profiles")
            .arg(&self.profiles)
            .args(["--minimum", &options.minimum.to_string()]);
        for file in &options.show {
            command.args(["--show", file]);
        }
        say("counting the lines that were executed");
        Ok(command.args(binaries).status()?.success())
    }

    /// What the build has made, which is there already: cargo only tells again.
    /// Without the tasks, which run while they are replaced and are not counted.
    fn binaries(&self, tests: &test_run::Options) -> Result<Vec<String>> {
        let mut command = cargo();
        tests.build(&mut command);
        self.apply(&mut command);
        let output = command
            .args(["--quiet", "--message-format", "json"])
            .output()?;
        ensure!(output.status.success(), "the build failed");
        let text = String::from_utf8(output.stdout)?;
        let messages = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let tasks = workspace().join("xtask");
        Ok(messages
            .filter(|message| {
                let manifest = message["manifest_path"].as_str().unwrap_or_default();
                !Path::new(manifest).starts_with(&tasks)
            })
            .filter_map(|message| Some(message["executable"].as_str()?.to_owned()))
            .collect())
    }
}
