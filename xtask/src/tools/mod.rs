//! Programs of other ecosystems that stories run beside the shop: newman from
//! npm, aio-pika and kubernetes-validate from PyPI, Chromium.
//!
//! Node, Python and Chromium are the machine's own. What the first two need on top is pinned by a
//! file in the repository and installed below the target folder, once for as
//! long as that file stays as it is. `cargo xtask test` does so while cargo
//! builds; a story that runs without it does it by itself.

mod browser;
mod newman;
mod python;

pub use self::browser::Browser;
pub use self::newman::newman;
pub use self::python::{kubernetes_validate, python};

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// The apt packages of what this machine lacks.
#[must_use]
pub fn missing() -> Vec<&'static str> {
    let mut packages = newman::missing();
    packages.extend(python::missing());
    packages.extend(browser::missing());
    // The tour of the READMEs is typed as it is printed.
    if !works(Command::new("curl").arg("--version")) {
        packages.push("curl");
    }
    packages
}

/// Installs everything that is not there yet.
///
/// # Errors
/// When the machine lacks Node or Python, or a registry does not answer.
pub fn prepare(target: &Path) -> Result<()> {
    newman(target)?;
    python(target)?;
    kubernetes_validate(target)?;
    Ok(())
}

/// A folder below `target` in which `install` has succeeded with the `pins` as
/// they are now.
fn installed(
    target: &Path,
    name: &str,
    pins: &[&Path],
    install: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let folder = target.join("tools").join(name);
    let mut wanted = String::new();
    for pin in pins {
        let text = fs::read_to_string(pin).with_context(|| format!("{}", pin.display()))?;
        wanted.push_str(&text);
    }
    // Written last: an installation that was cut off is begun anew.
    let stamp = folder.join("installed");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(folder);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    install(&folder)?;
    fs::write(stamp, wanted)?;
    Ok(folder)
}

/// Runs it to its end; its words are shown only when it fails.
fn done(command: &mut Command) -> Result<()> {
    let shown = format!("{command:?}");
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| shown.clone())?;
    ensure!(
        output.status.success(),
        "{shown}\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// Whether this call works on this machine.
fn works(command: &mut Command) -> bool {
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

fn repository() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_installed_is_kept_until_its_pins_change() {
        let target = std::env::temp_dir().join(format!("gozon-tools-{}", std::process::id()));
        let pin = target.join("pin");
        fs::create_dir_all(&target).unwrap();
        let calls = std::cell::Cell::new(0);
        let install = || {
            installed(&target, "tool", &[&pin], |folder| {
                calls.set(calls.get() + 1);
                ensure!(!folder.join("old").exists());
                fs::write(folder.join("old"), "")?;
                ensure!(calls.get() != 1, "the registry does not answer");
                Ok(())
            })
        };

        fs::write(&pin, "1").unwrap();
        assert!(install().is_err());
        install().unwrap();
        install().unwrap();
        assert_eq!(calls.get(), 2);
        fs::write(&pin, "2").unwrap();
        install().unwrap();
        assert_eq!(calls.get(), 3);

        fs::remove_dir_all(&target).unwrap();
    }
}
