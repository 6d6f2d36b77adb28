use anyhow::{Context, Result, bail, ensure};
use gozon_tests::shop::{Mode, Shop};
use serde_json::json;

use crate::window::Window;

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";

/// No view has more places to stop at.
const STOPS: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_can_be_done_without_a_pointer() -> Result<()> {
    let shop = Shop::start(Mode::Embedded).await?;
    let window = Window::on(&shop).await?;
    window.sees("h1", "Who is shopping?").await?;

    // The first stop leads past what stands on every page.
    window.session().type_text(TAB).await?;
    window
        .until("document.activeElement.matches('.skip')")
        .await?;
    window.session().type_text(ENTER).await?;
    window
        .until("document.activeElement === document.querySelector('main')")
        .await?;

    go_to(&window, ".choose .primary").await?;
    window.session().type_text(ENTER).await?;
    window.sees(".account", "You have no account yet").await?;
    go_to(&window, ".account form .primary").await?;
    window.session().type_text(ENTER).await?;
    window.sees(".balance", "₽0.00").await?;
    go_to(&window, ".account [name=amount]").await?;
    window.session().type_text(&format!("500{ENTER}")).await?;
    window.sees(".balance", "₽500.00").await?;
    go_to(&window, ".basket [name=description]").await?;
    window.session().type_text("Tea").await?;
    go_to(&window, ".basket [name=amount]").await?;
    window.session().type_text(&format!("24.90{ENTER}")).await?;
    window.newest_is("Tea", "FINISHED").await?;

    go_to(&window, ".order a").await?;
    window.session().type_text(ENTER).await?;
    // Who follows a link hears where it has led.
    window
        .until(
            "document.activeElement?.matches('h1') && document.activeElement.textContent === 'Tea'",
        )
        .await?;
    window
        .until("document.title.startsWith('Order · ')")
        .await?;
    window.close().await
}

/// Goes on from stop to stop, each of which must be visible as such.
async fn go_to(window: &Window, selector: &str) -> Result<()> {
    window
        .until(&format!(
            "document.querySelector({}) !== null",
            json!(selector)
        ))
        .await?;
    for _ in 0..STOPS {
        window.session().type_text(TAB).await?;
        let stop = window
            .value(&format!(
                "(() => {{ const stop = document.activeElement; \
                 const ring = [stop, stop.parentElement].some((one) => getComputedStyle(one).outlineStyle === 'solid'); \
                 return [stop.matches({}), ring || stop === document.body, stop.outerHTML]; }})()",
                json!(selector)
            ))
            .await?;
        ensure!(stop[1] == true, "no visible focus on {}", stop[2]);
        if stop[0].as_bool().context("no answer")? {
            return Ok(());
        }
    }
    bail!("{selector} is not among {STOPS} stops")
}
