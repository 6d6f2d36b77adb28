//! A browser window on the shop, in the words of the stories.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use gozon_tests::eventually;
use gozon_tests::shop::{Service, Shop};
use serde_json::{Value, json};
use tempfile::TempDir;
use xtask::tools::Browser;

use crate::driver::Driver;
use crate::webdriver::Session;

/// Whatever has to happen, happens within this time, also on a busy machine.
const BOUND: Duration = Duration::from_secs(60);

/// A browser of the story's own, with nothing remembered.
pub(crate) struct Window {
    session: Session,
    origin: String,
    _driver: Driver,
    _profile: TempDir,
}

impl Window {
    /// A browser that prefers English, on the shop's first view.
    pub(crate) async fn on(shop: &Shop) -> Result<Self> {
        Self::speaking(shop, "en-GB").await
    }

    /// A browser that prefers this language, on the shop's first view.
    pub(crate) async fn speaking(shop: &Shop, language: &str) -> Result<Self> {
        let browser =
            Browser::find().context("no Chromium with chromedriver: run `cargo xtask test`")?;
        let profile = tempfile::tempdir()?;
        let driver = Driver::start(&browser, profile.path()).await?;
        let folder = profile.path().join("profile");
        let capabilities = json!({
            "browserName": "chrome",
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
            "goog:chromeOptions": {
                "binary": browser.chromium,
                "args": [
                    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic",
                    "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
                    "--disable-component-update", "--disable-sync", "--disable-extensions",
                    "--disable-breakpad",
                    // The browser ends with this pipe, whatever became of its driver.
                    "--remote-debugging-pipe", "--hide-scrollbars", "--window-size=1280,900",
                    format!("--user-data-dir={}", folder.display()),
                    format!("--lang={language}"),
                ],
                "prefs": {"intl.accept_languages": language},
            },
        });
        let session = Session::new(driver.port, &capabilities).await?;
        let window = Self {
            session,
            origin: format!("http://{}", shop.address(Service::Gateway, 0)),
            _driver: driver,
            _profile: profile,
        };
        window.look("light", 1280, 900).await?;
        window.open("/").await?;
        Ok(window)
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Opens an address of the shop, such as `/#/u/anna`, as if typed: what is
    /// behind `#` alone does not load the page again.
    pub(crate) async fn open(&self, path: &str) -> Result<()> {
        self.session.open(&format!("{}{path}", self.origin)).await
    }

    /// Sets the colours that the device prefers, and the size.
    pub(crate) async fn look(&self, colours: &str, width: u32, height: u32) -> Result<()> {
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": colours}]});
        let screen = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.session
            .devtools("Emulation.setEmulatedMedia", media)
            .await?;
        self.session
            .devtools("Emulation.setDeviceMetricsOverride", screen)
            .await?;
        Ok(())
    }

    /// The value of an expression in the page.
    pub(crate) async fn value(&self, expression: &str) -> Result<Value> {
        self.session
            .run(&format!("return {expression}"), json!([]))
            .await
    }

    /// Waits until an expression in the page is true.
    pub(crate) async fn until(&self, expression: &str) -> Result<()> {
        let waited = eventually(BOUND, expression, async || {
            let value = self.value(&format!("Boolean({expression})")).await?;
            ensure!(value == true, "it is not so");
            Ok(())
        })
        .await;
        match waited {
            Ok(()) => Ok(()),
            Err(error) => {
                let shown = self.value("document.body.innerText").await?;
                Err(error).context(format!("the page shows:\n{}", shown.as_str().unwrap_or("")))
            }
        }
    }

    /// Writes down the page's news from now on: they go by themselves, which a
    /// story must not have to be quick enough for.
    pub(crate) async fn listen(&self) -> Result<()> {
        let script = "window.news = []; \
             const note = (toast) => news.push(toast.textContent.replace(/\\s/g, ' ')); \
             const list = document.querySelector('.toast-list'); \
             list.querySelectorAll('.toast').forEach(note); \
             new MutationObserver((changes) => \
               changes.forEach((change) => change.addedNodes.forEach(note))) \
               .observe(list, { childList: true });";
        self.session.run(script, json!([])).await?;
        Ok(())
    }

    /// Waits until the page has told this news, since it was listened to.
    pub(crate) async fn hears(&self, text: &str) -> Result<()> {
        self.until(&format!(
            "window.news.some((news) => news.includes({}))",
            json!(text)
        ))
        .await
    }

    /// Waits until an element shows this text, anywhere in it.
    pub(crate) async fn sees(&self, selector: &str, text: &str) -> Result<()> {
        // All kinds of spaces are one: currencies stand behind narrow ones.
        self.until(&format!(
            "[...document.querySelectorAll({})].some((element) => element.checkVisibility() && \
             element.textContent.replace(/\\s/g, ' ').includes({}))",
            json!(selector),
            json!(text)
        ))
        .await
    }

    /// Whether any element shows this text now.
    pub(crate) async fn shows(&self, text: &str) -> Result<bool> {
        let found = self
            .value(&format!(
                "document.body.innerText.includes({})",
                json!(text)
            ))
            .await?;
        found.as_bool().context("no answer")
    }

    /// Presses an element, once it is there and nothing covers it.
    pub(crate) async fn press(&self, selector: &str) -> Result<()> {
        let what = format!("{selector} can be pressed");
        eventually(BOUND, &what, async || self.session.click(selector).await).await
    }

    /// Writes into a field, in place of what stands there.
    pub(crate) async fn write(&self, selector: &str, text: &str) -> Result<()> {
        let what = format!("{selector} can be written in");
        eventually(BOUND, &what, async || {
            self.session.clear(selector).await?;
            self.session.type_into(selector, text).await
        })
        .await
    }

    /// Becomes this customer, whose account exists.
    pub(crate) async fn enter_as(&self, user: &str) -> Result<()> {
        self.open(&format!("/#/u/{user}")).await?;
        self.is_live().await?;
        self.listen().await?;
        self.until("document.querySelector('.basket form')").await
    }

    /// Waits until the page says that it is connected.
    pub(crate) async fn is_live(&self) -> Result<()> {
        self.until("document.querySelector('.line')?.dataset.state === 'live'")
            .await
    }

    /// Orders by the form, once it is done with the order before.
    pub(crate) async fn order(&self, description: &str, price: &str) -> Result<()> {
        self.until("document.querySelector('.basket form .primary').ariaDisabled !== 'true'")
            .await?;
        self.write(".basket [name=description]", description)
            .await?;
        self.write(".basket [name=amount]", price).await?;
        self.press(".basket form .primary").await
    }

    /// Waits until the newest order has this description and status.
    pub(crate) async fn newest_is(&self, description: &str, status: &str) -> Result<()> {
        self.until(&format!(
            "document.querySelector('.order .order-what')?.textContent === {} && \
             document.querySelector('.order').dataset.status === {}",
            json!(description),
            json!(status)
        ))
        .await
    }

    /// What the console holds, from scripts, policies and the network.
    pub(crate) async fn complaints(&self) -> Result<Vec<String>> {
        let entries = self.session.log("browser").await?;
        let lines = entries.iter().filter_map(|entry| entry["message"].as_str());
        Ok(lines.map(str::to_owned).collect())
    }

    /// Every address that was asked for since the last question, WebSockets included.
    pub(crate) async fn requests(&self) -> Result<Vec<String>> {
        let mut addresses = vec![];
        for entry in self.session.log("performance").await? {
            let text = entry["message"].as_str().context("no message")?;
            let event: Value = serde_json::from_str(text)?;
            let event = &event["message"];
            let address = match event["method"].as_str() {
                Some("Network.requestWillBeSent") => &event["params"]["request"]["url"],
                Some("Network.webSocketCreated") => &event["params"]["url"],
                _ => continue,
            };
            match address.as_str() {
                Some(address) => addresses.push(address.to_owned()),
                None => bail!("no address in {event}"),
            }
        }
        Ok(addresses)
    }

    /// Ends the browser. A story that fails before has its browser ended too.
    pub(crate) async fn close(self) -> Result<()> {
        self.session.end().await
    }
}
