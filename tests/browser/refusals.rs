use anyhow::{Result, ensure};
use gozon_tests::shop::{Mode, Shop};
use serde_json::json;

use crate::window::Window;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_dear_is_cancelled_and_the_page_says_why() -> Result<()> {
    let shop = Shop::start(Mode::Embedded).await?;
    let anna = shop.customer(10_000).await?;
    let window = Window::on(&shop).await?;
    window.enter_as(&anna.name).await?;

    window.order("A samovar", "100.01").await?;

    window.newest_is("A samovar", "CANCELLED").await?;
    window.sees(".order-status", "Not enough money").await?;
    window
        .hears("CancelledA samovar · Not enough money")
        .await?;
    window.sees(".balance", "₽100.00").await?;
    window.press(".order a").await?;
    window
        .sees(".step", "Not enough money. No money moved.")
        .await?;
    window.sees(".step", "The order is “Cancelled”").await?;
    let complaints = window.complaints().await?;
    ensure!(complaints.is_empty(), "{complaints:?}");
    window.close().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_stand_beside_the_field_that_they_are_about() -> Result<()> {
    let shop = Shop::start(Mode::Embedded).await?;
    let anna = shop.customer(10_000).await?;
    let window = Window::on(&shop).await?;
    window.enter_as(&anna.name).await?;
    let beside = async |name: &str, text: &str| {
        // The error that the field itself names as its description.
        let described = format!(
            "(() => {{ const input = document.querySelector('.basket [name={name}]'); \
             const error = document.getElementById(input.getAttribute('aria-describedby').split(' ').at(-1)); \
             return input.ariaInvalid === 'true' && document.activeElement === input && \
             error.textContent.replace(/\\s/g, ' ').includes({}); }})()",
            json!(text)
        );
        window.until(&described).await
    };

    // What the page cannot read, it does not send.
    for (price, error) in [
        ("", "Enter an amount."),
        ("much", "This is not an amount. Write it like ₽24.90."),
        ("1.234", "At most 2 digits after the separator."),
    ] {
        window.order("Tea", price).await?;
        beside("amount", error).await?;
    }
    // What the shop refuses, it says itself.
    for price in ["0", "-5", "99999999999"] {
        window.order("Tea", price).await?;
        beside(
            "amount",
            "Enter an amount from ₽0.01 to ₽10,000,000,000.00.",
        )
        .await?;
    }
    for description in [String::new(), "x".repeat(256)] {
        window.order(&description, "24.90").await?;
        beside("description", "Write 1 to 255 characters.").await?;
    }
    ensure!(anna.client.get("/orders").await?.json()? == json!([]));

    window.order("Tea", "24.90").await?;
    window.newest_is("Tea", "FINISHED").await?;
    window
        .until("document.querySelector('.basket [aria-invalid]') === null")
        .await?;
    window.close().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_wrote_is_shown_as_text_and_never_run() -> Result<()> {
    let hostile = "<img src=x onerror=\"window.ran = true\"><script>window.ran = true</script>";
    let shop = Shop::start(Mode::Embedded).await?;
    let anna = shop.customer(10_000).await?;
    let window = Window::on(&shop).await?;
    window.enter_as(&anna.name).await?;

    window.order(hostile, "1").await?;

    window.newest_is(hostile, "FINISHED").await?;
    window.hears(hostile).await?;
    window.press(".order a").await?;
    window.sees("h1", hostile).await?;
    window.press(".tab:last-child").await?;
    window.sees("tbody", hostile).await?;
    let found = window
        .value("[window.ran === undefined, document.querySelectorAll('img, body script').length]")
        .await?;
    ensure!(found == json!([true, 0]), "{found}");

    // And if the page were careless, the browser would refuse.
    let careless = window
        .session()
        .run(
            "try { document.querySelector('h1').innerHTML = arguments[0]; return 'taken'; } \
             catch (error) { return error.name; }",
            json!([hostile]),
        )
        .await?;
    ensure!(careless == "TypeError", "{careless}");
    window.close().await
}
