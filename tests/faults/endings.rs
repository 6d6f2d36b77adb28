//! SIGTERM when something is in the way: Docker kills after ten seconds.

use std::time::Duration;

use anyhow::{Result, ensure};
use gozon_tests::link::Link;
use gozon_tests::servers::{amqp_url, postgres_database};
use gozon_tests::shop::{Mode, Plan, Service, Shop};
use tokio::time::Instant;

use crate::restarts::{everything_is_paid_once, traffic};

/// What Docker and Kubernetes leave, or less.
const GRACE: Duration = Duration::from_secs(10);

/// Sends SIGTERM to all services at once and waits for their ends.
async fn end_all(shop: &mut Shop, services: &[Service]) -> Result<Vec<bool>> {
    let started = Instant::now();
    for &service in services {
        shop.process(service, 0)?.terminate().await?;
    }
    let mut well = Vec::new();
    for &service in services {
        let left = GRACE.saturating_sub(started.elapsed());
        let status = shop.process(service, 0)?.ended(left).await?;
        well.push(status.success());
    }
    Ok(well)
}

pub(crate) async fn open_sockets_do_not_hold_up_an_end_under_traffic(mode: Mode) -> Result<()> {
    let mut shop = Shop::start(mode).await?;
    let anna = shop.customer(1_000_000_000).await?;
    // None of them reads what it is sent.
    let mut sockets = Vec::new();
    for _ in 0..8 {
        sockets.push(anna.client.websocket("/ws").await?);
    }
    let traffic = traffic(&shop).await?;
    traffic.flows(20).await?;

    let services: &[Service] = match mode {
        Mode::Embedded => &[Service::Embedded],
        Mode::Production => &[Service::Orders, Service::Payments, Service::Gateway],
    };
    let well = end_all(&mut shop, services).await?;
    ensure!(well.iter().all(|well| *well), "{services:?}: {well:?}");

    for &service in services {
        shop.restart(service, 0).await?;
    }
    everything_is_paid_once(&shop, traffic).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_database_does_not_hold_up_the_end() -> Result<()> {
    let databases = [postgres_database().await?, postgres_database().await?];
    let links = [
        Link::to(&databases[0]).await?,
        Link::to(&databases[1]).await?,
    ];
    let plan = Plan::new(Mode::Production)
        .databases(links[0].url(&databases[0])?, links[1].url(&databases[1])?);
    let mut shop = plan.start().await?;
    let traffic = traffic(&shop).await?;
    traffic.flows(20).await?;

    links.iter().for_each(Link::fall_silent);
    // How they end is not asked: what they could not finish comes again.
    end_all(&mut shop, &[Service::Orders, Service::Payments]).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_broker_does_not_hold_up_the_end() -> Result<()> {
    let broker = amqp_url().await?;
    let link = Link::to(&broker).await?;
    let plan = Plan::new(Mode::Production).amqp(link.url(&broker)?);
    let mut shop = plan.start().await?;
    let traffic = traffic(&shop).await?;
    traffic.flows(20).await?;

    link.fall_silent();
    end_all(&mut shop, &[Service::Orders, Service::Payments]).await?;
    Ok(())
}
