//! docs/reliability.md names tests, faults and places that exist.

use std::collections::HashSet;
use std::path::Path;

use crate::{root, text};

#[test]
fn what_the_book_of_promises_names_exists() {
    let book = text("docs/reliability.md");
    let mut code = String::new();
    for folder in ["gozon-", "apps", "tests", "examples"] {
        for entry in std::fs::read_dir(root()).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name().to_str().unwrap().starts_with(folder) {
                gather(&entry.path(), &mut code);
            }
        }
    }
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let words: HashSet<&str> = code.split(|c| !is_word(c)).collect();

    let named: Vec<&str> = book.split('`').skip(1).step_by(2).collect();
    let missing: Vec<&&str> = named
        .iter()
        .filter(|name| match name.contains('/') {
            true => !root().join(name).exists(),
            false if name.matches('_').count() >= 3 || is_fault(name) => !words.contains(**name),
            false => false,
        })
        .collect();

    assert!(named.len() > 40, "only {} names were found", named.len());
    assert!(missing.is_empty(), "not to be found: {missing:#?}");
}

/// Such as `LosesMessages`: two words without a gap.
fn is_fault(name: &str) -> bool {
    name.chars().all(char::is_alphabetic) && name.chars().filter(|c| c.is_uppercase()).count() > 1
}

fn gather(folder: &Path, code: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            gather(&path, code);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            code.push_str(&std::fs::read_to_string(&path).unwrap());
            code.push('\n');
        }
    }
}
