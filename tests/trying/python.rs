//! `examples/python` beside the shop in production, on RabbitMQ.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use gozon_tests::servers::{amqp_prefix, amqp_url};
use gozon_tests::shop::{Mode, Plan};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::{BOUND, repository, target};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_hears_the_shop_and_is_heard() -> Result<()> {
    let prefix = amqp_prefix();
    let plan = Plan::new(Mode::Production).env("GOZON_AMQP_PREFIX", &prefix);
    let shop = plan.start().await?;
    let python = Python::new(prefix).await?;
    let mut heard = Heard::by(python.start("consumer.py", &[])?).await?;

    // Python hears all that the shop says about an order.
    let anna = shop.customer(1_000).await?;
    let order = anna.order(100).await?;
    anna.expect(order, "FINISHED").await?;
    let of_order = |event: &Value| event["order_id"] == order.to_string();
    let created = heard.next("order_created", of_order).await?;
    ensure!(
        created["user_id"] == *anna.name && created["amount"] == 100,
        "{created}"
    );
    let paid = heard.next("payment_succeeded", of_order).await?;
    ensure!(paid["cause"] == created["id"], "{paid} after {created}");
    let changed = heard.next("order_status_changed", of_order).await?;
    ensure!(changed["status"] == "FINISHED", "{changed}");

    // Python asks about the order again; payments answers, and pays nothing twice.
    let asked = python
        .run("producer.py", &[&order.to_string(), &anna.name, "100"])
        .await?;
    let answered = |event: &Value| event["cause"] == *asked;
    let answer = heard.next("payment_succeeded", answered).await?;
    ensure!(of_order(&answer) && answer["amount"] == 100, "{answer}");
    ensure!(answer["id"] != paid["id"], "{answer}");
    ensure!(anna.balance().await? == 900);

    // Nothing that Python sent was left lying about.
    shop.books.audit().await?;
    Ok(())
}

/// Python with what the examples need, and the broker that they talk to.
struct Python {
    interpreter: std::path::PathBuf,
    prefix: String,
    amqp: String,
}

impl Python {
    async fn new(prefix: String) -> Result<Self> {
        let installed = tokio::task::spawn_blocking(|| xtask::tools::python(&target()?));
        Ok(Self {
            interpreter: installed.await??,
            prefix,
            amqp: amqp_url().await?,
        })
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.interpreter);
        command
            .arg(repository("examples/python").join(program))
            .args(arguments)
            .env("AMQP_URL", &self.amqp)
            .env("GOZON_AMQP_PREFIX", &self.prefix)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    fn start(&self, program: &str, arguments: &[&str]) -> Result<Child> {
        let mut command = self.command(program, arguments);
        Ok(command.stdout(Stdio::piped()).spawn()?)
    }

    /// What a program that ends by itself has printed.
    async fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let run = self.command(program, arguments).output();
        let output = timeout(BOUND, run).await.context("it does not end")??;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "{program}: {}\n{errors}",
            output.status
        );
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }
}

/// What the consumer prints: a type and JSON on each line.
struct Heard {
    lines: Lines<BufReader<ChildStdout>>,
    kept: Vec<(String, Value)>,
    _consumer: Child,
}

impl Heard {
    /// Returns once the consumer listens.
    async fn by(mut consumer: Child) -> Result<Self> {
        let output = consumer.stdout.take().context("no output")?;
        let mut lines = BufReader::new(output).lines();
        let first = timeout(BOUND, lines.next_line()).await??;
        ensure!(first.as_deref() == Some("listening"), "{first:?}");
        Ok(Self {
            lines,
            kept: vec![],
            _consumer: consumer,
        })
    }

    /// The first event of this type that is `wanted`, in whatever order events
    /// arrive, and however often.
    async fn next(&mut self, kind: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let is_wanted = |(found, event): &(String, Value)| found == kind && wanted(event);
        loop {
            if let Some(place) = self.kept.iter().position(is_wanted) {
                return Ok(self.kept.remove(place).1);
            }
            let line = timeout(BOUND, self.lines.next_line()).await;
            let line = line.with_context(|| format!("no {kind}; heard {:?}", self.kept))??;
            let line = line.context("the consumer has ended")?;
            let (found, event) = line.split_once(' ').context("no type")?;
            self.kept
                .push((found.to_owned(), serde_json::from_str(event)?));
        }
    }
}
