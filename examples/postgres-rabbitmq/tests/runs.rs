//! The example runs to its end on the servers of the test run.

use gozon_tests::servers::{amqp_prefix, amqp_url, postgres_database};
use tokio::process::Command;

#[tokio::test]
async fn orders_are_placed_announced_and_counted() -> anyhow::Result<()> {
    let run = Command::new(env!("CARGO_BIN_EXE_gozon-example-postgres-rabbitmq"))
        .env("DATABASE_URL", postgres_database().await?)
        .env("AMQP_URL", amqp_url().await?)
        .env("AMQP_PREFIX", amqp_prefix())
        .output()
        .await?;

    assert!(run.status.success(), "{run:?}");
    assert_eq!(
        String::from_utf8(run.stdout)?,
        "2 orders were placed, announced and counted: 3490\n"
    );
    Ok(())
}
