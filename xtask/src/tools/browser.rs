//! Chromium, and the program that drives it.

use std::path::PathBuf;

/// A browser that stories can drive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Browser {
    /// Chromium itself.
    pub chromium: PathBuf,
    /// chromedriver: speaks WebDriver on one side and the browser's own
    /// protocol on the other.
    pub driver: PathBuf,
}

impl Browser {
    /// The first that the search path has; `None` unless both are there.
    #[must_use]
    pub fn find() -> Option<Self> {
        let first = |names: &[&str]| names.iter().find_map(|name| on_path(name));
        Some(Self {
            chromium: first(&["chromium", "google-chrome", "google-chrome-stable"])?,
            driver: first(&["chromedriver"])?,
        })
    }
}

/// What Debian calls them. Without a font there would be nothing to see, and
/// the packages do not ask for one.
pub(super) fn missing() -> Vec<&'static str> {
    match Browser::find() {
        Some(_) => vec![],
        None => vec!["chromium", "chromium-driver", "fonts-dejavu-core"],
    }
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}
