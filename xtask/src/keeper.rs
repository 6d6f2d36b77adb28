//! A process that keeps servers for as long as its standard input is open.
//!
//! Whoever starts it holds the other end of that pipe. However that process
//! ends, also by Ctrl-C or SIGKILL, the pipe closes with it and the servers
//! are removed: no signal handler to install, none to forget. The keeper has a
//! process group of its own, so that Ctrl-C does not reach it directly.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::Args;
use xtask::servers::local::{LocalPostgres, LocalRabbitMq};
use xtask::servers::{Provider, docker};

use crate::cargo::say;
use crate::choice::{AMQP_URL, POSTGRES_URL, ServerOptions, Servers};

const READY: &str = "ready";

/// What the keeper starts.
#[derive(Debug, Args)]
pub(crate) struct Wanted {
    /// Containers, not local processes
    #[arg(long)]
    docker: bool,
    /// Starts PostgreSQL
    #[arg(long)]
    postgres: bool,
    /// Starts RabbitMQ
    #[arg(long)]
    rabbitmq: bool,
}

/// The starter's side: servers end when this is dropped.
#[derive(Debug)]
pub(crate) struct Keeper {
    child: Child,
    pipe: Option<ChildStdin>,
}

impl Keeper {
    /// Starts what the environment did not name; none if nothing is missing.
    /// Returns at once; [`Keeper::wait`] waits for the servers.
    pub(crate) fn start(servers: &Servers) -> Result<Option<Self>> {
        let Some(provider) = servers.provider else {
            return Ok(None);
        };
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("keep");
        if provider == Provider::Docker {
            command.arg("--docker");
        }
        let mut names = vec![];
        if servers.postgres_url.is_none() {
            command.arg("--postgres");
            names.push("PostgreSQL");
        }
        if servers.amqp_url.is_none() {
            command.arg("--rabbitmq");
            names.push("RabbitMQ");
        }
        if names.is_empty() {
            return Ok(None);
        }
        say(&format!("starting {} ({provider})", names.join(" and ")));
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .context("cannot start the keeper of the servers")?;
        let pipe = child.stdin.take();
        Ok(Some(Self { child, pipe }))
    }

    /// Waits for the servers and puts their URLs where they are missing.
    pub(crate) fn wait(&mut self, servers: &mut Servers) -> Result<()> {
        let output = self.child.stdout.take().context("waited twice")?;
        for line in BufReader::new(output).lines() {
            let line = line?;
            match line.split_once('=') {
                Some((name, url)) if name == POSTGRES_URL => {
                    servers.postgres_url = Some(url.to_owned());
                }
                Some((name, url)) if name == AMQP_URL => servers.amqp_url = Some(url.to_owned()),
                _ if line == READY => return Ok(()),
                _ => bail!("the keeper of the servers said `{line}`"),
            }
        }
        bail!("the servers for the tests could not be started")
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.pipe = None;
        if let Err(error) = self.child.wait() {
            say(&format!("the keeper of the servers is lost: {error}"));
        }
    }
}

/// The keeper's side.
pub(crate) fn keep(wanted: &Wanted) -> Result<()> {
    // Held to the end of this function: dropping them removes the servers.
    let (postgres, rabbitmq) = std::thread::scope(|scope| {
        let postgres = wanted
            .postgres
            .then(|| scope.spawn(|| Server::postgres(wanted.docker)));
        let rabbitmq = wanted
            .rabbitmq
            .then(|| scope.spawn(|| Server::rabbitmq(wanted.docker)));
        let join = |handle: Option<std::thread::ScopedJoinHandle<'_, Result<(Server, String)>>>| {
            handle.map(|handle| match handle.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            })
        };
        (join(postgres).transpose(), join(rabbitmq).transpose())
    });
    let (postgres, rabbitmq) = (postgres?, rabbitmq?);
    if let Some((_, url)) = &postgres {
        println!("{POSTGRES_URL}={url}");
    }
    if let Some((_, url)) = &rabbitmq {
        println!("{AMQP_URL}={url}");
    }
    println!("{READY}");
    std::io::stdin().read_to_end(&mut vec![])?;
    Ok(())
}

/// The task `servers`: prints what to export, then waits for Ctrl-C.
pub(crate) fn run_until_interrupted(options: &ServerOptions) -> Result<()> {
    let mut servers = options.choose()?;
    let Some(mut keeper) = Keeper::start(&servers)? else {
        bail!("{POSTGRES_URL} and {AMQP_URL} are set already");
    };
    keeper.wait(&mut servers)?;
    for (name, url) in [
        (POSTGRES_URL, &servers.postgres_url),
        (AMQP_URL, &servers.amqp_url),
    ] {
        if let Some(url) = url {
            println!("export {name}='{url}'");
        }
    }
    say("running until Ctrl-C");
    keeper.child.wait()?;
    bail!("the keeper of the servers has ended")
}

/// A running server; dropping it removes it.
#[derive(Debug)]
#[expect(dead_code, reason = "held for their destructors")]
enum Server {
    Container(docker::Container),
    Postgres(Box<LocalPostgres>),
    RabbitMq(Box<LocalRabbitMq>),
}

impl Server {
    fn postgres(in_docker: bool) -> Result<(Self, String)> {
        if in_docker {
            let (container, url) = docker::postgres()?;
            return Ok((Self::Container(container), url));
        }
        let server = LocalPostgres::new()?;
        let url = server.url();
        Ok((Self::Postgres(Box::new(server)), url))
    }

    fn rabbitmq(in_docker: bool) -> Result<(Self, String)> {
        if in_docker {
            let (container, url) = docker::rabbitmq()?;
            return Ok((Self::Container(container), url));
        }
        let server = LocalRabbitMq::new()?;
        let url = server.url();
        Ok((Self::RabbitMq(Box::new(server)), url))
    }
}
