//! Deaths and restarts of our own processes while orders come in.

use std::time::Duration;

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use gozon_tests::eventually;
use gozon_tests::shop::{Mode, Plan, Service, Settled, Shop, Traffic};

/// Every process that can die in this mode.
fn services(mode: Mode) -> &'static [Service] {
    match mode {
        Mode::Embedded => &[Service::Embedded, Service::Embedded, Service::Embedded],
        Mode::Production => &[Service::Payments, Service::Orders, Service::Gateway],
    }
}

pub(crate) async fn killed_at_any_moment_under_traffic(mode: Mode) -> Result<()> {
    let mut shop = Shop::start(mode).await?;
    let traffic = traffic(&shop).await?;

    for service in services(mode) {
        traffic.flows(20).await?;
        shop.kill(*service, 0).await?;
        shop.restart(*service, 0).await?;
    }
    traffic.flows(20).await?;

    everything_is_paid_once(&shop, traffic).await
}

pub(crate) async fn stopped_politely_under_traffic(mode: Mode) -> Result<()> {
    let mut shop = Shop::start(mode).await?;
    let traffic = traffic(&shop).await?;

    for service in services(mode) {
        traffic.flows(20).await?;
        shop.stop(*service, 0).await?;
        shop.restart(*service, 0).await?;
    }
    traffic.flows(20).await?;

    everything_is_paid_once(&shop, traffic).await
}

/// A broker that loses what it confirmed, a queue that someone deleted: here
/// the event is taken out of the outbox before any relay sees it.
pub(crate) async fn a_lost_event_is_asked_for_again(mode: Mode) -> Result<()> {
    let mut shop = Plan::new(mode)
        .env("GOZON_RECONCILE_AFTER", "1s")
        .failpoints(Service::Orders, "outbox.read=abort")
        .start()
        .await?;
    let anna = shop.customer(10_000).await?;
    let _ = anna.order_keyed("the-one", 2_490).await;
    shop.process(Service::Orders, 0)?
        .ended(Duration::from_secs(60))
        .await?;
    shop.books.lose_outbox_of_orders().await?;

    shop.restart(Service::Orders, 0).await?;
    let order = eventually(
        Duration::from_secs(60),
        "the repeat is answered",
        async || anna.order_keyed("the-one", 2_490).await,
    )
    .await?;

    anna.expect(order, "FINISHED").await?;
    ensure!(anna.balance().await? == 7_510);
    ensure!(
        shop.books.audit().await?
            == Settled {
                finished: 1,
                cancelled: 0
            }
    );
    Ok(())
}

pub(crate) async fn traffic(shop: &Shop) -> Result<Traffic> {
    let customers = try_join_all((0..4).map(|_| shop.customer(1_000_000_000))).await?;
    Ok(Traffic::of(customers, 100))
}

pub(crate) async fn everything_is_paid_once(shop: &Shop, traffic: Traffic) -> Result<()> {
    let orders = traffic.finish().await?;
    let settled = shop.books.audit().await?;
    ensure!(
        settled.cancelled == 0 && usize::try_from(settled.finished)? == orders.len(),
        "{} orders were accepted, {settled:?}",
        orders.len()
    );
    for (customer, order) in &orders {
        let found = customer.look(*order).await?;
        ensure!(found["status"] == "FINISHED", "{found}");
    }
    Ok(())
}
