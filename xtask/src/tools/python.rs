use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::{done, installed, repository, works};

/// The interpreter of a virtual environment with the packages of
/// `examples/python/requirements.txt`.
///
/// # Errors
/// When Python or its `venv` is missing, or PyPI does not answer.
pub fn python(target: &Path) -> Result<PathBuf> {
    let programs = environment(target, "python", "examples/python/requirements.txt")?;
    Ok(programs.join("python3"))
}

/// The program that checks Kubernetes' objects, as pinned by
/// `deploy/kubernetes/requirements.txt`.
///
/// # Errors
/// As [`python`].
pub fn kubernetes_validate(target: &Path) -> Result<PathBuf> {
    let pins = "deploy/kubernetes/requirements.txt";
    let programs = environment(target, "kubernetes", pins)?;
    Ok(programs.join("kubernetes-validate"))
}

/// Where the programs of a virtual environment with these packages are.
fn environment(target: &Path, name: &str, requirements: &str) -> Result<PathBuf> {
    let requirements = repository().join(requirements);
    let folder = installed(target, name, &[&requirements], |folder| {
        done(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
        let mut pip = Command::new(folder.join("bin/python3"));
        pip.args(["-m", "pip", "install", "--quiet", "--no-input"]);
        pip.args(["--disable-pip-version-check", "--requirement"]);
        done(pip.arg(&requirements))
    })?;
    Ok(folder.join("bin"))
}

pub(super) fn missing() -> Vec<&'static str> {
    // Debian's python3 has `venv` without what it needs to work.
    if works(Command::new("python3").args(["-c", "import venv, ensurepip"])) {
        vec![]
    } else {
        vec!["python3-venv"]
    }
}
