//! What is written is true: README.md and the guides show code that runs, name
//! every metric, and every setting says its default.

// Test code outside of `#[test]` functions: what fails here fails a test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod guides;
mod metrics;
mod readme;
mod reliability;
mod settings;
mod shape;

use std::path::PathBuf;

/// The text of a file, from the root of the repository.
fn text(path: &str) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

const LIBRARIES: [&str; 6] = [
    "gozon-core",
    "gozon-sqlx",
    "gozon-outbox",
    "gozon-inbox",
    "gozon-ledger",
    "gozon-transport-amqp",
];

/// Every Rust file of a crate.
fn sources(library: &str) -> Vec<(String, String)> {
    let mut folders = vec![format!("{library}/src")];
    let mut found = vec![];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else if path.ends_with(".rs") {
                let source = text(&path);
                found.push((path, source));
            }
        }
    }
    assert!(!found.is_empty(), "{library} has no sources");
    found
}

/// Name and value of each line of `[dependencies]`, without line breaks in it.
fn dependencies(manifest: &str) -> Vec<(String, String)> {
    let lines = manifest.lines();
    let section = lines
        .skip_while(|line| line.trim() != "[dependencies]")
        .skip(1);
    let section = section.take_while(|line| !line.starts_with('['));
    let pairs = section.filter_map(|line| line.split_once('='));
    pairs
        .map(|(name, value)| {
            let name = name.trim().trim_end_matches(".workspace");
            (name.to_owned(), value.trim().to_owned())
        })
        .collect()
}
