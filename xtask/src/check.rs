//! The task `check`: what can be wrong without a test noticing.

use anyhow::{Context, Result};

use crate::cargo::{cargo, has, say, step, workspace};

/// The crates that others use, with a closed list of features each.
const LIBRARIES: [&str; 6] = [
    "gozon-core",
    "gozon-sqlx",
    "gozon-outbox",
    "gozon-inbox",
    "gozon-ledger",
    "gozon-transport-amqp",
];

/// Whether everything is in order. Every check runs, also after a failure.
pub(crate) fn run() -> Result<bool> {
    let mut failed = vec![];
    let mut check = |name: &str, command: &mut std::process::Command| -> Result<()> {
        if !step(command)? {
            failed.push(name.to_owned());
        }
        Ok(())
    };

    check("format", cargo().args(["fmt", "--all", "--check"]))?;
    let everything = ["--workspace", "--all-features"];
    check(
        "lints",
        cargo()
            .arg("clippy")
            .args(everything)
            .args(["--all-targets", "--", "-D", "warnings"]),
    )?;
    check(
        "documentation",
        cargo()
            .arg("doc")
            .args(everything)
            .arg("--no-deps")
            .env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    for library in LIBRARIES {
        for feature in std::iter::once(String::new()).chain(features(library)?) {
            check(
                &format!("{library} with feature `{feature}` alone"),
                cargo()
                    .args(["clippy", "--quiet", "--lib", "--no-default-features"])
                    .args(["--package", library, "--features", &feature])
                    .args(["--", "-D", "warnings"]),
            )?;
        }
    }
    if has("deny") {
        check("dependencies", cargo().args(["deny", "check"]))?;
    } else {
        say("cargo-deny is not installed: licences and sources were not checked");
    }

    if failed.is_empty() {
        say("all checks passed");
    } else {
        say(&format!("CHECKS FAILED: {}", failed.join(", ")));
    }
    Ok(failed.is_empty())
}

/// The names in a crate's `[features]`.
fn features(library: &str) -> Result<Vec<String>> {
    let manifest = workspace().join(library).join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest)
        .with_context(|| format!("cannot read {}", manifest.display()))?;
    let section = text
        .lines()
        .skip_while(|line| line.trim() != "[features]")
        .skip(1)
        .take_while(|line| !line.starts_with('['));
    let names = section.filter_map(|line| line.split_once('=').map(|(name, _)| name.trim()));
    Ok(names
        .filter(|name| !name.starts_with('#') && *name != "default")
        .map(str::to_owned)
        .collect())
}
