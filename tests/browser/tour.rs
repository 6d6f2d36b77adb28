use anyhow::{Result, ensure};
use gozon_tests::shop::{Mode, Shop};

use crate::window::Window;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newcomer_opens_an_account_orders_and_sees_what_happened() -> Result<()> {
    let shop = Shop::start(Mode::Embedded).await?;
    let window = Window::on(&shop).await?;

    window.sees("h1", "Who is shopping?").await?;
    window.listen().await?;
    window.press(".choose .primary").await?;
    window.sees(".account", "You have no account yet").await?;
    window.sees(".empty", "Nothing ordered yet").await?;
    window.press(".account form .primary").await?;
    window.sees(".balance", "₽0.00").await?;
    window.write(".account [name=amount]", "1,000.50").await?;
    window.press(".account form .primary").await?;
    window.sees(".balance", "₽1,000.50").await?;

    window
        .write(".basket [name=description]", "Tea from Ceylon")
        .await?;
    window.write(".basket [name=amount]", "24.90").await?;
    window
        .sees(".basket form .primary", "Order for ₽24.90")
        .await?;
    window.press(".basket form .primary").await?;
    window.newest_is("Tea from Ceylon", "FINISHED").await?;
    window.hears("PaidTea from Ceylon · ₽24.90").await?;
    window.sees(".balance", "₽975.60").await?;

    window.press(".order a").await?;
    window.sees("h1", "Tea from Ceylon").await?;
    window
        .until("document.querySelectorAll('.step[data-state=done]').length === 9")
        .await?;
    window.sees(".entries", "−₽24.90").await?;
    window.sees(".entries", "Balance after it: ₽975.60").await?;
    let times = window
        .value("[...document.querySelectorAll('.step time')].map((time) => time.dateTime)")
        .await?;
    ensure!(times.as_array().map(Vec::len) == Some(9), "{times}");

    // Who opens it later was not there when the push came, and is told so.
    window
        .session()
        .run("location.reload()", serde_json::json!([]))
        .await?;
    window
        .sees(".step:last-child", "This page was not open then.")
        .await?;
    window
        .until("document.querySelectorAll('.step[data-state=done]').length === 8")
        .await?;

    window.press(".tab:last-child").await?;
    window.sees("h1", "Statement").await?;
    window
        .until("document.querySelectorAll('tbody tr').length === 2")
        .await?;
    window
        .sees("tbody tr:first-child", "Tea from Ceylon−₽24.90₽975.60")
        .await?;
    window
        .sees("tbody tr:last-child", "Top-up+₽1,000.50₽1,000.50")
        .await?;

    let complaints = window.complaints().await?;
    ensure!(complaints.is_empty(), "{complaints:?}");
    let requests = window.requests().await?;
    let (http, ws) = (
        window.origin().to_owned(),
        window.origin().replace("http", "ws"),
    );
    ensure!(
        requests.iter().any(|address| address.starts_with(&ws)),
        "{requests:?}"
    );
    let outside: Vec<_> = requests
        .iter()
        // A new browser begins on a page that it has in itself.
        .filter(|address| address.starts_with("http") || address.starts_with("ws"))
        .filter(|address| !address.starts_with(&http) && !address.starts_with(&ws))
        .collect();
    ensure!(outside.is_empty(), "{outside:?}");
    window.close().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_typed_name_without_an_account_is_no_error() -> Result<()> {
    let shop = Shop::start(Mode::Embedded).await?;
    let window = Window::on(&shop).await?;

    window.open("/#/u/nobody-yet").await?;

    window.is_live().await?;
    window.sees(".account", "You have no account yet").await?;
    window.press(".tab:last-child").await?;
    window.sees("h1", "Statement").await?;
    let complaints = window.complaints().await?;
    ensure!(complaints.is_empty(), "{complaints:?}");
    window.close().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_browser_is_told_of_a_change_while_nobody_looks() -> Result<()> {
    let shop = Shop::start(Mode::Embedded).await?;
    let anna = shop.customer(10_000).await?;
    let window = Window::on(&shop).await?;
    window.enter_as(&anna.name).await?;
    // What a browser shows outside of the page cannot be seen from here; what
    // the page asks it to show can.
    window
        .session()
        .run(
            "window.told = []; \
             window.Notification = class extends EventTarget { \
               static permission = 'default'; \
               static async requestPermission() { this.permission = 'granted'; } \
               constructor(title, options) { super(); told.push(`${title}: ${options.body}`); } \
             }; \
             Object.defineProperty(document, 'hidden', { get: () => true }); \
             location.hash += '/statement';",
            serde_json::json!([]),
        )
        .await?;
    window.sees("h1", "Statement").await?;
    window.press(".tab:first-child").await?;

    window.press(".list .card-head button").await?;
    window
        .until("document.querySelector('.list .card-head button').hidden")
        .await?;
    anna.order(2_490).await?;

    window
        .until("told.includes('Paid: a book · ₽24.90')")
        .await?;
    window.close().await
}
