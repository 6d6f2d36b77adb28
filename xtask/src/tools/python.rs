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
    let requirements = repository().join("examples/python/requirements.txt");
    let folder = installed(target, "python", &[&requirements], |folder| {
        done(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
        let mut pip = Command::new(interpreter(folder));
        pip.args(["-m", "pip", "install", "--quiet", "--no-input"]);
        pip.args(["--disable-pip-version-check", "--requirement"]);
        done(pip.arg(&requirements))
    })?;
    Ok(interpreter(&folder))
}

pub(super) fn missing() -> Vec<&'static str> {
    // Debian's python3 has `venv` without what it needs to work.
    if works(Command::new("python3").args(["-c", "import venv, ensurepip"])) {
        vec![]
    } else {
        vec!["python3-venv"]
    }
}

fn interpreter(folder: &Path) -> PathBuf {
    folder.join("bin/python3")
}
