//! A private RabbitMQ.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::folder::Folder;
use super::process::Process;
use crate::servers::ports::{free_port, random_password};
use crate::servers::probe;

const START_BOUND: Duration = Duration::from_secs(90);
const STOP_BOUND: Duration = Duration::from_secs(30);
const LOG: &str = "rabbitmq.log";

/// A RabbitMQ server with a node name, ports, a home and a name server (epmd)
/// of its own.
///
/// It keeps them while it is stopped; dropping it ends both processes and
/// removes the folder.
#[derive(Debug)]
pub struct LocalRabbitMq {
    // Before the folder: fields are dropped in this order.
    process: Option<Process>,
    _epmd: Process,
    script: PathBuf,
    ports: Ports,
    password: String,
    folder: Folder,
}

#[derive(Debug)]
struct Ports {
    amqp: u16,
    management: u16,
    distribution: u16,
    epmd: u16,
}

impl LocalRabbitMq {
    /// The server's own start script. Not `/usr/sbin/rabbitmq-server`: on
    /// Debian that is a wrapper which switches to the system's user and home.
    #[must_use]
    pub fn find() -> Option<PathBuf> {
        let debian = Path::new("/usr/lib/rabbitmq/bin/rabbitmq-server");
        if debian.exists() {
            return Some(debian.to_owned());
        }
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path)
            .map(|dir| dir.join("rabbitmq-server"))
            .find(|script| script.exists())
    }

    /// Starts a node; answers when AMQP connections can begin.
    ///
    /// # Errors
    /// When RabbitMQ is not installed or does not come up in 90 seconds.
    pub fn new() -> Result<Self> {
        let script = Self::find().context("RabbitMQ is not installed")?;
        let folder = Folder::new("mq")?;
        let ports = Ports {
            amqp: free_port()?,
            management: free_port()?,
            distribution: free_port()?,
            epmd: free_port()?,
        };
        // Started here, not left to Erlang, which would start it as a daemon
        // that outlives the node.
        let epmd = Process::spawn(
            Command::new("epmd")
                .args(["-address", "127.0.0.1", "-port", &ports.epmd.to_string()])
                .current_dir(folder.path()),
            &folder.join("epmd.log"),
        )?;
        let mut server = Self {
            process: None,
            _epmd: epmd,
            script,
            ports,
            password: random_password(),
            folder,
        };
        server.write_settings()?;
        server.start()?;
        Ok(server)
    }

    /// The URL of its virtual host `/`, with all rights.
    #[must_use]
    pub fn url(&self) -> String {
        format!(
            "amqp://gozon:{}@127.0.0.1:{}/%2f",
            self.password, self.ports.amqp
        )
    }

    /// The base URL of its management API, with user and password.
    #[must_use]
    pub fn management_url(&self) -> String {
        format!(
            "http://gozon:{}@127.0.0.1:{}",
            self.password, self.ports.management
        )
    }

    /// Starts it on the same ports with the same data, unless it runs; answers
    /// when AMQP connections can begin.
    ///
    /// # Errors
    /// When it does not come up in 90 seconds; the message ends with its log.
    pub fn start(&mut self) -> Result<()> {
        if self.process.is_some() {
            return Ok(());
        }
        let mut process = Process::spawn(&mut self.command(), &self.folder.join(LOG))?;
        let port = self.ports.amqp;
        probe::wait_until(
            START_BOUND,
            "RabbitMQ",
            || probe::rabbitmq_answers(port),
            || match process.ended()? {
                Some(status) => bail!("RabbitMQ ended: {status}"),
                None => Ok(()),
            },
        )
        .with_context(|| format!("the end of its log:\n{}", self.folder.tail(LOG)))?;
        self.process = Some(process);
        Ok(())
    }

    /// Shuts it down as an operator would.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn stop(&mut self) -> Result<()> {
        match self.process.take() {
            Some(process) => process.stop("TERM", STOP_BOUND),
            None => Ok(()),
        }
    }

    /// Kills it with SIGKILL.
    pub fn kill(&mut self) {
        self.process = None;
    }

    fn write_settings(&self) -> Result<()> {
        // The largest message is the default of 4.x (16 MiB); 3.10 would take 128.
        let settings = format!(
            "listeners.tcp.1 = 127.0.0.1:{}\n\
             management.tcp.ip = 127.0.0.1\n\
             management.tcp.port = {}\n\
             default_user = gozon\n\
             default_pass = {}\n\
             max_message_size = 16777216\n\
             disk_free_limit.absolute = 50MB\n",
            self.ports.amqp, self.ports.management, self.password
        );
        fs::write(self.folder.join("rabbitmq.conf"), settings)?;
        fs::write(
            self.folder.join("enabled_plugins"),
            "[rabbitmq_management].\n",
        )?;
        fs::write(self.folder.join("rabbitmq-env.conf"), "")?;
        fs::create_dir(self.folder.join("data"))?;
        Ok(())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.script);
        // A setting of the machine's own node must not reach this one.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("RABBITMQ_") {
                command.env_remove(name);
            }
        }
        command
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path())
            .env("ERL_EPMD_PORT", self.ports.epmd.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env(
                "RABBITMQ_NODENAME",
                format!("gozon{}@localhost", self.ports.amqp),
            )
            .env("RABBITMQ_DIST_PORT", self.ports.distribution.to_string())
            .env("RABBITMQ_CONFIG_FILE", self.folder.join("rabbitmq.conf"))
            .env(
                "RABBITMQ_CONF_ENV_FILE",
                self.folder.join("rabbitmq-env.conf"),
            )
            .env(
                "RABBITMQ_ENABLED_PLUGINS_FILE",
                self.folder.join("enabled_plugins"),
            )
            .env("RABBITMQ_MNESIA_BASE", self.folder.join("data"))
            .env("RABBITMQ_LOG_BASE", self.folder.path())
            .env("RABBITMQ_LOGS", "-")
            .env("RABBITMQ_PID_FILE", self.folder.join("pid"))
            // Schedulers that spin for work would take half of a small machine.
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "+sbwt none +sbwtdcpu none +sbwtdio none",
            )
            // The script then becomes the Erlang machine, instead of staying
            // between us and the process that we signal.
            .env("RUNNING_UNDER_SYSTEMD", "true");
        command
    }
}
