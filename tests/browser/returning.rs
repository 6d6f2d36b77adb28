use anyhow::{Result, ensure};
use gozon_tests::shop::{Customer, Mode, Service, Shop};
use serde_json::json;

use crate::window::Window;

/// Lets the answers to the next POSTs be lost on their way back.
const LOSE_ANSWERS: &str = "
    const real = window.fetch;
    window.lost = 0;
    window.losing = arguments[0];
    window.fetch = async (path, request) => {
      const answer = await real(path, request);
      if (request?.method !== 'POST' || window.losing === 0) return answer;
      window.losing -= 1;
      window.lost += 1;
      throw new TypeError('the answer was lost');
    };";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_gateway_has_been_away_the_page_knows_what_it_missed() -> Result<()> {
    let mut shop = Shop::start(Mode::Production).await?;
    let anna = shop.customer(10_000).await?;
    let window = Window::on(&shop).await?;
    window.enter_as(&anna.name).await?;
    window.order("Tea", "10").await?;
    window.newest_is("Tea", "FINISHED").await?;

    shop.stop(Service::Gateway, 0).await?;
    window
        .until("document.querySelector('.line').dataset.state === 'offline'")
        .await?;
    window
        .sees(".offline", "No connection to the shop since")
        .await?;
    // The services go on without it.
    let behind = gozon_tests::http::Client::at(shop.address(Service::Orders, 0));
    let missed = Customer {
        client: behind.as_user(&anna.name),
        name: anna.name.clone(),
    };
    missed
        .expect(missed.order(2_500).await?, "FINISHED")
        .await?;
    ensure!(!window.shows("a book").await?);

    shop.restart(Service::Gateway, 0).await?;
    window.is_live().await?;
    window.newest_is("a book", "FINISHED").await?;
    window.sees(".balance", "₽65.00").await?;
    window
        .until("document.querySelector('.offline').hidden")
        .await?;

    // And it is told of what comes next.
    anna.order(500).await?;
    window.sees(".balance", "₽60.00").await?;
    window
        .until("document.querySelectorAll('.order[data-status=FINISHED]').length === 3")
        .await?;
    window.close().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_whose_answer_was_lost_is_not_made_twice() -> Result<()> {
    let shop = Shop::start(Mode::Embedded).await?;
    let anna = shop.customer(10_000).await?;
    let window = Window::on(&shop).await?;
    window.enter_as(&anna.name).await?;

    window.session().run(LOSE_ANSWERS, json!([2])).await?;
    window.order("Tea", "10").await?;
    window.newest_is("Tea", "FINISHED").await?;
    window.until("window.lost === 2").await?;
    window
        .until("document.querySelector('.basket [name=description]').value === ''")
        .await?;

    // Nor across a reload: the wish is still there, with the key that it had.
    window.session().run(LOSE_ANSWERS, json!([1_000])).await?;
    window.order("Pie", "20.50").await?;
    window.until("window.lost > 0").await?;
    window.sees(".basket", "it will not be done twice").await?;
    window.session().run("location.reload()", json!([])).await?;
    window
        .sees(".basket", "The answer to this got lost.")
        .await?;
    let kept = window
        .value("[...document.querySelectorAll('.basket input')].map((input) => input.value)")
        .await?;
    ensure!(kept == json!(["Pie", "20.50"]), "{kept}");
    window.press(".basket form .primary").await?;
    window.sees(".basket", "Ordered: Pie").await?;

    let orders = anna.client.get("/orders").await?.json()?;
    let names: Vec<_> = orders
        .as_array()
        .into_iter()
        .flatten()
        .map(|order| &order["description"])
        .collect();
    ensure!(names == ["Pie", "Tea"], "{orders}");
    window.sees(".balance", "₽69.50").await?;
    window.close().await
}

/// Keeps the answers to POSTs back until `window.letGo()`.
const KEEP_ANSWERS: &str = "
    const real = window.fetch;
    window.kept = 0;
    const open = new Promise((resolve) => { window.letGo = resolve; });
    window.fetch = async (path, request) => {
      const answer = await real(path, request);
      if (request?.method === 'POST') {
        window.kept += 1;
        await open;
      }
      return answer;
    };";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_comes_after_a_change_of_view_empties_the_form_that_is_shown() -> Result<()>
{
    let shop = Shop::start(Mode::Embedded).await?;
    let anna = shop.customer(10_000).await?;
    let window = Window::on(&shop).await?;
    window.enter_as(&anna.name).await?;
    window.session().run(KEEP_ANSWERS, json!([])).await?;
    window.order("Tea", "10").await?;
    window.press(".account summary").await?;
    window.write(".account [name=amount]", "5").await?;
    window.press(".account form .primary").await?;
    window.until("window.kept === 2").await?;

    window.press(".tab:last-child").await?;
    window.sees("h1", "Statement").await?;
    window.press(".tab:first-child").await?;
    let inputs = "[...document.querySelectorAll('.basket input, .account input')].map((input) => input.value)";
    // In whatever order the two forms stand.
    window
        .until(&format!(
            "JSON.stringify({inputs}.toSorted()) === {}",
            json!(json!(["10", "5", "Tea"]).to_string())
        ))
        .await?;
    window.session().run("window.letGo()", json!([])).await?;

    window
        .until(&format!("{inputs}.every((value) => value === '')"))
        .await?;
    window.newest_is("Tea", "FINISHED").await?;
    window.sees(".balance", "₽95.00").await?;
    let orders = anna.client.get("/orders").await?.json()?;
    ensure!(orders.as_array().map(Vec::len) == Some(1), "{orders}");
    window.close().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_part_of_the_shop_could_not_say_is_asked_again() -> Result<()> {
    let mut shop = Shop::start(Mode::Production).await?;
    let anna = shop.customer(10_000).await?;
    shop.stop(Service::Payments, 0).await?;
    let window = Window::on(&shop).await?;

    // Orders is there, and with it the live line.
    window.open(&format!("/#/u/{}", anna.name)).await?;
    window.is_live().await?;
    window.sees(".account", "could not be read").await?;
    shop.restart(Service::Payments, 0).await?;

    window.sees(".balance", "₽100.00").await?;
    window.order("Tea", "10").await?;
    window.newest_is("Tea", "FINISHED").await?;
    window.close().await
}
