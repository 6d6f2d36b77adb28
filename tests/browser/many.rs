use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use gozon_tests::shop::{Mode, Shop};
use serde_json::json;

use crate::window::Window;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_orders_are_read_page_by_page_and_stay_in_order() -> Result<()> {
    let shop = Shop::start(Mode::Embedded).await?;
    let anna = shop.customer(1_000_000).await?;
    for _ in 0..20 {
        try_join_all((0..10).map(|_| anna.order(100))).await?;
    }
    let window = Window::on(&shop).await?;
    window.enter_as(&anna.name).await?;

    for shown in [50, 100, 150, 200] {
        window
            .sees(".orders-foot", &format!("{shown} orders shown"))
            .await?;
        let more = window
            .value("document.querySelector('.orders-foot button').checkVisibility()")
            .await?;
        ensure!(more == json!(shown < 200), "{shown}: {more}");
        if shown < 200 {
            window.press(".orders-foot button").await?;
        }
    }
    // Whoever came here by keyboard stands at the first of the last orders.
    window
        .until("document.activeElement === document.querySelectorAll('.order a')[150]")
        .await?;
    window
        .until("document.querySelectorAll('.order[data-status=FINISHED]').length === 200")
        .await?;

    window.order("The last one", "5").await?;
    window.newest_is("The last one", "FINISHED").await?;
    let addresses = window
        .value(
            "[...document.querySelectorAll('.order a')].map((link) => link.hash.split('/').at(-1))",
        )
        .await?;
    let ids: Vec<_> = addresses
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|id| id.as_str())
        .collect();
    ensure!(
        ids.len() == 201 && ids.is_sorted_by(|newer, older| newer > older),
        "{ids:?}"
    );
    window.close().await
}
