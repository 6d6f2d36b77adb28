//! Servers in containers, through the `docker` command.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::ports::{random, random_password};
use super::{POSTGRES_ARGUMENTS, probe};

/// A first start may pull the image.
const START_BOUND: Duration = Duration::from_secs(120);

/// A container that is removed with its volumes when it is dropped.
#[derive(Debug)]
pub struct Container {
    name: String,
    port: u16,
}

/// Whether `docker` is installed and its engine answers.
#[must_use]
pub fn available() -> bool {
    Command::new("docker")
        .args(["version", "--format", "{{.Server.Version}}"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The image for PostgreSQL: `GOZON_TEST_POSTGRES_IMAGE`, or `postgres:17`.
#[must_use]
pub fn postgres_image() -> String {
    image("GOZON_TEST_POSTGRES_IMAGE", "postgres:17")
}

/// The image for RabbitMQ: `GOZON_TEST_RABBITMQ_IMAGE`, or
/// `rabbitmq:4-management`.
#[must_use]
pub fn rabbitmq_image() -> String {
    image("GOZON_TEST_RABBITMQ_IMAGE", "rabbitmq:4-management")
}

/// Starts PostgreSQL; answers when sessions can begin.
///
/// # Errors
/// When `docker run` fails, or the server does not come up in two minutes.
pub fn postgres() -> Result<(Container, String)> {
    let password = random_password();
    let container = Container::run(
        "pg",
        5432,
        &["-e", &format!("POSTGRES_PASSWORD={password}")],
        &postgres_image(),
        &POSTGRES_ARGUMENTS,
    )?;
    container.wait("PostgreSQL", probe::postgres_answers)?;
    let url = format!(
        "postgres://postgres:{password}@127.0.0.1:{}/postgres",
        container.port
    );
    Ok((container, url))
}

/// Starts RabbitMQ; answers when AMQP connections can begin.
///
/// # Errors
/// When `docker run` fails, or the server does not come up in two minutes.
pub fn rabbitmq() -> Result<(Container, String)> {
    let password = random_password();
    let container = Container::run(
        "mq",
        5672,
        &[
            "-e",
            "RABBITMQ_DEFAULT_USER=gozon",
            "-e",
            &format!("RABBITMQ_DEFAULT_PASS={password}"),
        ],
        &rabbitmq_image(),
        &[],
    )?;
    container.wait("RabbitMQ", probe::rabbitmq_answers)?;
    let url = format!("amqp://gozon:{password}@127.0.0.1:{}/%2f", container.port);
    Ok((container, url))
}

impl Container {
    fn run(
        kind: &str,
        port_inside: u16,
        options: &[&str],
        image: &str,
        arguments: &[&str],
    ) -> Result<Self> {
        let name = format!("gozon-test-{kind}-{:012x}", random() >> 16);
        // Named before it runs, so that dropping removes also what failed half-way.
        let mut container = Self { name, port: 0 };
        docker(
            Command::new("docker")
                .args(["run", "--detach", "--label", "gozon.test=run"])
                .args(["--name", &container.name])
                .args(["--publish", &format!("127.0.0.1::{port_inside}")])
                .args(options)
                .arg(image)
                .args(arguments),
        )?;
        let published = docker(Command::new("docker").args([
            "port",
            &container.name,
            &port_inside.to_string(),
        ]))?;
        container.port = published
            .lines()
            .next()
            .and_then(|line| line.rsplit_once(':'))
            .and_then(|(_, port)| port.parse().ok())
            .with_context(|| format!("docker port answered `{published}`"))?;
        Ok(container)
    }

    fn wait(&self, what: &str, answers: fn(u16) -> bool) -> Result<()> {
        let alive = || {
            let state = docker(Command::new("docker").args([
                "inspect",
                "--format",
                "{{.State.Running}}",
                &self.name,
            ]))?;
            ensure!(state.trim() == "true", "the container of {what} has exited");
            Ok(())
        };
        probe::wait_until(START_BOUND, what, || answers(self.port), alive).with_context(|| {
            let logs = Command::new("docker")
                .args(["logs", "--tail", "20", &self.name])
                .output();
            logs.map_or_else(
                |_| String::new(),
                |logs| {
                    format!(
                        "its last lines:\n{}{}",
                        String::from_utf8_lossy(&logs.stdout),
                        String::from_utf8_lossy(&logs.stderr)
                    )
                },
            )
        })
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let removed = docker(Command::new("docker").args(["rm", "-f", "-v", &self.name]));
        if let Err(error) = removed {
            eprintln!(
                "xtask: could not remove the container {}: {error:#}",
                self.name
            );
        }
    }
}

fn image(variable: &str, otherwise: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| otherwise.to_owned())
}

fn docker(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .context("docker cannot be run")?;
    ensure!(
        output.status.success(),
        "docker: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
