//! The task `publish`: the libraries, packed as the registry would get them.
//!
//! All six in one call of cargo, which then resolves what one needs of another
//! from the packages that it has just made: it works before any of them was ever
//! published, and in the order of their dependencies.

use std::fs;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;

use crate::cargo::{cargo, say, step};
use crate::libraries::{LIBRARIES, Metadata};

/// What a package may take, compressed. They hold sources, SQL and little text.
const MOST_BYTES: u64 = 256 * 1024;

/// What the registry shows of a crate, or needs.
const WANTED: [&str; 9] = [
    "description",
    "license",
    "repository",
    "readme",
    "rust_version",
    "keywords",
    "categories",
    "edition",
    "version",
];

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Packs and builds each library from its package, but uploads nothing
    #[arg(long)]
    dry_run: bool,
}

/// The task `publish`.
pub(crate) fn run(options: &Options) -> Result<bool> {
    if !options.dry_run {
        bail!("publishing is done by a person: cargo publish with the packages named by --dry-run");
    }
    let metadata = Metadata::read()?;
    // Named, the folder is shared: else each package compiles what it depends on
    // in one of its own.
    let mut publish = cargo();
    publish
        .args(["publish", "--dry-run"])
        .args(selection())
        .env("CARGO_TARGET_DIR", metadata.target_folder()?);
    let builds = step(&mut publish)?;
    // A dry run leaves the packages nowhere that cargo speaks of: pack them again.
    Ok(check(&metadata)? && builds)
}

/// What of it needs no build: the check of every run.
pub(crate) fn check(metadata: &Metadata) -> Result<bool> {
    let mut fine = describes_itself(metadata)?;
    fine &= step(
        cargo()
            .args(["package", "--no-verify", "--quiet"])
            .args(selection()),
    )?;
    fine &= is_small(metadata)?;
    Ok(fine)
}

fn selection() -> Vec<&'static str> {
    let mut arguments = vec!["--locked", "--allow-dirty", "--all-features"];
    for library in LIBRARIES {
        arguments.extend(["--package", library]);
    }
    arguments
}

/// Whether each has what the registry shows.
fn describes_itself(metadata: &Metadata) -> Result<bool> {
    let mut fine = true;
    for library in LIBRARIES {
        let package = metadata.package(library)?;
        for field in WANTED {
            let value = &package[field];
            if value.is_null() || value.as_array().is_some_and(Vec::is_empty) {
                say(&format!("{library} has no {field}"));
                fine = false;
            }
        }
        if package["publish"] != Value::Null {
            say(&format!("{library} cannot be published"));
            fine = false;
        }
    }
    Ok(fine)
}

/// Whether each package is there, with its licences, and small.
fn is_small(metadata: &Metadata) -> Result<bool> {
    let mut fine = true;
    for library in LIBRARIES {
        let version = metadata.package(library)?["version"]
            .as_str()
            .context("no version")?;
        let folder = metadata.target_folder()?.join("package");
        let file = folder.join(format!("{library}-{version}.crate"));
        let bytes = fs::metadata(&file)
            .with_context(|| format!("no package {}", file.display()))?
            .len();
        let listed = cargo()
            .args(["package", "--list", "--allow-dirty", "--package", library])
            .output()?;
        let listed = String::from_utf8(listed.stdout)?;
        let missing: Vec<_> = ["LICENSE-MIT", "LICENSE-APACHE", "README.md", "CHANGELOG.md"]
            .into_iter()
            .filter(|wanted| !listed.lines().any(|line| line == *wanted))
            .collect();
        say(&format!(
            "{library} {version}: {} files, {} KiB packed{}",
            listed.lines().count(),
            bytes.div_ceil(1024),
            if missing.is_empty() {
                String::new()
            } else {
                format!(", WITHOUT {}", missing.join(", "))
            },
        ));
        if bytes > MOST_BYTES {
            say(&format!(
                "{library} is larger than {} KiB",
                MOST_BYTES / 1024
            ));
        }
        fine &= missing.is_empty() && bytes <= MOST_BYTES;
    }
    Ok(fine)
}
