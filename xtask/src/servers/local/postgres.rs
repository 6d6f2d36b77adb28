//! A private PostgreSQL.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::folder::Folder;
use super::process::Process;
use crate::servers::ports::{free_port, random_password};
use crate::servers::{POSTGRES_ARGUMENTS, probe};

const START_BOUND: Duration = Duration::from_secs(60);
const STOP_BOUND: Duration = Duration::from_secs(30);
const OLDEST_MAJOR: u32 = 15;
const LOG: &str = "postgres.log";

/// A PostgreSQL server on a port and a folder of its own.
///
/// It keeps both while it is stopped; dropping it ends the server and removes
/// the folder.
#[derive(Debug)]
pub struct LocalPostgres {
    // Before the folder: fields are dropped in this order.
    process: Option<Process>,
    binaries: PathBuf,
    port: u16,
    password: String,
    user: Option<User>,
    folder: Folder,
}

/// Whom the server runs as, when we are root.
#[derive(Debug, Clone, Copy)]
struct User {
    uid: u32,
    gid: u32,
}

impl LocalPostgres {
    /// The folder of the newest PostgreSQL on this machine that is new enough.
    #[must_use]
    pub fn find() -> Option<PathBuf> {
        let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
        let newest = debian
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let major = path.file_name()?.to_str()?.parse::<u32>().ok()?;
                Some((major, path.join("bin")))
            })
            .filter(|(major, bin)| *major >= OLDEST_MAJOR && bin.join("initdb").exists())
            .max_by_key(|(major, _)| *major);
        newest.map(|(_, bin)| bin).or_else(find_on_path)
    }

    /// Creates a cluster and starts it; answers when sessions can begin.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or does not come up in a minute.
    pub fn new() -> Result<Self> {
        let binaries = Self::find().context("PostgreSQL 15 or later is not installed")?;
        let mut server = Self {
            process: None,
            binaries,
            port: free_port()?,
            password: random_password(),
            user: user_for_the_server()?,
            folder: Folder::new("pg")?,
        };
        server.create_cluster()?;
        server.start()?;
        Ok(server)
    }

    /// The URL of its database `postgres`, with all rights.
    #[must_use]
    pub fn url(&self) -> String {
        format!(
            "postgres://postgres:{}@127.0.0.1:{}/postgres",
            self.password, self.port
        )
    }

    /// Starts it on the same port with the same data, unless it runs; answers
    /// when sessions can begin.
    ///
    /// # Errors
    /// When it does not come up in a minute; the message ends with its log.
    pub fn start(&mut self) -> Result<()> {
        if self.process.is_some() {
            return Ok(());
        }
        let start = Instant::now();
        let mut process = self.spawn()?;
        let port = self.port;
        probe::wait_until(
            START_BOUND,
            "PostgreSQL",
            || probe::postgres_answers(port),
            || {
                // After a kill, the shared memory is in use until the last
                // orphaned backend has noticed: try again.
                if let Some(status) = process.ended()? {
                    ensure!(start.elapsed() < STOP_BOUND, "PostgreSQL ended: {status}");
                    std::thread::sleep(Duration::from_millis(200));
                    process = self.spawn()?;
                }
                Ok(())
            },
        )
        .with_context(|| format!("the end of its log:\n{}", self.folder.tail(LOG)))?;
        self.process = Some(process);
        Ok(())
    }

    /// Shuts it down as an operator would ("fast": sessions are cut off,
    /// nothing committed is lost).
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn stop(&mut self) -> Result<()> {
        match self.process.take() {
            Some(process) => process.stop("INT", STOP_BOUND),
            None => Ok(()),
        }
    }

    /// Kills it with SIGKILL.
    pub fn kill(&mut self) {
        self.process = None;
    }

    fn create_cluster(&self) -> Result<()> {
        let data = self.folder.join("data");
        fs::DirBuilder::new().mode(0o700).create(&data)?;
        let password_file = self.folder.join("password");
        fs::write(&password_file, &self.password)?;
        if let Some(User { uid, gid }) = self.user {
            chown(&data, Some(uid), Some(gid))?;
            chown(&password_file, Some(uid), Some(gid))?;
        }
        let output = self
            .command("initdb")
            .arg("--pgdata")
            .arg(&data)
            .arg("--pwfile")
            .arg(&password_file)
            .args(["--username=postgres", "--auth=scram-sha-256", "--no-sync"])
            .args(["--encoding=UTF8", "--locale=C.UTF-8"])
            .stdin(Stdio::null())
            .output()
            .context("cannot run initdb")?;
        ensure!(
            output.status.success(),
            "initdb: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(())
    }

    fn spawn(&self) -> Result<Process> {
        let mut command = self.command("postgres");
        command
            .arg("-D")
            .arg(self.folder.join("data"))
            .args(["-p", &self.port.to_string()])
            .args(["-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "unix_socket_directories="])
            .args(POSTGRES_ARGUMENTS);
        Process::spawn(&mut command, &self.folder.join(LOG))
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.binaries.join(name));
        command.current_dir(self.folder.path());
        if let Some(User { uid, gid }) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }
}

fn find_on_path() -> Option<PathBuf> {
    let output = Command::new("postgres").arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text.split_whitespace().nth(2)?;
    let major: u32 = version.split('.').next()?.parse().ok()?;
    let path = std::env::var_os("PATH")?;
    let bin = std::env::split_paths(&path).find(|dir| dir.join("initdb").exists())?;
    (major >= OLDEST_MAJOR).then_some(bin)
}

/// PostgreSQL refuses to run as root, so root runs it as its own user.
fn user_for_the_server() -> Result<Option<User>> {
    if fs::metadata("/proc/self").map_or(1, |own| own.uid()) != 0 {
        return Ok(None);
    }
    let passwd = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
    let mut users = passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>());
    match users.find(|fields| fields[0] == "postgres").as_deref() {
        Some([_, _, uid, gid, ..]) => Ok(Some(User {
            uid: uid.parse()?,
            gid: gid.parse()?,
        })),
        _ => bail!("PostgreSQL refuses to run as root, and there is no user `postgres`"),
    }
}
