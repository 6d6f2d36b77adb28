//! Servers of one test's own, for tests that stop, restart or kill them.
//!
//! They come from Docker where it answers, else from what is installed on the
//! machine. Each keeps its port and its data while it is stopped, and is
//! removed when dropped. Drop them inside the test's runtime, that is, keep
//! them in local variables of the test.

mod container;
mod local;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use xtask::servers::local::LocalRabbitMq;
pub use xtask::servers::local::Tls;
use xtask::servers::{Provider, docker, ports, probe};

use crate::servers::create_database;

/// A server that can be stopped, killed and started again.
#[async_trait]
trait Server: Send + Sync + std::fmt::Debug {
    /// Starts it unless it runs; answers when sessions can begin.
    async fn start(&self) -> Result<()>;
    /// Shuts it down as an operator would.
    async fn stop(&self) -> Result<()>;
    /// Kills it with SIGKILL.
    async fn kill(&self) -> Result<()>;
    /// What its own control program prints.
    async fn control(&self, arguments: &[&str]) -> Result<String>;
}

/// A PostgreSQL server of this test's own.
#[derive(Debug)]
pub struct OwnPostgres {
    server: Box<dyn Server>,
    url: String,
}

/// A RabbitMQ server of this test's own.
#[derive(Debug)]
pub struct OwnRabbitMq {
    server: Box<dyn Server>,
    url: String,
    tls_url: String,
    management_url: String,
}

/// Starts a PostgreSQL server; answers when sessions can begin.
///
/// # Errors
/// When this machine has neither Docker nor PostgreSQL, or the server does not
/// come up.
pub async fn own_postgres() -> Result<OwnPostgres> {
    match provider().await? {
        Provider::Docker => {
            let password = ports::random_password();
            let port = ports::free_port()?;
            let server = container::Container::run(container::Recipe {
                image: docker::postgres_image(),
                environment: vec![("POSTGRES_PASSWORD", password.clone())],
                arguments: &xtask::servers::POSTGRES_ARGUMENTS,
                files: vec![],
                ports: vec![(port, 5432)],
                answers: probe::postgres_answers,
            })
            .await?;
            Ok(OwnPostgres {
                server: Box::new(server),
                url: format!("postgres://postgres:{password}@127.0.0.1:{port}/postgres"),
            })
        }
        Provider::Local => {
            let server = blocking(xtask::servers::local::LocalPostgres::new).await?;
            Ok(OwnPostgres {
                url: server.url(),
                server: Box::new(local::Local::new(server)),
            })
        }
    }
}

/// Starts a RabbitMQ server; answers when AMQP connections can begin.
///
/// # Errors
/// When this machine has neither Docker nor RabbitMQ, or the server does not
/// come up.
pub async fn own_rabbitmq() -> Result<OwnRabbitMq> {
    start_rabbitmq(None).await
}

/// The same, serving `amqps` with this certificate, too.
///
/// # Errors
/// As for [`own_rabbitmq`].
pub async fn own_rabbitmq_with_tls(tls: Tls) -> Result<OwnRabbitMq> {
    start_rabbitmq(Some(tls)).await
}

async fn start_rabbitmq(tls: Option<Tls>) -> Result<OwnRabbitMq> {
    match provider().await? {
        Provider::Docker => {
            let password = ports::random_password();
            let (amqp, management) = (ports::free_port()?, ports::free_port()?);
            let amqps = ports::free_port()?;
            let server = container::Container::run(container::Recipe {
                image: docker::rabbitmq_image(),
                environment: vec![
                    ("RABBITMQ_DEFAULT_USER", "gozon".to_owned()),
                    ("RABBITMQ_DEFAULT_PASS", password.clone()),
                ],
                arguments: &[],
                files: tls.as_ref().map(in_container).unwrap_or_default(),
                ports: vec![(amqp, 5672), (management, 15672), (amqps, 5671)],
                answers: probe::rabbitmq_answers,
            })
            .await?;
            Ok(OwnRabbitMq {
                server: Box::new(server),
                url: format!("amqp://gozon:{password}@127.0.0.1:{amqp}/%2f"),
                tls_url: format!("amqps://gozon:{password}@localhost:{amqps}/%2f"),
                management_url: format!("http://gozon:{password}@127.0.0.1:{management}"),
            })
        }
        Provider::Local => {
            let server = blocking(move || LocalRabbitMq::with_tls(tls.as_ref())).await?;
            Ok(OwnRabbitMq {
                url: server.url(),
                tls_url: server.tls_url(),
                management_url: server.management_url(),
                server: Box::new(local::Local::new(server)),
            })
        }
    }
}

