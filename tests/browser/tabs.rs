use anyhow::{Result, ensure};
use gozon_tests::shop::{Mode, Shop};
use serde_json::json;

use crate::window::Window;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_customers_in_two_tabs_never_see_each_others_orders() -> Result<()> {
    let shop = Shop::start(Mode::Embedded).await?;
    let (anna, boris) = (shop.customer(100_000).await?, shop.customer(100_000).await?);
    let window = Window::on(&shop).await?;
    window.enter_as(&anna.name).await?;
    let annas = window.session().new_tab().await?;
    window.enter_as(&boris.name).await?;
    let boriss = window.session().tab().await?;

    for n in 1..=3 {
        window.session().go_to_tab(&annas).await?;
        window.order(&format!("Tea {n} for Anna"), "1").await?;
        window
            .newest_is(&format!("Tea {n} for Anna"), "FINISHED")
            .await?;
        window.session().go_to_tab(&boriss).await?;
        window.order(&format!("Pie {n} for Boris"), "2").await?;
        window
            .newest_is(&format!("Pie {n} for Boris"), "FINISHED")
            .await?;
    }

    let theirs = anna.client.get("/orders").await?.json()?[0]["id"].clone();
    for (tab, user, own, foreign) in [
        (&annas, &anna.name, "for Anna", "for Boris"),
        (&boriss, &boris.name, "for Boris", "for Anna"),
    ] {
        window.session().go_to_tab(tab).await?;
        let listed = window
            .value("[...document.querySelectorAll('.order-what')].map((what) => what.textContent)")
            .await?;
        let listed = listed.as_array().cloned().unwrap_or_default();
        ensure!(listed.len() == 3, "{listed:?}");
        ensure!(
            listed
                .iter()
                .all(|text| text.as_str().is_some_and(|text| text.ends_with(own))),
            "{listed:?}"
        );
        ensure!(!window.shows(foreign).await?, "{user} sees {foreign}");
        window.press(".tab:last-child").await?;
        window
            .until("document.querySelectorAll('tbody tr').length === 4")
            .await?;
        ensure!(!window.shows(foreign).await?, "{user} sees {foreign}");
    }
    // Nor by asking for it.
    window
        .open(&format!(
            "/#/u/{}/orders/{}",
            boris.name,
            theirs.as_str().unwrap_or_default()
        ))
        .await?;
    window.sees(".empty", "There is no such order").await?;
    window.close().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_ordered_elsewhere_appears_here() -> Result<()> {
    let shop = Shop::start(Mode::Embedded).await?;
    let anna = shop.customer(10_000).await?;
    let window = Window::on(&shop).await?;
    window.enter_as(&anna.name).await?;

    anna.order(2_500).await?;

    window.newest_is("a book", "FINISHED").await?;
    window.hears("Paida book · ₽25.00").await?;
    window.sees(".balance", "₽75.00").await?;
    // The customer is remembered, in whichever tab comes next.
    window.session().new_tab().await?;
    window.open("/").await?;
    window
        .until(&format!(
            "location.hash === {}",
            json!(format!("#/u/{}", anna.name))
        ))
        .await?;
    window.newest_is("a book", "FINISHED").await?;
    // What was known before is no news.
    let toasts = window
        .value("document.querySelectorAll('.toast').length")
        .await?;
    ensure!(toasts == 0, "{toasts} toasts");
    window.close().await
}
