//! What an example promises about itself: how little it takes, and of what.

use crate::{dependencies, text};

/// Lines that say something to the compiler.
fn lines_of_code(path: &str) -> Vec<String> {
    let source = text(path);
    let lines = source.lines().map(str::trim);
    let code = lines.filter(|line| !line.is_empty() && !line.starts_with("//"));
    code.map(str::to_owned).collect()
}

#[test]
fn an_outbox_takes_forty_lines_imports_included() {
    let code = lines_of_code("examples/outbox/src/parcels.rs");

    assert!(code.len() <= 40, "{} lines", code.len());
    let service = text("examples/outbox/src/main.rs");
    assert!(!service.contains("gozon_outbox"), "the rest is in main.rs");
}

#[test]
fn an_inbox_takes_twenty_lines_and_its_imports() {
    let mut code = lines_of_code("examples/inbox/src/statistics.rs");
    code.retain(|line| !line.starts_with("use "));

    assert!(code.len() <= 20, "{} lines", code.len());
    let service = text("examples/inbox/src/main.rs");
    assert!(!service.contains("gozon_inbox"), "the rest is in main.rs");
}

#[test]
fn each_example_depends_on_the_crates_that_it_shows_and_no_other_of_ours() {
    let shown: [(&str, &[&str]); 5] = [
        ("outbox", &["gozon-core", "gozon-outbox", "gozon-sqlx"]),
        ("inbox", &["gozon-core", "gozon-inbox", "gozon-sqlx"]),
        ("ledger", &["gozon-ledger", "gozon-sqlx"]),
        ("transport", &["gozon-core"]),
        (
            "postgres-rabbitmq",
            &[
                "gozon-core",
                "gozon-inbox",
                "gozon-outbox",
                "gozon-sqlx",
                "gozon-transport-amqp",
            ],
        ),
    ];
    let obvious = [
        "anyhow",
        "async-trait",
        "axum",
        "serde",
        "sqlx",
        "tempfile",
        "tokio",
        "tokio-util",
        "uuid",
    ];
    for (example, ours) in shown {
        let manifest = text(&format!("examples/{example}/Cargo.toml"));
        let names = dependencies(&manifest);
        let names: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
        for name in &names {
            assert!(
                ours.contains(name) || obvious.contains(name),
                "{example}: {name}"
            );
        }
        assert!(
            ours.iter().all(|name| names.contains(name)),
            "{example}: {names:?}"
        );
    }
}
