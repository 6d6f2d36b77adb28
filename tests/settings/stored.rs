//! Settings that contradict what is stored.

use std::time::Duration;

use anyhow::{Result, ensure};
use gozon_tests::processes::{Program, free_address};
use gozon_tests::servers::{amqp_url, postgres_database};
use gozon_tests::shop::{Mode, Plan};

use crate::wrong::{good, one_line};

async fn refused(program: Program) -> Result<()> {
    let mut process = program.env("GOZON_CURRENCY", "EUR").spawn()?;
    let status = process.ended(Duration::from_secs(30)).await?;
    let log = process.log()?;
    let line = one_line(&log)?;
    ensure!(status.code() == Some(2), "{status}: {line}");
    ensure!(
        line.contains(": GOZON_CURRENCY: the stored ") && line.contains("use another database"),
        "{line}"
    );
    Ok(())
}

#[tokio::test]
async fn the_embedded_shop_does_not_start_on_data_in_another_currency() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let address = free_address()?;
    let in_roubles = good("gozon", &folder)?
        .env("GOZON_BIND", address.to_string())
        .ready_at(address);
    ensure!(in_roubles.start().await?.stop().await?.success());

    refused(good("gozon", &folder)?).await?;

    // Nothing was changed by the attempt.
    ensure!(in_roubles.start().await?.stop().await?.success());
    Ok(())
}

#[tokio::test]
async fn no_service_starts_on_a_database_in_another_currency() -> Result<()> {
    let (orders, payments) = (postgres_database().await?, postgres_database().await?);
    let shop = Plan::new(Mode::Production).databases(&orders, &payments);
    let shop = shop.start().await?;
    shop.customer(100).await?;

    let folder = tempfile::tempdir()?;
    for (binary, database) in [("gozon-orders", &orders), ("gozon-payments", &payments)] {
        let program = good(binary, &folder)?
            .env("GOZON_DB_START_TIMEOUT", "10s")
            .env("DATABASE_URL", database)
            .env("AMQP_URL", amqp_url().await?);
        refused(program).await?;
    }

    // The shop that runs on them is not disturbed.
    let boris = shop.customer(100).await?;
    let order = boris.order(100).await?;
    boris.expect(order, "FINISHED").await?;
    Ok(())
}
