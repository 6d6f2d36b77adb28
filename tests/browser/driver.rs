//! chromedriver as a process that cannot outlive its test.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use gozon_tests::eventually;
use xtask::tools::Browser;

/// Ends chromedriver when its own standard input ends: however the test ends,
/// also by SIGKILL, its end of the pipe closes.
const KEEPER: &str = r#""$@" </dev/null & read -r _; kill $!; wait $!"#;

const START_BOUND: Duration = Duration::from_secs(60);

/// A running chromedriver; dropping it ends it and its browsers.
#[derive(Debug)]
pub(crate) struct Driver {
    keeper: Child,
    pipe: Option<ChildStdin>,
    pub(crate) port: u16,
}

impl Driver {
    /// Starts it on a port that it chooses itself, with its log in `folder`.
    pub(crate) async fn start(browser: &Browser, folder: &Path) -> Result<Self> {
        let log = folder.join("chromedriver.log");
        let output = File::create(&log)?;
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER, "sh"])
            .arg(&browser.driver)
            .arg("--port=0")
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("cannot run sh")?;
        let pipe = keeper.stdin.take();
        let mut driver = Self {
            keeper,
            pipe,
            port: 0,
        };
        driver.port = eventually(START_BOUND, "chromedriver says its port", async || {
            let text = fs::read_to_string(&log)?;
            let (_, rest) = text
                .split_once("started successfully on port ")
                .with_context(|| format!("not yet: {text}"))?;
            let (port, _) = rest.split_once('.').context("half a line")?;
            Ok(port.parse()?)
        })
        .await?;
        Ok(driver)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(mut pipe) = self.pipe.take() {
            // The end of the pipe is what counts; the line only hastens it.
            let _ = writeln!(pipe);
        }
        // Its browser writes to the profile until it has ended.
        let _ = self.keeper.wait();
    }
}
