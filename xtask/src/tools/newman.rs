use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::{done, installed, repository, works};

/// newman's script, for `node`, as pinned by `postman/package-lock.json`.
///
/// # Errors
/// When Node or npm is missing, or npm's registry does not answer.
pub fn newman(target: &Path) -> Result<PathBuf> {
    let from = repository().join("postman");
    let pins = [from.join("package.json"), from.join("package-lock.json")];
    let folder = installed(target, "newman", &[&pins[0], &pins[1]], |folder| {
        for pin in &pins {
            fs::copy(pin, folder.join(pin.file_name().unwrap_or_default()))?;
        }
        // No script of a package runs: none of these needs to.
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
        done(npm.current_dir(folder))
    })?;
    Ok(folder.join("node_modules/newman/bin/newman.js"))
}

pub(super) fn missing() -> Vec<&'static str> {
    let mut packages = vec![];
    if !works(Command::new("node").arg("--version")) {
        packages.push("nodejs");
    }
    if !works(Command::new("npm").arg("--version")) {
        packages.push("npm");
    }
    packages
}
