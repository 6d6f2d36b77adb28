//! Restarts of the servers below, while orders come in.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use gozon_tests::eventually;
use gozon_tests::own_servers::{own_postgres, own_rabbitmq};
use gozon_tests::shop::{Mode, Plan, Settled, Shop};
use serde_json::json;

use crate::restarts::{everything_is_paid_once, traffic};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rabbitmq_is_restarted_under_traffic() -> Result<()> {
    let rabbitmq = own_rabbitmq().await?;
    let plan = Plan::new(Mode::Production).amqp(rabbitmq.url());
    let shop = plan.start().await?;
    let traffic = traffic(&shop).await?;

    traffic.flows(20).await?;
    rabbitmq.stop().await?;
    // Orders are accepted while the broker is away.
    traffic.flows(20).await?;
    rabbitmq.start().await?;
    traffic.flows(20).await?;
    rabbitmq.kill().await?;
    rabbitmq.start().await?;
    traffic.flows(20).await?;

    everything_is_paid_once(&shop, traffic).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgresql_is_restarted_under_traffic() -> Result<()> {
    let postgres = own_postgres().await?;
    let plan = Plan::new(Mode::Production)
        .databases(postgres.database().await?, postgres.database().await?);
    let shop: Shop = plan.start().await?;
    let traffic = traffic(&shop).await?;

    traffic.flows(20).await?;
    postgres.stop().await?;
    postgres.start().await?;
    traffic.flows(20).await?;
    postgres.kill().await?;
    postgres.start().await?;
    traffic.flows(20).await?;

    everything_is_paid_once(&shop, traffic).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_are_taken_while_the_broker_is_down_and_all_are_paid_afterwards() -> Result<()> {
    const ORDERS: i64 = 50;
    let rabbitmq = own_rabbitmq().await?;
    let plan = Plan::new(Mode::Production).amqp(rabbitmq.url());
    let shop = plan.start().await?;
    let anna = shop.customer(1_000_000).await?;

    rabbitmq.stop().await?;
    // Each is answered with 201, the first time it is asked.
    let orders = try_join_all((0..ORDERS).map(|_| anna.order(100))).await?;
    const WAITING: &str = "SELECT count(*) FROM gozon_outbox WHERE kind = 'order_created'";
    let waiting = shop.books.count_in_orders(WAITING).await?;
    ensure!(waiting == ORDERS, "{waiting} events wait");
    rabbitmq.start().await?;

    for order in orders {
        anna.expect(order, "FINISHED").await?;
    }
    let paid = Settled {
        finished: ORDERS,
        cancelled: 0,
    };
    ensure!(shop.books.audit().await? == paid);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_postgresql_the_answer_is_later_and_then_it_is_an_order() -> Result<()> {
    let postgres = own_postgres().await?;
    let plan = Plan::new(Mode::Production)
        .databases(postgres.database().await?, postgres.database().await?);
    let shop: Shop = plan.start().await?;
    let anna = shop.customer(10_000).await?;

    postgres.stop().await?;
    let body = json!({ "amount": 2_490, "description": "a book" });
    let keyed = anna.client.with_header("idempotency-key", "the-one");
    let answer = keyed.post("/orders", &body).await?.having(503)?;
    let later: u32 = answer
        .header("retry-after")
        .context("no Retry-After")?
        .parse()?;
    ensure!(later > 0, "at once is not later");
    postgres.start().await?;

    let order = eventually(Duration::from_secs(60), "it is taken", async || {
        anna.order_keyed("the-one", 2_490).await
    })
    .await?;
    anna.expect(order, "FINISHED").await?;
    ensure!(anna.balance().await? == 7_510);
    Ok(())
}
