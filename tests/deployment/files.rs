//! The repository's files, as text and as YAML.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

/// A path from the root of the repository.
pub(crate) fn path(relative: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(relative)
}

/// The text of a file.
pub(crate) fn text(relative: &str) -> Result<String> {
    fs::read_to_string(path(relative)).with_context(|| relative.to_owned())
}

/// Every document of a YAML file, its merge keys (`<<`) applied.
pub(crate) fn documents(relative: &str) -> Result<Vec<Value>> {
    let text = text(relative)?;
    serde_norway::Deserializer::from_str(&text)
        .map(|document| {
            let mut value = serde_norway::Value::deserialize(document)?;
            // What is merged may itself have something to merge.
            while serde_norway::to_string(&value)?.contains("<<:") {
                value.apply_merge()?;
            }
            Ok(serde_json::to_value(value)?)
        })
        .collect::<Result<_>>()
        .with_context(|| relative.to_owned())
}

/// The names of the files of a folder, sorted.
pub(crate) fn names(folder: &std::path::Path) -> Result<Vec<String>> {
    let mut names = fs::read_dir(folder)
        .with_context(|| folder.display().to_string())?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

/// Changes one place of a document, `/spec/ports/0/name` for instance.
pub(crate) fn set(value: &mut Value, path: &str, to: Value) {
    let place = path
        .split('/')
        .skip(1)
        .fold(value, |value, part| match part.parse::<usize>() {
            Ok(index) => &mut value[index],
            Err(_) => &mut value[part],
        });
    *place = to;
}
