use anyhow::{Result, ensure};
use gozon_tests::shop::{Mode, Plan};

use crate::window::Window;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_currency_with_three_minor_digits_is_typed_sent_and_shown_exactly() -> Result<()> {
    let shop = Plan::new(Mode::Embedded)
        .env("GOZON_CURRENCY", "KWD")
        .start()
        .await?;
    let anna = shop.stranger();
    anna.open_account().await?;
    let window = Window::on(&shop).await?;
    window.enter_as(&anna.name).await?;

    // 2^53 - 1, the most that an account can hold, in steps that are allowed.
    window.write(".account [name=amount]", "0.001").await?;
    window.press(".account form .primary").await?;
    window.sees(".balance", "KWD 0.001").await?;
    window
        .write(".account [name=amount]", "999,999,999.999")
        .await?;
    window.press(".account form .primary").await?;
    window.sees(".balance", "KWD 1,000,000,000.000").await?;
    ensure!(anna.balance().await? == 1_000_000_000_000);

    window.order("Tea", "1.5").await?;
    window.newest_is("Tea", "FINISHED").await?;
    window.sees(".order-amount", "KWD 1.500").await?;
    window.sees(".balance", "KWD 999,999,998.500").await?;
    let orders = anna.client.get("/orders").await?.json()?;
    ensure!(orders[0]["amount"] == 1_500, "{orders}");
    window.close().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proposed_sum_says_what_it_fills_in() -> Result<()> {
    let shop = Plan::new(Mode::Embedded)
        .env("GOZON_CURRENCY", "KRW")
        .start()
        .await?;
    let anna = shop.stranger();
    anna.open_account().await?;
    let window = Window::on(&shop).await?;
    window.enter_as(&anna.name).await?;

    window
        .sees(".account .chips", "+₩15,000+₩75,000+₩150,000")
        .await?;
    window.press(".account .chip:first-child").await?;
    window.press(".account form .primary").await?;
    window.sees(".balance", "₩15,000").await?;
    ensure!(anna.balance().await? == 15_000);
    window.close().await
}
