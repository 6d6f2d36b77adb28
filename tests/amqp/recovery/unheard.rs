//! A subscriber that cannot be served yet.

use anyhow::{Result, ensure};
use gozon_core::{Subscriber, Subscription, TransportError};
use gozon_tests::eventually;
use gozon_tests::own_servers::own_rabbitmq;

use crate::bench::{BOUND, Bench, subscribed};

#[tokio::test(flavor = "multi_thread")]
async fn a_broadcast_that_never_stood_is_not_healthy_and_leaves_no_queues() -> Result<()> {
    let server = own_rabbitmq().await?;
    let bench = Bench::on(server.url()).await?;
    let transport = bench.transport().await?;
    let push = Subscription::broadcast("orders.push", &["order_status_changed"]);
    let user = user(server.url());
    let may_read = async |what: &str| {
        let control = ["set_permissions", "-p", "/", user, ".*", ".*", what];
        server.control(&control).await
    };
    // Declared and bound, but not consumed from.
    may_read("gozon\\.events$").await?;
    ensure!(transport.is_connected());

    for _ in 0..3 {
        let refused = transport.subscribe(&push).await.err();
        ensure!(
            matches!(refused, Some(TransportError::Unavailable { .. })),
            "{refused:?}"
        );
        assert!(!transport.is_connected(), "nobody hears anything");
    }

    // What is counted may lag behind what was confirmed.
    eventually(BOUND, "no queue is left behind", async || {
        let queues = server.control(&["list_queues", "-q", "name"]).await?;
        ensure!(!queues.contains("orders.push"), "{queues}");
        Ok(())
    })
    .await?;
    may_read(".*").await?;
    let _pushes = subscribed(&transport, &push).await?;
    assert!(transport.is_connected());
    bench.end(&[&transport], &[]).await
}

fn user(url: &str) -> &str {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    after_scheme.split(':').next().unwrap_or_default()
}
