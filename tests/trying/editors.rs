//! `docs/tour.http`, as an editor would send it.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use gozon_tests::eventually;
use gozon_tests::http::{Answer, Client};
use gozon_tests::shop::{Mode, Service, Shop};
use hyper::Method;
use serde_json::Value;

use crate::{BOUND, repository};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_file_for_editors_tells_the_truth() -> Result<()> {
    let shop = Shop::start(Mode::Embedded).await?;
    let text = std::fs::read_to_string(repository("docs/tour.http"))?;
    let mut file = File::parse(&text)?;
    ensure!(file.requests.len() >= 15, "{}", file.requests.len());
    let gateway = shop.address(Service::Gateway, 0).to_string();
    file.variables.insert("base", format!("http://{gateway}"));

    let mut answers = BTreeMap::new();
    for request in &file.requests {
        let title = request.title;
        let fill = |text: &str| file.filled(text, &answers);
        let once = async || {
            let answer = request.send(&gateway, &fill).await?;
            request.check(&answer)?;
            Ok(answer)
        };
        let answer = match request.repeats() {
            true => eventually(BOUND, title, once).await,
            false => once().await,
        };
        let answer = answer.with_context(|| title.to_owned())?;
        if let Some(name) = request.name {
            answers.insert(name, answer.json()?);
        }
    }
    Ok(())
}

/// The part of the format that all editors share, and named answers.
#[derive(Debug, Default)]
struct File<'a> {
    variables: BTreeMap<&'a str, String>,
    requests: Vec<Request<'a>>,
}

/// `### What it does: 422 code_of_the_problem`, then the request itself.
#[derive(Debug)]
struct Request<'a> {
    title: &'a str,
    status: u16,
    code: Option<&'a str>,
    name: Option<&'a str>,
    method: &'a str,
    url: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    body: String,
}

impl<'a> File<'a> {
    fn parse(text: &'a str) -> Result<Self> {
        let mut parts = text.split("\n### ");
        let mut file = Self::default();
        for line in parts.next().unwrap_or_default().lines() {
            if let Some((name, value)) = line.strip_prefix('@').and_then(|l| l.split_once('=')) {
                file.variables.insert(name.trim(), value.trim().to_owned());
            } else {
                ensure!(line.is_empty() || line.starts_with('#'), "{line}");
            }
        }
        for part in parts {
            file.requests
                .push(Request::parse(part).with_context(|| part.to_owned())?);
        }
        Ok(file)
    }

    /// The text with its variables, which may stand for parts of named answers.
    fn filled(&self, text: &str, answers: &BTreeMap<&str, Value>) -> Result<String> {
        let Some((before, rest)) = text.split_once("{{") else {
            return Ok(text.to_owned());
        };
        let (name, after) = rest.split_once("}}").context("`{{` without `}}`")?;
        let value = match self.variables.get(name) {
            Some(value) => self.filled(value, answers)?,
            None => {
                let (answer, field) = name
                    .split_once(".response.body.$.")
                    .with_context(|| format!("{name} is not set"))?;
                let answer = answers
                    .get(answer)
                    .with_context(|| format!("no {answer}"))?;
                answer[field].as_str().context("no such field")?.to_owned()
            }
        };
        Ok(format!("{before}{value}{}", self.filled(after, answers)?))
    }
}

impl<'a> Request<'a> {
    fn parse(part: &'a str) -> Result<Self> {
        let mut lines = part.lines();
        let title = lines.next().context("no title")?;
        let (_, expected) = title
            .rsplit_once(": ")
            .context("the title names no status")?;
        let (status, code) = match expected.split_once(' ') {
            Some((status, code)) => (status, Some(code)),
            None => (expected, None),
        };
        let mut name = None;
        let (method, url) = loop {
            let line = lines.next().context("no request")?;
            match line.strip_prefix('#') {
                Some(comment) => name = comment.trim().strip_prefix("@name ").or(name),
                None => break line.split_once(' ').context("no address")?,
            }
        };
        let headers = lines.by_ref().take_while(|line| !line.is_empty());
        let headers = headers.map(|line| line.split_once(": ").context("no header"));
        Ok(Self {
            title,
            status: status.parse()?,
            code,
            name,
            method,
            url,
            headers: headers.collect::<Result<_>>()?,
            body: lines.collect::<Vec<_>>().join("\n").trim().to_owned(),
        })
    }

    /// Whether its title asks the reader to repeat it.
    fn repeats(&self) -> bool {
        self.awaited().is_some()
    }

    fn awaited(&self) -> Option<&str> {
        let (_, rest) = self.title.split_once(" until it is ")?;
        rest.split(':').next()
    }

    async fn send(&self, gateway: &str, fill: &impl Fn(&str) -> Result<String>) -> Result<Answer> {
        let url = fill(self.url)?;
        let Some(path) = url.strip_prefix(&format!("http://{gateway}")) else {
            bail!("{url} does not begin with {{{{base}}}}");
        };
        let mut client = Client::at(gateway);
        for (name, value) in &self.headers {
            client = client.with_header(name, &fill(value)?);
        }
        let method: Method = self.method.parse()?;
        client.send(method, path, fill(&self.body)?).await
    }

    fn check(&self, answer: &Answer) -> Result<()> {
        let text = answer.text();
        ensure!(answer.status == self.status, "{}: {text}", answer.status);
        if let Some(code) = self.code {
            ensure!(answer.json()?["code"] == code, "{text}");
        }
        if let Some(status) = self.awaited() {
            ensure!(answer.json()?["status"] == status, "{text}");
        }
        Ok(())
    }
}
