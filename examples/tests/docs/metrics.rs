//! `docs/guides/operate.md` names every metric, and none that is not.

use std::collections::BTreeSet;

use crate::{LIBRARIES, root, text};

/// The names that a crate's `metrics.rs` exports.
fn exported() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for library in LIBRARIES {
        let path = format!("{library}/src/metrics.rs");
        if !root().join(&path).exists() {
            continue;
        }
        let source = text(&path);
        let constants = source.split("pub const ").skip(1);
        let before = names.len();
        for constant in constants {
            let (_, value) = constant.split_once('"').unwrap();
            let (name, _) = value.split_once('"').unwrap();
            assert!(name.starts_with("gozon_"), "{path}: {name}");
            names.insert(name.to_owned());
        }
        assert!(names.len() > before, "{path} exports nothing");
    }
    names
}

#[test]
fn the_guide_to_operation_explains_every_metric_and_no_other() {
    let guide = text("docs/guides/operate.md");
    let rows = guide
        .lines()
        .filter_map(|line| line.strip_prefix("| `gozon_"));
    let mut explained = BTreeSet::new();
    for row in rows {
        let (name, rest) = row.split_once('`').unwrap();
        let cells: Vec<&str> = rest.split('|').map(str::trim).collect();
        assert!(cells.len() >= 4, "gozon_{name}: name, meaning, what to do");
        assert!(
            cells[1..3].iter().all(|cell| !cell.is_empty()),
            "gozon_{name}"
        );
        assert!(
            explained.insert(format!("gozon_{name}")),
            "gozon_{name} twice"
        );
    }

    let exported = exported();
    let missing: Vec<_> = exported.difference(&explained).collect();
    assert!(
        missing.is_empty(),
        "explain in docs/guides/operate.md: {missing:?}"
    );
    let unknown: Vec<_> = explained.difference(&exported).collect();
    assert!(unknown.is_empty(), "no crate has: {unknown:?}");
}

/// A metric that is written past its constant would be in no list.
#[test]
fn no_metric_is_named_outside_its_crates_list() {
    for library in LIBRARIES {
        for (path, source) in crate::sources(library) {
            for kind in ["counter!(", "gauge!(", "histogram!("] {
                let literal = format!("{kind}\"");
                assert!(!source.contains(&literal), "{path} names a metric in place");
            }
        }
    }
}
