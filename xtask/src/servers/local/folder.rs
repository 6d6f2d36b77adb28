//! A folder that goes away with its owner.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::servers::ports::random;

/// A temporary folder, removed when dropped.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Others may pass through it, not list it: a server that runs as another
    /// user must reach the subfolder that belongs to it.
    pub(super) fn new(kind: &str) -> Result<Self> {
        let path = std::env::temp_dir().join(format!("gozon-test-{kind}-{:016x}", random()));
        DirBuilder::new()
            .mode(0o711)
            .create(&path)
            .with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self(path))
    }

    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The last lines of a log, for an error message.
    pub(super) fn tail(&self, name: &str) -> String {
        let text = fs::read(self.join(name)).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What a dying server still writes must not keep the folder alive.
        for _ in 0..20 {
            if fs::remove_dir_all(&self.0).is_ok() || !self.0.exists() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        eprintln!("xtask: could not remove {}", self.0.display());
    }
}
