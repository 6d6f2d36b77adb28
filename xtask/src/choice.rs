//! Which servers a test run uses: those that the environment names, else
//! Docker, else those installed on the machine, else apt installs them.

use anyhow::{Result, bail, ensure};
use clap::{Args, ValueEnum};
use xtask::servers::{Provider, docker, local};

use crate::cargo::say;
use crate::install;

/// The URL of a PostgreSQL server whose user may create databases.
pub(crate) const POSTGRES_URL: &str = "GOZON_TEST_POSTGRES_URL";
/// The URL of a RabbitMQ server.
pub(crate) const AMQP_URL: &str = "GOZON_TEST_AMQP_URL";

/// Where the servers come from.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServerOptions {
    /// Where PostgreSQL and RabbitMQ come from; `docker` and `local` disregard
    /// GOZON_TEST_POSTGRES_URL and GOZON_TEST_AMQP_URL
    #[arg(long, value_enum, default_value_t = ServerChoice::Auto)]
    pub(crate) servers: ServerChoice,
    /// Never installs anything with apt: stops where servers, Node, Python or Chromium are missing
    #[arg(long)]
    pub(crate) no_install: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ServerChoice {
    /// The environment's URLs, else Docker, else local servers
    Auto,
    /// Containers
    Docker,
    /// Servers installed on this machine, installed with apt where that is possible
    Local,
}

/// What a run uses.
#[derive(Debug)]
pub(crate) struct Servers {
    /// Starts what the environment does not name, and the servers of tests
    /// that break theirs. None when the environment names both and this
    /// machine has neither Docker nor servers.
    pub(crate) provider: Option<Provider>,
    pub(crate) postgres_url: Option<String>,
    pub(crate) amqp_url: Option<String>,
}

impl ServerOptions {
    pub(crate) fn choose(&self) -> Result<Servers> {
        let from_environment = |name| match self.servers {
            ServerChoice::Auto => std::env::var(name).ok(),
            ServerChoice::Docker | ServerChoice::Local => None,
        };
        let postgres_url = from_environment(POSTGRES_URL);
        let amqp_url = from_environment(AMQP_URL);
        let provider = match self.provider() {
            Ok(provider) => Some(provider),
            Err(error) if postgres_url.is_some() && amqp_url.is_some() => {
                say(&format!(
                    "tests that break a server of their own will fail: {error:#}"
                ));
                None
            }
            Err(error) => return Err(error),
        };
        Ok(Servers {
            provider,
            postgres_url,
            amqp_url,
        })
    }

    fn provider(&self) -> Result<Provider> {
        match self.servers {
            ServerChoice::Auto if docker::available() => Ok(Provider::Docker),
            ServerChoice::Auto | ServerChoice::Local => self.local(),
            ServerChoice::Docker => {
                ensure!(
                    docker::available(),
                    "Docker does not answer: start it, or use --servers local"
                );
                Ok(Provider::Docker)
            }
        }
    }

    fn local(&self) -> Result<Provider> {
        let missing = local::missing();
        if missing.is_empty() {
            return Ok(Provider::Local);
        }
        let missing = missing.join(" and ");
        if self.no_install || !install::possible() {
            bail!(
                "no servers for the tests: start Docker, or install {missing}, \
                 or set {POSTGRES_URL} and {AMQP_URL}"
            );
        }
        install::with_apt(&packages(), "as no server is there")?;
        let still: Vec<_> = local::missing();
        ensure!(
            still.is_empty(),
            "apt has no {}: start Docker, or set {POSTGRES_URL} and {AMQP_URL}",
            still.join(" and ")
        );
        Ok(Provider::Local)
    }
}

/// What apt calls the servers that are missing.
fn packages() -> Vec<&'static str> {
    let mut packages = vec![];
    if local::LocalPostgres::find().is_none() {
        packages.push("postgresql");
    }
    if local::LocalRabbitMq::find().is_none() {
        packages.push("rabbitmq-server");
    }
    packages
}
