//! Every view under the rules of axe, in every look.

use anyhow::{Result, bail, ensure};
use gozon_tests::shop::{Mode, Shop};
use serde_json::{Value, json};

use crate::window::Window;

const AXE: &str = include_str!("axe/axe.min.js");

/// WCAG 2.2 at level AA, and what axe calls best practice.
const RUN: &str = "axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })";

const LOOKS: [(&str, u32, u32); 4] = [
    ("light", 1280, 900),
    ("dark", 1280, 900),
    ("light", 360, 780),
    ("dark", 360, 780),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axe_finds_nothing_on_any_view_in_any_look() -> Result<()> {
    let shop = Shop::start(Mode::Embedded).await?;
    let anna = shop.customer(100_000).await?;
    let (paid, refused) = (anna.order(2_490).await?, anna.order(10_000_000).await?);
    anna.expect(paid, "FINISHED").await?;
    anna.expect(refused, "CANCELLED").await?;
    let stranger = shop.stranger();
    let window = Window::on(&shop).await?;
    window.session().run(AXE, json!([])).await?;

    window.sees("h1", "Who is shopping?").await?;
    finds_nothing(&window, "the choice of a customer").await?;

    go(&window, &format!("#/u/{}", stranger.name)).await?;
    window.sees(".account", "You have no account yet").await?;
    window.sees(".empty", "Nothing ordered yet").await?;
    finds_nothing(&window, "the shop without an account").await?;

    go(&window, &format!("#/u/{}", anna.name)).await?;
    window
        .until("document.querySelectorAll('.order').length === 2")
        .await?;
    window.is_live().await?;
    window.listen().await?;
    window.order("Tea", "0").await?;
    window
        .until("document.querySelector('.basket [aria-invalid]') !== null")
        .await?;
    anna.order(100).await?;
    window.hears("Paid").await?;
    finds_nothing(&window, "the shop with orders, an error and news").await?;

    go(&window, &format!("#/u/{}/statement", anna.name)).await?;
    window
        .until("document.querySelectorAll('tbody tr').length === 3")
        .await?;
    finds_nothing(&window, "the statement").await?;

    for (order, what) in [(paid, "a paid order"), (refused, "a refused order")] {
        go(&window, &format!("#/u/{}/orders/{order}", anna.name)).await?;
        window
            .until(&format!("document.querySelector('.code')?.textContent === '{order}' && document.querySelectorAll('.step[data-state=done]').length === 8"))
            .await?;
        finds_nothing(&window, what).await?;
    }

    go(&window, "#/nowhere").await?;
    window.sees("h1", "Nothing here").await?;
    finds_nothing(&window, "an address that leads nowhere").await?;
    window.close().await
}

async fn go(window: &Window, hash: &str) -> Result<()> {
    window
        .session()
        .run("location.hash = arguments[0]", json!([hash]))
        .await?;
    Ok(())
}

async fn finds_nothing(window: &Window, view: &str) -> Result<()> {
    for (colours, width, height) in LOOKS {
        window.look(colours, width, height).await?;
        let overflow = window
            .value("document.documentElement.scrollWidth > innerWidth")
            .await?;
        ensure!(
            overflow == false,
            "{view}, {colours}, {width}: wider than the window"
        );
        let result = window.session().settle(RUN).await?;
        let passed = result["passes"].as_array().map_or(0, Vec::len);
        ensure!(passed > 20, "{view}: axe has looked at {passed} rules only");
        let findings: Vec<String> = result["violations"]
            .as_array()
            .into_iter()
            .flatten()
            .map(finding)
            .collect();
        if !findings.is_empty() {
            bail!("{view}, {colours}, {width}: {findings:#?}");
        }
    }
    let (colours, width, height) = LOOKS[0];
    window.look(colours, width, height).await
}

fn finding(violation: &Value) -> String {
    let nodes = violation["nodes"].as_array().into_iter().flatten();
    let nodes: Vec<String> = nodes
        .map(|node| format!("{} {}", node["html"], node["failureSummary"]))
        .collect();
    format!("{}: {}", violation["help"], nodes.join("; "))
}
