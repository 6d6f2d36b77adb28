//! The guides quote files that are compiled and run, to the letter.
//!
//! Before each block of Rust, SQL, shell or YAML stands a comment with the file that it is
//! from, `<!-- examples/outbox/src/parcels.rs -->`; its lines must stand there
//! one after the other, whatever the indentation. A block of TOML names a
//! manifest and has the same dependencies. What a shell block is from, CI runs.

use crate::{dependencies, root, text};

struct Block {
    guide: String,
    /// What the comment before it says.
    source: Option<String>,
    language: String,
    lines: Vec<String>,
}

fn guides() -> Vec<String> {
    let folder = std::fs::read_dir(root().join("docs/guides")).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut guides: Vec<String> = names.map(|name| format!("docs/guides/{name}")).collect();
    guides.sort();
    guides
}

fn blocks() -> Vec<Block> {
    let mut blocks = vec![];
    for guide in guides() {
        let page = text(&guide);
        let mut source = None;
        let mut open: Option<Block> = None;
        for line in page.lines() {
            if let Some(mut block) = open.take() {
                if line.trim_start().starts_with("```") {
                    blocks.push(block);
                } else {
                    block.lines.push(line.to_owned());
                    open = Some(block);
                }
            } else if let Some(language) = line.trim_start().strip_prefix("```") {
                open = Some(Block {
                    guide: guide.clone(),
                    source: source.take(),
                    language: language.to_owned(),
                    lines: vec![],
                });
            } else if let Some(comment) = line.trim().strip_prefix("<!--") {
                source = comment
                    .strip_suffix("-->")
                    .map(|path| path.trim().to_owned());
            } else if !line.trim().is_empty() {
                source = None;
            }
        }
        assert!(open.is_none(), "{guide}: a block does not end");
    }
    blocks
}

/// The same lines with the smallest indentation taken away.
fn dedented<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let indent = |line: &&str| line.len() - line.trim_start().len();
    let written = lines.iter().filter(|line| !line.trim().is_empty());
    let least = written.map(indent).min().unwrap_or(0);
    let cut = lines.iter().map(|line| line.get(least..).unwrap_or(""));
    cut.collect()
}

#[test]
fn all_guides_are_there_and_the_readme_leads_to_them() {
    let readme = text("README.md");
    for name in [
        "outbox",
        "inbox",
        "ledger",
        "transport",
        "operate",
        "upgrade",
        "compose",
        "kubernetes",
    ] {
        let path = format!("docs/guides/{name}.md");
        assert!(guides().contains(&path), "{path} is missing");
        assert!(readme.contains(&path), "README.md does not link {path}");
    }
}

#[test]
fn every_block_of_code_stands_in_a_file_that_runs() {
    let mut quoted = 0;
    for block in blocks() {
        let place = format!(
            "{}: a block that begins with {:?}",
            block.guide,
            block.lines.first()
        );
        if !["rust", "sql", "sh", "yaml"].contains(&block.language.as_str()) {
            continue;
        }
        let path = block.source.as_deref();
        let path = path.unwrap_or_else(|| panic!("{place} does not say where it is from"));
        let source = text(path);
        let source: Vec<&str> = source.lines().collect();
        let shown: Vec<&str> = block.lines.iter().map(String::as_str).collect();
        let shown = dedented(&shown);
        let mut windows = source.windows(shown.len());
        assert!(
            windows.any(|window| dedented(window) == shown),
            "{place} is not in {path}"
        );
        if block.language == "sh" {
            let ci = [".github/workflows/ci.yml", ".ci/run"];
            assert!(
                ci.contains(&path) || ci.iter().any(|ci| text(ci).contains(path)),
                "{place} is from {path}, which CI does not run"
            );
        }
        quoted += 1;
    }
    assert!(quoted >= 12, "only {quoted} blocks are quoted");
}

#[test]
fn every_list_of_dependencies_is_that_of_the_example() {
    let workspace = text("Cargo.toml");
    let mut lists = 0;
    for block in blocks() {
        if block.language != "toml" {
            continue;
        }
        let path = block
            .source
            .as_deref()
            .expect("a block of TOML names a manifest");
        let shown = dependencies(&block.lines.join("\n"));
        let real = dependencies(&text(path));
        for (name, value) in &real {
            let found = shown.iter().find(|(shown, _)| shown == name);
            let (_, found) = found.unwrap_or_else(|| panic!("{}: no {name}", block.guide));
            if name.starts_with("gozon-") {
                assert_eq!(features(found), features(value), "{}: {name}", block.guide);
            } else {
                let version = found.split('"').nth(1).unwrap();
                let line = workspace
                    .lines()
                    .find(|line| line.starts_with(&format!("{name} = ")));
                let current = line.unwrap();
                assert!(
                    current.contains(&format!("\"{version}")),
                    "{}: {name} {version}, where the workspace has {current}",
                    block.guide
                );
            }
        }
        assert_eq!(shown.len(), real.len(), "{}: more than {path}", block.guide);
        lists += 1;
    }
    assert!(lists >= 3, "only {lists} lists");
}

fn features(value: &str) -> Option<String> {
    let (_, features) = value.split_once("features = [")?;
    let (features, _) = features.split_once(']')?;
    Some(features.to_owned())
}
