//! Which lines of Gozon a test run has executed, and whether they are enough.
//!
//! `cargo xtask coverage` compiles the workspace with `-C instrument-coverage`,
//! runs every test, and calls this with what they left: a profile per binary,
//! written by each process at its end, that of the shop's processes included.

mod lines;
mod source;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use llvm_profparser::{CoverageMapping, merge_profiles};

use crate::lines::Lines;
use crate::source::Source;

/// Which lines a test run has executed.
#[derive(Debug, Parser)]
struct Arguments {
    /// The workspace; its libraries and apps are counted
    #[arg(long)]
    root: PathBuf,
    /// The folder of the profiles (*.profraw)
    #[arg(long)]
    profiles: PathBuf,
    /// The least share of lines that must have been executed, in percent
    #[arg(long)]
    minimum: usize,
    /// Also names the lines of these files that were not executed; may be repeated
    #[arg(long)]
    show: Vec<String>,
    /// The binaries that were run, or could have been
    binaries: Vec<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("coverage: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool> {
    let files = covered(arguments)?;
    let mut packages: BTreeMap<&str, Lines> = BTreeMap::new();
    for (source, lines) in &files {
        packages.entry(source.package()).or_default().add(lines);
        if arguments.show.iter().any(|shown| source.ends_with(shown)) {
            println!("{}: not executed: {}", source.path(), lines.missing());
        }
    }

    let mut worst: Vec<_> = files.iter().collect();
    worst.sort_by_key(|(_, lines)| std::cmp::Reverse(lines.missed()));
    println!("coverage: most lines not executed:");
    for (source, lines) in worst.into_iter().take(15) {
        println!("{lines}  {}", source.path());
    }
    println!("coverage: by package:");
    let mut all = Lines::default();
    for (package, lines) in &packages {
        println!("{lines}  {package}");
        all.add(lines);
    }
    println!("{all}  all");
    ensure!(all.counted() > 0, "the profiles name no line of ours");

    let enough = all.permille() >= arguments.minimum * 10;
    if !enough {
        println!("coverage: FAILED: less than {} %", arguments.minimum);
    }
    Ok(enough)
}

/// What was executed of each file of ours.
fn covered(arguments: &Arguments) -> Result<Vec<(Source, Lines)>> {
    let profiles = profiles(&arguments.profiles)?;
    let profile = merge_profiles(&profiles)?;
    // Not lenient: a binary that cannot be read would quietly raise the share.
    let mapping = CoverageMapping::new(&arguments.binaries, &profile, false)?;
    let report = mapping.generate_report()?;
    let mut files = vec![];
    for (path, result) in &report.files {
        let Some(source) = Source::read(&arguments.root, path)? else {
            continue;
        };
        let mut lines = Lines::of(result);
        lines.keep(|line| source.counts(line));
        files.push((source, lines));
    }
    Ok(files)
}

fn profiles(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("no profiles in {}", folder.display()))?;
    let mut files = vec![];
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|kind| kind == "profraw") {
            files.push(path);
        }
    }
    ensure!(!files.is_empty(), "no profiles in {}", folder.display());
    Ok(files)
}
