//! The crates that others depend on, as cargo describes them.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::cargo::cargo;

/// In the order in which they can be published.
pub(crate) const LIBRARIES: [&str; 6] = [
    "gozon-core",
    "gozon-sqlx",
    "gozon-outbox",
    "gozon-inbox",
    "gozon-ledger",
    "gozon-transport-amqp",
];

/// What `cargo metadata` says of the workspace and everything it depends on.
pub(crate) struct Metadata(Value);

impl Metadata {
    pub(crate) fn read() -> Result<Self> {
        let output = cargo()
            .args(["metadata", "--format-version", "1", "--all-features"])
            .args(["--filter-platform", &host()?])
            .stderr(Stdio::inherit())
            .output()
            .context("cannot run cargo metadata")?;
        ensure!(output.status.success(), "cargo metadata failed");
        Ok(Self(serde_json::from_slice(&output.stdout)?))
    }

    /// Every package of the dependency tree, our own among them.
    pub(crate) fn packages(&self) -> &[Value] {
        self.0["packages"].as_array().map_or(&[], Vec::as_slice)
    }

    /// One of our own.
    pub(crate) fn package(&self, name: &str) -> Result<&Value> {
        self.packages()
            .iter()
            .find(|package| package["name"] == name && package["source"].is_null())
            .with_context(|| format!("no package {name} in the workspace"))
    }

    /// The names in a crate's `[features]`.
    pub(crate) fn features(&self, library: &str) -> Result<Vec<String>> {
        let features = self.package(library)?["features"]
            .as_object()
            .context("a package without features")?;
        Ok(features
            .keys()
            .filter(|name| *name != "default")
            .cloned()
            .collect())
    }

    /// Where cargo builds.
    pub(crate) fn target_folder(&self) -> Result<std::path::PathBuf> {
        let folder = self.0["target_directory"].as_str();
        Ok(folder.context("no target directory")?.into())
    }
}

/// Metadata without a platform lists the crates of every other one too.
fn host() -> Result<String> {
    let output = std::process::Command::new("rustc").arg("-vV").output()?;
    let text = String::from_utf8(output.stdout)?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc names no host")?.to_owned())
}
