//! The transport suite on every transport that we ship.

mod amqp;
mod in_process;

use gozon_core::conformance::transport::run_all;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_in_process_transport_keeps_every_rule_of_transports() -> anyhow::Result<()> {
    run_all(&in_process::InProcessHarness).await.into_result()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rabbitmq_transport_keeps_every_rule_of_transports() -> anyhow::Result<()> {
    let harness = amqp::AmqpHarness::at_test_server().await?;

    let report = run_all(&harness).await;

    harness.remove_queues().await?;
    report.into_result()?;
    Ok(())
}
