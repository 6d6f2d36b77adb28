//! A real process that stops in the middle, as a machine that swaps or a virtual
//! one that is moved: others take over, and when it goes on it harms nothing.

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use gozon_tests::eventually;
use gozon_tests::shop::{Mode, Plan, Service, Traffic};
use std::time::Duration;

use crate::restarts::everything_is_paid_once;

const BOUND: Duration = Duration::from_secs(90);
const WAITING: &str = "SELECT count(*) FROM gozon_outbox";
const LEASED: &str =
    "SELECT count(DISTINCT owner) FROM gozon_outbox_leases WHERE owner IS NOT NULL";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_relay_is_replaced_and_harms_nothing_when_it_goes_on() -> Result<()> {
    let mut shop = Plan::new(Mode::Production).instances(2).start().await?;
    eventually(BOUND, "both relays hold leases", async || {
        let owners = shop.books.count_in_orders(LEASED).await?;
        ensure!(owners == 2, "{owners} hold leases");
        Ok(())
    })
    .await?;
    // They shop at the instances that go on.
    let there = shop.client_of(1);
    let customers = try_join_all((0..4).map(|_| shop.customer(1_000_000_000))).await?;
    let traffic = Traffic::of(customers.iter().map(|customer| customer.at(&there)), 100);
    traffic.flows(20).await?;

    shop.process(Service::Orders, 0)?.pause().await?;
    eventually(BOUND, "the other took all its leases over", async || {
        let owners = shop.books.count_in_orders(LEASED).await?;
        ensure!(owners == 1, "{owners} hold leases");
        Ok(())
    })
    .await?;
    traffic.flows(40).await?;
    shop.process(Service::Orders, 0)?.resume().await?;
    traffic.flows(40).await?;

    everything_is_paid_once(&shop, traffic).await?;
    ensure!(shop.books.count_in_orders(WAITING).await? == 0);
    ensure!(shop.process(Service::Orders, 0)?.is_running()?);
    Ok(())
}
