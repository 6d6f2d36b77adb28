//! Three instances of orders and two of payments behind one gateway, while
//! instances are stopped and started.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gozon_tests::eventually;
use gozon_tests::http::{Client, Socket};
use gozon_tests::shop::{Customer, Fleet, Service, Settled, Traffic};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use uuid::Uuid;

const BOUND: Duration = Duration::from_secs(60);

/// Whether the instance at this address has handled messages.
async fn has_handled(instance: SocketAddr) -> Result<()> {
    let metrics = Client::at(instance).get("/metrics").await?;
    let lines = metrics.having(200)?.text();
    let mut handled = lines.lines().filter_map(|line| {
        let (name, count) = line.rsplit_once(' ')?;
        name.starts_with("gozon_inbox_handled_total{")
            .then_some(count)
    });
    ensure!(
        handled.any(|count| count != "0"),
        "{instance} has handled nothing"
    );
    Ok(())
}

/// A WebSocket that is read all the time, until it closes.
struct Listening {
    frames: mpsc::UnboundedReceiver<Value>,
    _reader: JoinSet<()>,
}

impl Listening {
    async fn as_customer(customer: &Customer) -> Result<Self> {
        let mut socket: Socket = customer.client.websocket("/ws").await?;
        // First what there is already.
        socket
            .until(BOUND, |frame| frame["type"] == "ready")
            .await?;
        let (heard, frames) = mpsc::unbounded_channel();
        let mut reader = JoinSet::new();
        reader.spawn(async move {
            while let Ok(frame) = socket.next(BOUND * 4).await {
                if heard.send(frame).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            frames,
            _reader: reader,
        })
    }

    /// Waits until each of these orders was heard to be FINISHED, each once
    /// and no other.
    async fn hears(&mut self, orders: &BTreeSet<Uuid>) -> Result<()> {
        let mut waiting = orders.clone();
        while !waiting.is_empty() {
            let frame = tokio::time::timeout(BOUND, self.frames.recv()).await;
            let frame = frame.with_context(|| format!("not heard of {waiting:?}"))?;
            let frame = frame.context("the socket was closed")?;
            ensure!(frame["status"] == "FINISHED", "{frame}");
            let order: Uuid = frame["order_id"].as_str().context("no order")?.parse()?;
            ensure!(waiting.remove(&order), "heard twice, or not ours: {frame}");
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_one_instance_hears_of_every_order_while_the_others_come_and_go() -> Result<()>
{
    let mut fleet = Fleet::start(3, 2).await?;
    // Anna listens at instance 0, which stays, and orders wherever the gateway
    // takes her. Boris only makes more traffic.
    let anna = fleet.customer(1_000_000_000).await?;
    let boris = fleet.customer(1_000_000_000).await?;
    let newcomer = fleet.customer(200).await?;
    let first = fleet.client_before(0).await?;
    let mut listening = Listening::as_customer(&anna.at(&first)).await?;
    let traffic = Traffic::of([anna.clone(), boris.clone()], 100);

    // What the others settle, she has to hear of, too.
    for n in [0, 1, 2] {
        let address = fleet.address(Service::Orders, n);
        eventually(BOUND, "each instance settles orders", async || {
            has_handled(address).await
        })
        .await?;
    }
    for (service, n) in [(Service::Orders, 1), (Service::Payments, 0)] {
        traffic.flows(5).await?;
        fleet.stop(service, n).await?;
        traffic.flows(5).await?;
        fleet.start_again(service, n).await?;
    }
    for (service, n) in [(Service::Payments, 1), (Service::Orders, 2)] {
        traffic.flows(5).await?;
        fleet.kill(service, n).await?;
        traffic.flows(5).await?;
        fleet.start_again(service, n).await?;
    }
    traffic.flows(5).await?;

    let mut accepted: BTreeMap<String, BTreeSet<Uuid>> = BTreeMap::new();
    for (customer, order) in traffic.finish().await? {
        let new = accepted.entry(customer.name).or_default().insert(order);
        ensure!(new, "{order} was accepted twice");
    }
    let all: usize = accepted.values().map(BTreeSet::len).sum();
    listening.hears(&accepted[&anna.name]).await?;
    for order in &accepted[&boris.name] {
        boris.expect(*order, "FINISHED").await?;
    }
    // Every instance that came back has its listeners told again.
    for n in [1, 2] {
        let there = fleet.client_before(n).await?;
        let newcomer = newcomer.at(&there);
        let mut listening = Listening::as_customer(&newcomer).await?;
        let key = format!("order-{n}");
        let order = eventually(BOUND, "the order is accepted", async || {
            newcomer.order_keyed(&key, 100).await
        });
        listening.hears(&BTreeSet::from([order.await?])).await?;
    }
    // Nothing lost, nothing double: as many orders as were accepted, each paid
    // for once.
    for customer in [&anna, &boris] {
        let spent = i64::try_from(accepted[&customer.name].len())? * 100;
        ensure!(customer.balance().await? == 1_000_000_000 - spent);
    }
    ensure!(
        fleet.books.audit().await?
            == Settled {
                finished: i64::try_from(all)? + 2,
                cancelled: 0
            }
    );
    Ok(())
}
