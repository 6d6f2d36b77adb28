use std::time::Duration;

use anyhow::{Result, ensure};
use gozon_tests::shop::{Mode, Shop};
use serde_json::Value;

const BOUND: Duration = Duration::from_secs(30);

fn is_finished(frame: &Value) -> bool {
    frame["status"] == "FINISHED"
}

pub(crate) async fn a_socket_shows_the_order_and_then_its_change(mode: Mode) -> Result<()> {
    let shop = Shop::start(mode).await?;
    let anna = shop.customer(10_000).await?;
    let mut all = anna.client.websocket("/ws").await?;
    ensure!(all.next(BOUND).await?["type"] == "ready");

    let order = anna.order(2_490).await?;
    let mut one = anna
        .client
        .websocket(&format!("/orders/{order}/ws"))
        .await?;
    let of_one = one.until(BOUND, is_finished).await?;
    let of_all = all.until(BOUND, is_finished).await?;

    for frames in [&of_one, &of_all] {
        let versions: Vec<_> = frames
            .iter()
            .map(|frame| frame["version"].as_i64())
            .collect();
        ensure!(
            versions.is_sorted() && versions.last() == Some(&Some(2)),
            "{frames:?}"
        );
        for frame in frames {
            ensure!(frame["type"] == "order.status", "{frame}");
            ensure!(frame["order_id"] == order.to_string(), "{frame}");
            ensure!(frame["user_id"] == anna.name, "{frame}");
        }
    }
    // Who comes later finds it in the snapshot.
    let mut later = anna.client.websocket("/ws").await?;
    ensure!(is_finished(&later.next(BOUND).await?));
    ensure!(later.next(BOUND).await?["type"] == "ready");
    Ok(())
}

pub(crate) async fn a_user_never_hears_of_another_users_orders(mode: Mode) -> Result<()> {
    let shop = Shop::start(mode).await?;
    let anna = shop.customer(10_000).await?;
    let boris = shop.customer(10_000).await?;
    let mut his = boris.client.websocket("/ws").await?;
    ensure!(his.next(BOUND).await?["type"] == "ready");

    let hers = anna.order(100).await?;
    anna.expect(hers, "FINISHED").await?;
    let own = boris.order(100).await?;
    let heard = his.until(BOUND, is_finished).await?;

    ensure!(
        heard
            .iter()
            .all(|frame| frame["order_id"] == own.to_string()),
        "{heard:?}"
    );
    for path in [format!("/orders/{hers}"), format!("/orders/{hers}/ws")] {
        boris.client.get(&path).await?.having(404)?;
    }
    let refused = boris
        .client
        .websocket_refused(&format!("/orders/{hers}/ws"))
        .await?;
    ensure!(refused.status == 404, "{}", refused.text());
    Ok(())
}
