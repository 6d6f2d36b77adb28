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

/// What a broker needs to serve `amqps`, as PEM text.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The certificate of the authority.
    pub authority: String,
    /// The server's certificate, signed by the authority.
    pub certificate: String,
    /// The key of the server's certificate.
    pub key: String,
}

impl Tls {
    /// The files that [`Tls::settings`] names.
    #[must_use]
    pub fn files(&self) -> [(&'static str, &str); 3] {
        [
            ("authority.pem", &self.authority),
            ("certificate.pem", &self.certificate),
            ("key.pem", &self.key),
        ]
    }

    /// Lines for `rabbitmq.conf`.
    #[must_use]
    pub fn settings(listener: &str, folder: &Path) -> String {
        let folder = folder.display();
        format!(
            "listeners.ssl.1 = {listener}\n\
             ssl_options.cacertfile = {folder}/authority.pem\n\
             ssl_options.certfile = {folder}/certificate.pem\n\
             ssl_options.keyfile = {folder}/key.pem\n\
             ssl_options.verify = verify_none\n\
             ssl_options.fail_if_no_peer_cert = false\n"
        )
    }
}

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
    amqps: u16,
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
        Self::with_tls(None)
    }

    /// As [`LocalRabbitMq::new`], serving `amqps`, too.
    ///
    /// # Errors
    /// As there.
    pub fn with_tls(tls: Option<&Tls>) -> Result<Self> {
        let script = Self::find().context("RabbitMQ is not installed")?;
        let folder = Folder::new("mq")?;
        let ports = Ports {
            amqp: free_port()?,
            amqps: free_port()?,
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
        server.write_settings(tls)?;
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

    /// The URL of its virtual host `/` over TLS, if it was started with it.
    #[must_use]
    pub fn tls_url(&self) -> String {
        format!(
            "amqps://gozon:{}@localhost:{}/%2f",
            self.password, self.ports.amqps
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
        let mut process = Process::spawn(&mut self.server(), &self.folder.join(LOG))?;
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

    /// What `rabbitmqctl` with these arguments prints.
    ///
    /// # Errors
    /// When it fails; the message is what it says.
    pub fn control(&self, arguments: &[String]) -> Result<String> {
        let ended = self
            .command(&self.script.with_file_name("rabbitmqctl"))
            // The node's; the tool needs another one.
            .env_remove("RABBITMQ_DIST_PORT")
            .args(arguments)
            .output()
            .context("rabbitmqctl cannot be run")?;
        if !ended.status.success() {
            bail!("rabbitmqctl: {}", String::from_utf8_lossy(&ended.stderr));
        }
        Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
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

    fn write_settings(&self, tls: Option<&Tls>) -> Result<()> {
        // The largest message is the default of 4.x (16 MiB); 3.10 would take 128.
        let mut settings = format!(
            "listeners.tcp.1 = 127.0.0.1:{}\n\
             management.tcp.ip = 127.0.0.1\n\
             management.tcp.port = {}\n\
             default_user = gozon\n\
             default_pass = {}\n\
             max_message_size = 16777216\n\
             disk_free_limit.absolute = 50MB\n",
            self.ports.amqp, self.ports.management, self.password
        );
        if let Some(tls) = tls {
            let listener = format!("127.0.0.1:{}", self.ports.amqps);
            settings.push_str(&Tls::settings(&listener, self.folder.path()));
            for (name, text) in tls.files() {
                fs::write(self.folder.join(name), text)?;
            }
        }
        fs::write(self.folder.join("rabbitmq.conf"), settings)?;
        fs::write(
            self.folder.join("enabled_plugins"),
            "[rabbitmq_management].\n",
        )?;
        fs::write(self.folder.join("rabbitmq-env.conf"), "")?;
        fs::create_dir(self.folder.join("data"))?;
        Ok(())
    }

    fn server(&self) -> Command {
        let mut command = self.command(&self.script);
        command
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

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
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
            .env("RABBITMQ_PID_FILE", self.folder.join("pid"));
        command
    }
}
