//! Several instances of each service on the same databases and broker.

use std::time::Duration;

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use gozon_tests::eventually;
use gozon_tests::http::Client;
use gozon_tests::shop::{Mode, Plan, Service, Settled, Shop};

const BOUND: Duration = Duration::from_secs(60);

/// Messages that this instance has handled.
async fn handled(shop: &Shop, service: Service, n: usize) -> Result<f64> {
    let metrics = Client::at(shop.address(service, n)).get("/metrics").await?;
    let lines = metrics.having(200)?.text();
    let counts = lines
        .lines()
        .filter(|line| line.starts_with("gozon_inbox_handled_total{"))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
    Ok(counts.fold(0.0, f64::max))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_share_the_work_and_push_to_each_others_clients() -> Result<()> {
    let shop = Plan::new(Mode::Production).instances(2).start().await?;
    let anna = shop.customer(1_000_000).await?;
    let there = anna.at(&shop.client_of(1));
    let mut here_socket = anna.client.websocket("/ws").await?;
    let mut there_socket = there.client.websocket("/ws").await?;
    for socket in [&mut here_socket, &mut there_socket] {
        ensure!(socket.next(BOUND).await?["type"] == "ready");
    }

    let orders = try_join_all((0..60).map(|n| match n % 2 {
        0 => anna.order(100),
        _ => there.order(100),
    }))
    .await?;

    // Whichever instance settles an order, both sockets hear of each once.
    for socket in [&mut here_socket, &mut there_socket] {
        let mut waiting: std::collections::HashSet<String> =
            orders.iter().map(ToString::to_string).collect();
        while !waiting.is_empty() {
            let frame = socket.next(BOUND).await?;
            ensure!(frame["status"] == "FINISHED", "{frame}");
            let id = frame["order_id"].as_str().unwrap_or_default();
            ensure!(waiting.remove(id), "heard twice: {frame}");
        }
    }
    ensure!(
        shop.books.audit().await?
            == Settled {
                finished: 60,
                cancelled: 0
            }
    );
    for service in [Service::Orders, Service::Payments] {
        for n in [0, 1] {
            let count = handled(&shop, service, n).await?;
            ensure!(count > 0.0, "instance {n} of {service:?} handled nothing");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_others_take_over_when_an_instance_is_killed() -> Result<()> {
    let mut shop = Plan::new(Mode::Production).instances(2).start().await?;
    let anna = shop.customer(1_000_000).await?.at(&shop.client_of(1));
    let before = try_join_all((0..20).map(|_| anna.order(100))).await?;

    shop.kill(Service::Orders, 0).await?;
    shop.kill(Service::Payments, 0).await?;
    let after = try_join_all((0..20).map(|_| anna.order(100))).await?;

    for order in before.into_iter().chain(after) {
        anna.expect(order, "FINISHED").await?;
    }
    ensure!(
        shop.books.audit().await?
            == Settled {
                finished: 40,
                cancelled: 0
            }
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_services_run_in_one_database_with_a_schema_each() -> Result<()> {
    let database = gozon_tests::servers::postgres_database().await?;
    let shop = Plan::new(Mode::Production)
        .databases(&database, &database)
        .schemas("shop_orders", "shop_payments")
        .start()
        .await?;
    let anna = shop.customer(1_000).await?;

    let order = anna.order(400).await?;

    anna.expect(order, "FINISHED").await?;
    eventually(BOUND, "the books are settled", async || {
        ensure!(
            shop.books.audit().await?
                == Settled {
                    finished: 1,
                    cancelled: 0
                }
        );
        Ok(())
    })
    .await
}
