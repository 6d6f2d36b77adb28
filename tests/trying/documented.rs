//! The page under `/docs`: its text is whole, and "Try it out" works.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use gozon_tests::http::{Answer, Client};
use gozon_tests::shop::{Mode, Service, Shop};
use hyper::Method;
use serde_json::{Map, Value};

/// What a later operation needs is made by an earlier one. Everything that is
/// not named comes after, in the document's order.
const FIRST: [(&str, &str); 3] = [
    ("post", "/accounts"),
    ("post", "/accounts/topup"),
    ("post", "/orders"),
];

pub(crate) async fn every_proposed_request_works_when_it_is_tried_out(mode: Mode) -> Result<()> {
    let shop = Shop::start(mode).await?;
    let document = document(&shop.client()).await?;
    let reader = shop.client().as_user(&user_of_the_page(&shop).await?);
    let mut known = Known::default();
    for call in calls(&document)? {
        let answer = call.try_out(&reader, &known).await;
        let answer = answer.with_context(|| call.name())?;
        call.check_success(&answer).with_context(|| call.name())?;
        known.learn(&call, &answer).with_context(|| call.name())?;
    }

    // Pressed again: nothing else than what is documented.
    for call in calls(&document)? {
        let answer = call.try_out(&reader, &known).await?;
        call.check_documented(&answer)
            .with_context(|| call.name())?;
    }
    // Without a user: the refusal that is documented for it.
    for call in calls(&document)? {
        let answer = call.send(&shop.client(), &known).await?;
        call.check_documented(&answer)
            .with_context(|| call.name())?;
        ensure!(answer.status == 401, "{}: {}", call.name(), answer.status);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_is_described_with_examples() -> Result<()> {
    let shop = Shop::start(Mode::Embedded).await?;
    for service in [Service::Gateway, Service::Orders, Service::Payments] {
        let document = document(&Client::at(shop.address(service, 0))).await?;
        let tags = document["tags"].as_array().context("no tags")?;
        for call in calls(&document)? {
            call.check_text(tags)
                .with_context(|| format!("{service:?}: {}", call.name()))?;
        }
    }
    Ok(())
}

pub(crate) async fn document(client: &Client) -> Result<Value> {
    client.get("/openapi.json").await?.having(200)?.json()
}

/// As whom the page acts until its reader chooses somebody else.
async fn user_of_the_page(shop: &Shop) -> Result<String> {
    let start = shop.client().get("/docs/swagger-initializer.js").await?;
    let start = start.having(200)?.text();
    let user = start
        .split("preauthorizeApiKey(\"user_id\", \"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    Ok(user.context("the page acts as nobody")?.to_owned())
}

/// One operation of the document.
pub(crate) struct Call<'a> {
    method: &'a str,
    path: &'a str,
    pub(crate) operation: &'a Value,
}

/// All operations, in an order in which they can be tried out.
pub(crate) fn calls(document: &Value) -> Result<Vec<Call<'_>>> {
    let paths = document["paths"].as_object().context("no paths")?;
    let mut calls: Vec<Call<'_>> = paths
        .iter()
        .flat_map(|(path, item)| {
            let operations = item.as_object().into_iter().flatten();
            operations.map(move |(method, operation)| Call {
                method,
                path,
                operation,
            })
        })
        .collect();
    ensure!(!calls.is_empty());
    let position = |call: &Call<'_>| {
        let named = FIRST
            .iter()
            .position(|one| *one == (call.method, call.path));
        named.unwrap_or(FIRST.len())
    };
    calls.sort_by_key(position);
    Ok(calls)
}

/// Parameters for later operations, taken from answers as the links of the
/// document say: `operationId` and parameter.
#[derive(Default)]
struct Known(BTreeMap<(String, String), String>);

impl Known {
    fn learn(&mut self, call: &Call<'_>, answer: &Answer) -> Result<()> {
        let response = &call.operation["responses"][answer.status.to_string()];
        for (_, link) in response["links"].as_object().into_iter().flatten() {
            let operation = link["operationId"].as_str().context("no operationId")?;
            for (parameter, place) in link["parameters"].as_object().into_iter().flatten() {
                let pointer = place
                    .as_str()
                    .and_then(|p| p.strip_prefix("$response.body#"));
                let body = answer.json()?;
                let value = body
                    .pointer(pointer.with_context(|| format!("{place}: no place in the body"))?)
                    .and_then(Value::as_str)
                    .with_context(|| format!("{place}: nothing in {body}"))?;
                self.0
                    .insert((operation.to_owned(), parameter.clone()), value.to_owned());
            }
        }
        Ok(())
    }
}

