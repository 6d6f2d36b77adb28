//! The public API of each library, as a list in its `public-api.txt`.
//!
//! What others build on must not change by accident: `check` makes the list
//! anew and stops where it differs from the recorded one. `cargo xtask api
//! --write` records. It also stops where a type of a crate that is not on the
//! library's list of allowed crates has become part of its API, since a major
//! version of that crate would then be one of ours.
//!
//! Whether a recorded change is compatible is a question for
//! cargo-semver-checks, in `.github/workflows/ci.yml`.

mod document;
mod item;
mod listing;
mod types;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use crate::api::document::Document;
use crate::api::listing::Listing;
use crate::cargo::{say, workspace};
use crate::libraries::{LIBRARIES, Metadata};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Records the API as it is in each crate's public-api.txt
    #[arg(long)]
    write: bool,
}

/// The task `api`.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let metadata = Metadata::read()?;
    check(&metadata, options.write)
}

/// Whether each library's API is the recorded one, and made of allowed types.
pub(crate) fn check(metadata: &Metadata, write: bool) -> Result<bool> {
    let mut fine = true;
    document::generate()?;
    for library in LIBRARIES {
        let listing = Listing::of(&Document::read(metadata, library)?)?;
        fine &= foreign_types_are_allowed(metadata, library, &listing)?;
        fine &= is_recorded(library, &listing, write)?;
    }
    Ok(fine)
}

fn is_recorded(library: &str, listing: &Listing, write: bool) -> Result<bool> {
    let file = record(library);
    if write {
        fs::write(&file, listing.text())?;
        return Ok(true);
    }
    let recorded = fs::read_to_string(&file)
        .with_context(|| format!("cannot read {}; cargo xtask api --write", file.display()))?;
    let recorded: BTreeSet<&str> = recorded.lines().collect();
    let text = listing.text();
    let present: BTreeSet<&str> = text.lines().collect();
    for line in recorded.difference(&present) {
        say(&format!("gone:  {line}"));
    }
    for line in present.difference(&recorded) {
        say(&format!("new:   {line}"));
    }
    let same = recorded == present;
    if !same {
        say(&format!(
            "the public API of {library} is not what its public-api.txt says: \
             if that is meant, note it in its CHANGELOG.md and run cargo xtask api --write"
        ));
    }
    Ok(same)
}

fn record(library: &str) -> PathBuf {
    workspace().join(library).join("public-api.txt")
}

/// The crates whose types a library may show, each justified in its manifest.
fn foreign_types_are_allowed(
    metadata: &Metadata,
    library: &str,
    listing: &Listing,
) -> Result<bool> {
    let list = &metadata.package(library)?["metadata"]["public-api"]["foreign-crates"];
    let allowed: BTreeSet<&str> = list
        .as_array()
        .with_context(|| format!("{library} has no package.metadata.public-api.foreign-crates"))?
        .iter()
        .filter_map(serde_json::Value::as_str)
        .collect();
    let mut fine = true;
    for (foreign, example) in &listing.foreign {
        if !allowed.contains(foreign.as_str()) {
            say(&format!(
                "{library} shows types of {foreign}, which is not on its list: {example}"
            ));
            fine = false;
        }
    }
    for name in &allowed {
        if !listing.foreign.contains_key(*name) {
            say(&format!("{library} allows {name}, but shows nothing of it"));
            fine = false;
        }
    }
    Ok(fine)
}
