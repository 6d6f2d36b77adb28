use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::wait::until;

/// A program that ends with the test. What it says goes to files.
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    output: PathBuf,
}

impl Process {
    pub(crate) fn spawn(name: &'static str, folder: &Path, command: &mut Command) -> Self {
        let number = fs::read_dir(folder).unwrap().count();
        let output = folder.join(format!("{number}-{}.log", name.replace(' ', "-")));
        let file = File::create(&output).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name}, {command:?}: {error}"));
        Self {
            name,
            child,
            output,
        }
    }

    pub(crate) fn output(&self) -> String {
        fs::read_to_string(&self.output).unwrap()
    }

    /// What `find` finds in a whole line of what it says.
    pub(crate) fn wait_for_line(&mut self, find: impl Fn(&str) -> Option<&str>) -> String {
        let name = self.name;
        until(name, || {
            let output = self.output();
            // A line that is being written is not whole yet.
            let lines = output.split_inclusive('\n');
            let mut lines = lines.filter_map(|line| line.strip_suffix('\n'));
            if let Some(found) = lines.find_map(|line| find(line.trim())) {
                return Ok(found.trim().to_owned());
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "{name} ended early:\n{output}");
            Err(output)
        })
    }

    /// Asks it to end as Ctrl-C does, and waits until it has.
    pub(crate) fn interrupt(mut self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-INT", &pid]).status().unwrap();
        assert!(sent.success());
        self.wait_for_end();
    }

    /// Waits until it ends by itself, well.
    pub(crate) fn wait_for_success(mut self) {
        self.wait_for_end();
    }

    fn wait_for_end(&mut self) {
        let what = format!("the end of {}", self.name);
        let status = until(&what, || {
            let ended = self.child.try_wait().unwrap();
            ended.ok_or_else(|| "it runs".to_owned())
        });
        assert!(
            status.success(),
            "{}: {status}\n{}",
            self.name,
            self.output()
        );
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- {} said:\n{}", self.name, self.output());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
