//! The task `check`: what can be wrong without a test noticing.

use anyhow::Result;

use crate::cargo::{cargo, has, say, step};
use crate::libraries::{LIBRARIES, Metadata};
use crate::{api, msrv, publish};

/// Whether everything is in order. Every check runs, also after a failure.
pub(crate) fn run() -> Result<bool> {
    let metadata = Metadata::read()?;
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
        for feature in std::iter::once(String::new()).chain(metadata.features(library)?) {
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

    let mut also = |name: &str, fine: Result<bool>| {
        match fine {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => say(&format!("{error:#}")),
        }
        failed.push(name.to_owned());
    };
    also("public APIs", api::check(&metadata, false));
    also("packages", publish::check(&metadata));
    also("the oldest Rust", msrv::check(&metadata));

    if failed.is_empty() {
        say("all checks passed");
    } else {
        say(&format!("CHECKS FAILED: {}", failed.join(", ")));
    }
    Ok(failed.is_empty())
}
