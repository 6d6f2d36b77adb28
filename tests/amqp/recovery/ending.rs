//! A process ends in peace after its transport.

use anyhow::Result;
use gozon_core::{Publisher, Subscription};

use crate::bench::{Bench, envelopes, subscribed};

/// Set in the process that the next test starts: itself once more.
const CHILD: &str = "GOZON_TEST_AMQP_CHILD";

#[test]
fn a_process_that_closes_its_transport_ends_without_a_panic() -> Result<()> {
    if std::env::var_os(CHILD).is_some() {
        return publish_and_close();
    }

    let child = std::process::Command::new(std::env::current_exe()?)
        .args(["--exact", "--nocapture"])
        .arg("recovery::ending::a_process_that_closes_its_transport_ends_without_a_panic")
        .env(CHILD, "1")
        .output()?;

    let said = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    assert!(String::from_utf8_lossy(&child.stdout).contains("1 passed"));
    Ok(())
}

fn publish_and_close() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let bench = Bench::new().await?;
        let of_bench = lapin_threads();
        let transport = bench.transport().await?;
        let orders = Subscription::durable("payments.orders", &["order_created"]);
        let _deliveries = subscribed(&transport, &orders).await?;
        transport.publish(&envelopes("order_created", 100)).await;

        transport.close().await;

        // lapin's threads panic when they outlive the runtime with a
        // connection open; the transport's are gone.
        assert_eq!(lapin_threads(), of_bench);
        bench.end(&[], &[&orders]).await
    })?;
    drop(runtime);
    Ok(())
}

/// Only Linux tells the names of a process's threads.
fn lapin_threads() -> usize {
    std::fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
        .filter(|name| name.starts_with("lapin"))
        .count()
}
