//! What rustdoc knows of a crate, in JSON.

use std::collections::HashMap;
use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::cargo::{cargo, step, workspace};
use crate::libraries::Metadata;

/// The formats that `item.rs` and `types.rs` were written for. They may read a
/// later one; whoever adds its number here has looked at what changed.
const FORMATS: [u64; 1] = [57];

/// Lets rustdoc write its JSON for all crates: with the selection of the
/// documentation step of `check`, so that nothing is compiled for it.
pub(super) fn generate() -> Result<()> {
    let rustdoc = workspace().join("xtask/src/api/rustdoc.sh");
    let done = step(
        cargo()
            .args([
                "doc",
                "--quiet",
                "--workspace",
                "--all-features",
                "--no-deps",
            ])
            .env("RUSTDOC", rustdoc),
    )?;
    ensure!(done, "rustdoc failed");
    Ok(())
}

pub(super) struct Document {
    value: Value,
    /// The name of each crate that is not this one.
    crates: HashMap<u64, String>,
}

impl Document {
    pub(super) fn read(metadata: &Metadata, library: &str) -> Result<Self> {
        let name = format!("{}.json", library.replace('-', "_"));
        let file = metadata.target_folder()?.join("doc").join(name);
        let text = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let value: Value = serde_json::from_slice(&text)?;
        let format = value["format_version"].as_u64().unwrap_or_default();
        ensure!(
            FORMATS.contains(&format),
            "rustdoc writes JSON of format {format}, xtask/src/api reads {FORMATS:?}: \
             look at what changed and add it there"
        );
        let external = value["external_crates"].as_object();
        let crates = external
            .into_iter()
            .flatten()
            .filter_map(|(id, external)| {
                Some((id.parse().ok()?, external["name"].as_str()?.to_owned()))
            })
            .collect();
        Ok(Self { value, crates })
    }

    pub(super) fn root(&self) -> Result<&Value> {
        self.item(&self.value["root"])
            .context("a document without a root")
    }

    /// An item of this crate, or one of another crate that rustdoc has inlined.
    pub(super) fn item(&self, id: &Value) -> Option<&Value> {
        self.value["index"].get(id.to_string())
    }

    /// Where an item is defined: its crate, unless it is this one, and its path.
    pub(super) fn origin(&self, id: &Value) -> Option<(Option<&str>, String)> {
        let summary = self.value["paths"].get(id.to_string())?;
        let name = self.crates.get(&summary["crate_id"].as_u64()?);
        let path: Vec<&str> = summary["path"]
            .as_array()?
            .iter()
            .filter_map(Value::as_str)
            .collect();
        Some((name.map(String::as_str), path.join("::")))
    }
}