impl Call<'_> {
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method.to_uppercase(), self.path)
    }

    fn parameters(&self) -> impl Iterator<Item = &Value> {
        let list = self.operation["parameters"].as_array();
        list.into_iter().flatten()
    }

    pub(crate) fn responses(&self) -> Result<&Map<String, Value>> {
        self.operation["responses"]
            .as_object()
            .context("no responses")
    }

    fn is_socket(&self) -> bool {
        self.operation["responses"]["101"].is_object()
    }

    /// What the page sends when its button is pressed; a WebSocket, which a page
    /// cannot try out, is opened as its description says.
    async fn try_out(&self, client: &Client, known: &Known) -> Result<Answer> {
        if !self.is_socket() {
            return self.send(client, known).await;
        }
        let mut socket = client.websocket(&self.target(known)?).await?;
        let frame = socket.next(crate::BOUND).await?;
        let promised = self.operation["responses"]["101"]["description"].as_str();
        let kind = frame["type"].as_str().context("a frame without type")?;
        let promised = promised.unwrap_or_default();
        ensure!(
            promised.contains(kind) || promised.contains("GET /orders/{id}/ws"),
            "{frame}: not among: {promised}"
        );
        Ok(Answer {
            status: 101,
            headers: hyper::HeaderMap::new(),
            body: bytes::Bytes::new(),
        })
    }

    async fn send(&self, client: &Client, known: &Known) -> Result<Answer> {
        let target = self.target(known)?;
        let method: Method = self.method.to_uppercase().parse()?;
        let Some((media_type, content)) = self.operation["requestBody"]["content"]
            .as_object()
            .and_then(|content| content.iter().next())
        else {
            return client.send(method, &target, "").await;
        };
        let example = &content["example"];
        ensure!(example.is_object(), "no example of a body");
        client
            .with_header("content-type", media_type)
            .send(method, &target, example.to_string())
            .await
    }

    /// The path with what the page fills in: examples and defaults.
    fn target(&self, known: &Known) -> Result<String> {
        let mut path = self.path.to_owned();
        let mut query = vec![];
        for parameter in self.parameters() {
            let name = parameter["name"].as_str().context("no name")?;
            let operation = self.operation["operationId"].as_str().unwrap_or_default();
            let linked = known.0.get(&(operation.to_owned(), name.to_owned()));
            let proposed = [&parameter["example"], &parameter["schema"]["default"]]
                .into_iter()
                .find(|value| !value.is_null())
                .map(|value| value.as_str().map_or(value.to_string(), str::to_owned));
            match parameter["in"].as_str() {
                Some("path") => {
                    let value = linked.cloned().or(proposed).with_context(|| {
                        format!("neither an example nor a link of an earlier answer gives {name}")
                    })?;
                    path = path.replace(&format!("{{{name}}}"), &value);
                }
                Some("query") => query.extend(proposed.map(|value| format!("{name}={value}"))),
                Some("header") => ensure!(proposed.is_none(), "{name} is sent each time"),
                other => bail!("{name} is in {other:?}"),
            }
        }
        if query.is_empty() {
            return Ok(path);
        }
        Ok(format!("{path}?{}", query.join("&")))
    }

    fn check_documented(&self, answer: &Answer) -> Result<()> {
        let documented = self.responses()?;
        ensure!(
            documented.contains_key(&answer.status.to_string()),
            "{} is not documented: {}",
            answer.status,
            answer.text()
        );
        if answer.status >= 400 {
            let code = answer.json()?["code"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            let examples = &documented[&answer.status.to_string()]["content"]["application/problem+json"]
                ["examples"];
            ensure!(examples[&code].is_object(), "{code} is not documented");
        }
        Ok(())
    }

    /// The answer is a documented success and looks like its example.
    fn check_success(&self, answer: &Answer) -> Result<()> {
        self.check_documented(answer)?;
        ensure!(answer.status < 400, "{}: {}", answer.status, answer.text());
        if answer.status == 101 {
            return Ok(());
        }
        let response = &self.operation["responses"][answer.status.to_string()];
        let content = &response["content"]["application/json"];
        let one = content.get("example").into_iter();
        let several = content["examples"].as_object().into_iter().flatten();
        let examples: Vec<&Value> = one.chain(several.map(|(_, one)| &one["value"])).collect();
        ensure!(!examples.is_empty(), "no example");
        let body = answer.json()?;
        let real = fields(&body)?;
        for example in examples {
            let shown = fields(example)?;
            ensure!(
                shown == real,
                "the example has {shown:?}, the answer {real:?}"
            );
        }
        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            // One that is not on every answer is documented as nullable.
            let always = header["schema"]["type"] == "string";
            ensure!(!always || answer.header(name).is_some(), "no {name}");
        }
        Ok(())
    }

    fn check_text(&self, tags: &[Value]) -> Result<()> {
        let long = |value: &Value, least: usize, what: &str| {
            let text = value.as_str().unwrap_or_default();
            ensure!(text.len() >= least, "{what} says too little: {text:?}");
            Ok(())
        };
        long(&self.operation["summary"], 8, "the summary")?;
        long(&self.operation["description"], 60, "the description")?;
        let tag = &self.operation["tags"][0];
        let described = tags.iter().find(|one| one["name"] == *tag);
        long(&described.context("no tag")?["description"], 20, "the tag")?;
        for parameter in self.parameters() {
            long(&parameter["description"], 10, "a parameter")?;
        }
        for (status, response) in self.responses()? {
            long(&response["description"], 5, status)?;
            for (media_type, content) in response["content"].as_object().into_iter().flatten() {
                let shown = content.get("example").or(content.get("examples"));
                ensure!(shown.is_some(), "{status} {media_type}: no example");
            }
            for (_, header) in response["headers"].as_object().into_iter().flatten() {
                long(&header["description"], 10, "a header")?;
            }
        }
        let body = &self.operation["requestBody"];
        if body.is_object() {
            long(&body["description"], 10, "the body")?;
        }
        Ok(())
    }
}

/// The names of an object's fields, or of the objects in a list.
fn fields(value: &Value) -> Result<Vec<&String>> {
    let object = match value {
        Value::Array(list) => list.first().context("an empty list shows nothing")?,
        other => other,
    };
    Ok(object
        .as_object()
        .with_context(|| format!("no object: {value}"))?
        .keys()
        .collect())
}
