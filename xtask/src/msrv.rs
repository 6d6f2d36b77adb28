//! Whether the oldest Rust that we promise can build what we depend on.
//!
//! Three proofs, in three places. That our own code uses nothing of the standard
//! library that is younger: clippy's `incompatible_msrv`, in every `check`. That
//! no dependency asks for a younger compiler: here, as cargo only falls back to
//! an older version where there is one. That it compiles with that Rust, new
//! syntax included: the job `minimum-rust` in `.github/workflows/ci.yml`, which
//! installs it.

use anyhow::{Context, Result};

use crate::cargo::say;
use crate::libraries::Metadata;

/// Whether every dependency is content with our `rust-version`.
pub(crate) fn check(metadata: &Metadata) -> Result<bool> {
    let ours = metadata.package("gozon-core")?["rust_version"]
        .as_str()
        .context("gozon-core has no rust-version")?;
    let mut asked = 0;
    let mut fine = true;
    for package in metadata.packages() {
        let Some(theirs) = package["rust_version"].as_str() else {
            continue;
        };
        asked += 1;
        if version(theirs) > version(ours) {
            say(&format!(
                "{} {} needs Rust {theirs}, we promise {ours}",
                package["name"].as_str().unwrap_or_default(),
                package["version"].as_str().unwrap_or_default(),
            ));
            fine = false;
        }
    }
    say(&format!(
        "Rust {ours}: asked of {asked} of {} packages, {}",
        metadata.packages().len(),
        if fine { "enough for all" } else { "TOO OLD" },
    ));
    Ok(fine)
}

/// `1.94` and `1.94.0` are the same.
fn version(text: &str) -> [u64; 3] {
    let mut numbers = text.split('.').map(|part| part.parse().unwrap_or(0));
    std::array::from_fn(|_| numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn versions_compare_by_number_and_not_by_text() {
        assert!(version("1.100") > version("1.94"));
        assert_eq!(version("1.94"), version("1.94.0"));
        assert!(version("1.94.1") > version("1.94"));
    }
}
