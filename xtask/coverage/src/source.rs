//! Which files and lines are counted: ours, without tests.

use std::path::Path;

use anyhow::{Context, Result};

/// A file of a library or an app.
pub(crate) struct Source {
    path: String,
    /// The first line of the tests at the end of the file.
    tests: usize,
}

impl Source {
    /// `None` for what is not counted: other people's crates, the stories and
    /// their kit, examples, tasks, conformance suites, tests in files of their own.
    pub(crate) fn read(root: &Path, path: &Path) -> Result<Option<Self>> {
        let Ok(relative) = path.strip_prefix(root) else {
            return Ok(None);
        };
        let relative = relative.to_string_lossy().into_owned();
        if !is_counted(&relative) {
            return Ok(None);
        }
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Some(Self {
            tests: tests_begin(&text),
            path: relative,
        }))
    }

    pub(crate) fn counts(&self, line: usize) -> bool {
        line < self.tests
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn ends_with(&self, end: &str) -> bool {
        self.path.ends_with(end)
    }

    /// The folder of its package.
    pub(crate) fn package(&self) -> &str {
        self.path.split("/src/").next().unwrap_or(&self.path)
    }
}

fn is_counted(path: &str) -> bool {
    let ours = path.starts_with("gozon-") || path.starts_with("apps/");
    let package_code = path.contains("/src/");
    let suite = path.contains("/conformance/") || path.ends_with("/conformance.rs");
    let tests = path.contains("/tests/") || path.ends_with("/tests.rs");
    ours && package_code && !suite && !tests
}

/// Tests stand last in a file, in a module of their own.
fn tests_begin(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let begins = lines.windows(2).position(|pair| {
        pair[0].starts_with("#[cfg(test)]")
            && (pair[1].starts_with("mod ") || pair[1].starts_with("#["))
    });
    begins.map_or(usize::MAX, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::{is_counted, tests_begin};

    #[test]
    fn what_a_user_runs_is_counted_and_what_tests_it_is_not() {
        assert!(is_counted("gozon-outbox/src/relay/engine.rs"));
        assert!(is_counted("apps/orders/src/routes.rs"));
        assert!(!is_counted("gozon-outbox/src/conformance/reading.rs"));
        assert!(!is_counted("gozon-outbox/tests/relay/order.rs"));
        assert!(!is_counted("tests/src/servers.rs"));
        assert!(!is_counted("xtask/src/main.rs"));
        assert!(!is_counted("/registry/src/tokio/src/lib.rs"));
    }

    #[test]
    fn the_tests_of_a_file_begin_at_their_attribute() {
        assert_eq!(
            tests_begin("fn a() {}\n\n#[cfg(test)]\nmod tests {\n}\n"),
            3
        );
        assert_eq!(tests_begin("fn a() {}\n#[cfg(test)]\nuse b;\n"), usize::MAX);
    }
}
