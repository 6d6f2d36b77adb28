//! As much of [WebDriver](https://www.w3.org/TR/webdriver2/) as the stories
//! need.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use gozon_tests::http::Client;
use hyper::Method;
use serde_json::{Value, json};

/// Under load a browser takes its time to start.
const PATIENCE: Duration = Duration::from_secs(120);

/// The name under which the protocol hides an element's id.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// One browser's session.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    client: Client,
    path: String,
}

impl Session {
    /// Starts a browser with these capabilities.
    pub(crate) async fn new(port: u16, capabilities: &Value) -> Result<Self> {
        let mut session = Self {
            client: Client::at(format_args!("127.0.0.1:{port}")).with_patience(PATIENCE),
            path: String::new(),
        };
        let body = json!({"capabilities": {"alwaysMatch": capabilities}});
        let created = session.post("/session", &body).await?;
        let id = created["sessionId"].as_str().context("no session")?;
        session.path = format!("/session/{id}");
        Ok(session)
    }

    /// Ends the browser.
    pub(crate) async fn end(&self) -> Result<()> {
        self.send(Method::DELETE, "", None).await?;
        Ok(())
    }

    pub(crate) async fn open(&self, url: &str) -> Result<()> {
        self.post("/url", &json!({ "url": url })).await?;
        Ok(())
    }

    /// Runs a function's body; `arguments` holds what is given.
    pub(crate) async fn run(&self, script: &str, arguments: Value) -> Result<Value> {
        let body = json!({"script": script, "args": arguments});
        self.post("/execute/sync", &body).await
    }

    /// Waits for the promise that `script`, an expression, makes.
    pub(crate) async fn settle(&self, script: &str) -> Result<Value> {
        let script = format!(
            "const done = arguments[arguments.length - 1]; \
             Promise.resolve({script}).then((value) => done([value]), (error) => done(String(error)));"
        );
        let body = json!({"script": script, "args": []});
        match self.post("/execute/async", &body).await? {
            Value::Array(mut value) => Ok(value.remove(0)),
            error => bail!("{error}"),
        }
    }

    /// Presses the element, which must be in sight and uncovered, as a person would.
    pub(crate) async fn click(&self, selector: &str) -> Result<()> {
        let element = self.find(selector).await?;
        self.post(&format!("/element/{element}/click"), &json!({}))
            .await?;
        Ok(())
    }

    /// Types into the element, after what stands in it.
    pub(crate) async fn type_into(&self, selector: &str, text: &str) -> Result<()> {
        let element = self.find(selector).await?;
        self.type_to(&element, text).await
    }

    /// Empties a field.
    pub(crate) async fn clear(&self, selector: &str) -> Result<()> {
        let element = self.find(selector).await?;
        self.post(&format!("/element/{element}/clear"), &json!({}))
            .await?;
        Ok(())
    }

    /// Types to whatever has the focus.
    pub(crate) async fn type_text(&self, text: &str) -> Result<()> {
        let focused = self.send(Method::GET, "/element/active", None).await?;
        let element = focused[ELEMENT].as_str().context("nothing has the focus")?;
        self.type_to(element, text).await
    }

    /// Opens another tab and goes there; the answer names the one before.
    pub(crate) async fn new_tab(&self) -> Result<String> {
        let before = self.send(Method::GET, "/window", None).await?;
        let opened = self.post("/window/new", &json!({"type": "tab"})).await?;
        self.go_to_tab(opened["handle"].as_str().context("no tab")?)
            .await?;
        Ok(before.as_str().context("no tab")?.to_owned())
    }

    /// The tab in use.
    pub(crate) async fn tab(&self) -> Result<String> {
        let tab = self.send(Method::GET, "/window", None).await?;
        Ok(tab.as_str().context("no tab")?.to_owned())
    }

    pub(crate) async fn go_to_tab(&self, handle: &str) -> Result<()> {
        self.post("/window", &json!({ "handle": handle })).await?;
        Ok(())
    }

    /// What has been logged since the last question: `browser` or `performance`.
    pub(crate) async fn log(&self, kind: &str) -> Result<Vec<Value>> {
        match self.post("/se/log", &json!({ "type": kind })).await? {
            Value::Array(entries) => Ok(entries),
            other => bail!("no log: {other}"),
        }
    }

    /// A command of the browser's own protocol.
    pub(crate) async fn devtools(&self, command: &str, parameters: Value) -> Result<Value> {
        let body = json!({"cmd": command, "params": parameters});
        self.post("/goog/cdp/execute", &body).await
    }

    async fn find(&self, selector: &str) -> Result<String> {
        let body = json!({"using": "css selector", "value": selector});
        let found = self.post("/element", &body).await?;
        Ok(found[ELEMENT].as_str().context("no element")?.to_owned())
    }

    async fn type_to(&self, element: &str, text: &str) -> Result<()> {
        self.post(
            &format!("/element/{element}/value"),
            &json!({ "text": text }),
        )
        .await?;
        Ok(())
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.send(Method::POST, path, Some(body)).await
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let path = format!("{}{path}", self.path);
        let text = body.map(ToString::to_string).unwrap_or_default();
        let client = self.client.with_header("content-type", "application/json");
        let answer = client.send(method, &path, text).await?;
        let mut value = answer.json()?;
        ensure!(
            answer.status == 200,
            "{path}: {} {}",
            value["value"]["error"],
            value["value"]["message"]
        );
        Ok(value["value"].take())
    }
}
