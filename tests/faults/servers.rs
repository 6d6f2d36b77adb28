//! Restarts of the servers below, while orders come in.

use anyhow::Result;
use gozon_tests::own_servers::{own_postgres, own_rabbitmq};
use gozon_tests::shop::{Mode, Plan, Shop};

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
