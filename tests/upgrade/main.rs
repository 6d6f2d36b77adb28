//! A rolling upgrade of the shop: the binaries of an earlier revision and those
//! just built, side by side on the same databases and broker, while customers
//! order all the time.
//!
//! `cargo xtask upgrade` builds the earlier revision and runs this.

// A story outside of `#[test]`: what fails here is its result.
#![allow(clippy::print_stdout)]

mod schema;
mod shoppers;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use gozon_tests::shop::{Fleet, Service, Settled};
use serde_json::Value;
use uuid::Uuid;

use crate::shoppers::Shoppers;

const BOUND: Duration = Duration::from_secs(60);
const ORDERS: [Service; 3] = [Service::Orders; 3];
const PAYMENTS: [Service; 2] = [Service::Payments; 2];

#[tokio::main]
async fn main() -> Result<()> {
    let old = std::env::var_os("GOZON_UPGRADE_FROM").map(PathBuf::from);
    let old = old.context("GOZON_UPGRADE_FROM is not set: run `cargo xtask upgrade`")?;
    let began = Instant::now();
    let said = |what: &str| println!("upgrade: {:3} s: {what}", began.elapsed().as_secs());

    let mut fleet = Fleet::start_from(Some(&old), ORDERS.len(), PAYMENTS.len()).await?;
    let before = schema::steps(&fleet.databases).await?;
    let listener = fleet.customer(1_000_000).await?;
    let shoppers = Shoppers::at(&fleet, 3).await?;
    shoppers.flow(5).await?;
    said("three old orders, two old payments");

    // The first new one of each brings the schema up to date under the old ones.
    for (service, n) in [(Service::Payments, 0), (Service::Orders, 0)] {
        replace(&mut fleet, None, service, n, &shoppers).await?;
        said(&format!("{service:?} {n} is new"));
    }
    let after = schema::steps(&fleet.databases).await?;
    for (place, count) in &after {
        let was = before.get(place).copied().unwrap_or(0);
        ensure!(*count >= was, "{place}: {was} steps became {count}");
        if *count > was {
            said(&format!(
                "{place}: {was} steps of the schema became {count}"
            ));
        }
    }
    if before == after {
        said("both revisions have the same schema");
    }

    // Old and new tell each other's clients.
    for n in [0, 2] {
        let there = listener.at(&fleet.client_before(n).await?);
        let mut socket = there.client.websocket("/ws").await?;
        socket
            .until(BOUND, |frame| frame["type"] == "ready")
            .await?;
        let mut waiting = BTreeSet::new();
        for _ in 0..8 {
            waiting.insert(listener.order(100).await?);
        }
        while !waiting.is_empty() {
            let order = finished(&socket.next(BOUND).await?)?;
            ensure!(waiting.remove(&order), "{order} was heard twice");
        }
    }
    said("a client of an old instance and one of a new one have heard of every order");

    for (service, n) in [
        (Service::Orders, 1),
        (Service::Payments, 1),
        (Service::Orders, 2),
    ] {
        replace(&mut fleet, None, service, n, &shoppers).await?;
        said(&format!("{service:?} {n} is new"));
    }

    // Back, on the schema as it is now; there are no down migrations.
    for (service, n) in [(Service::Orders, 0), (Service::Payments, 0)] {
        replace(&mut fleet, Some(&old), service, n, &shoppers).await?;
        said(&format!("{service:?} {n} is old again"));
        replace(&mut fleet, None, service, n, &shoppers).await?;
        said(&format!("{service:?} {n} is new"));
    }

    let accepted = shoppers.finish().await?;
    for (customer, orders) in &accepted {
        for order in orders {
            customer.expect(*order, "FINISHED").await?;
        }
        let spent = i64::try_from(orders.len())? * 100;
        ensure!(customer.balance().await? == shoppers::BALANCE - spent);
    }
    let all: usize = accepted.iter().map(|(_, orders)| orders.len()).sum();
    let finished = i64::try_from(all)? + 16;
    let settled = Settled {
        finished,
        cancelled: 0,
    };
    ensure!(fleet.books.audit().await? == settled);
    said(&format!(
        "{finished} orders were accepted, each was paid once; no answer but success and \"later\""
    ));
    Ok(())
}

/// One instance is told to stop, and started from the other binaries.
async fn replace(
    fleet: &mut Fleet,
    folder: Option<&std::path::Path>,
    service: Service,
    n: usize,
    shoppers: &Shoppers,
) -> Result<()> {
    fleet.stop(service, n).await?;
    shoppers.flow(3).await?;
    fleet.start_again_from(folder, service, n).await?;
    shoppers.flow(6).await
}

fn finished(frame: &Value) -> Result<Uuid> {
    ensure!(frame["status"] == "FINISHED", "{frame}");
    Ok(frame["order_id"].as_str().context("no order")?.parse()?)
}