impl OwnPostgres {
    /// The URL of the database `postgres`, with all rights.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Creates an empty database and returns its URL.
    ///
    /// # Errors
    /// When the server is not running.
    pub async fn database(&self) -> Result<String> {
        create_database(&self.url).await
    }

    /// Shuts it down as an operator would: sessions are cut off, nothing
    /// committed is lost.
    ///
    /// # Errors
    /// When it cannot be stopped.
    pub async fn stop(&self) -> Result<()> {
        self.server.stop().await
    }

    /// Kills it with SIGKILL.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub async fn kill(&self) -> Result<()> {
        self.server.kill().await
    }

    /// Starts it again, on the same port with the same data; answers when
    /// sessions can begin.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start(&self) -> Result<()> {
        self.server.start().await
    }
}

impl OwnRabbitMq {
    /// The URL of the virtual host `/`, with all rights.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL of the virtual host `/` over TLS, on the host `localhost`. Only
    /// a server from [`own_rabbitmq_with_tls`] answers there.
    #[must_use]
    pub fn tls_url(&self) -> &str {
        &self.tls_url
    }

    /// What `rabbitmqctl` with these arguments prints.
    ///
    /// # Errors
    /// When it fails; the message is what it says.
    pub async fn control(&self, arguments: &[&str]) -> Result<String> {
        self.server.control(arguments).await
    }

    /// The base URL of the management API, with user and password. It opens a
    /// little later than AMQP does.
    #[must_use]
    pub fn management_url(&self) -> &str {
        &self.management_url
    }

    /// Shuts it down as an operator would.
    ///
    /// # Errors
    /// When it cannot be stopped.
    pub async fn stop(&self) -> Result<()> {
        self.server.stop().await
    }

    /// Kills it with SIGKILL.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub async fn kill(&self) -> Result<()> {
        self.server.kill().await
    }

    /// Starts it again, on the same ports with the same data; answers when
    /// AMQP connections can begin.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start(&self) -> Result<()> {
        self.server.start().await
    }
}

/// The files that make a RabbitMQ in a container serve `amqps`.
fn in_container(tls: &Tls) -> Vec<(String, String)> {
    const FOLDER: &str = "/etc/rabbitmq/tls";
    let files = tls.files().into_iter();
    let settings = Tls::settings("5671", Path::new(FOLDER));
    files
        .map(|(name, text)| (format!("{FOLDER}/{name}"), text.to_owned()))
        .chain([("/etc/rabbitmq/conf.d/20-tls.conf".to_owned(), settings)])
        .collect()
}

async fn provider() -> Result<Provider> {
    match blocking(Provider::detect).await? {
        Some(provider) => Ok(provider),
        None => bail!(
            "this test starts servers of its own, and this machine has neither Docker nor \
             PostgreSQL and RabbitMQ: run `cargo xtask test`, which installs them"
        ),
    }
}

/// Starting and stopping a process means waiting for it; the runtime must not
/// wait along.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .context("the work panicked")?
}

/// Waits in a thread of its own until the server answers.
async fn wait_until_up(what: Arc<str>, port: u16, answers: fn(u16) -> bool) -> Result<()> {
    blocking(move || {
        let bound = std::time::Duration::from_secs(120);
        probe::wait_until(bound, &what, || answers(port), || Ok(()))
    })
    .await
}
