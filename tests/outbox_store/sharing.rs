//! Several relays on one PostgreSQL: even shares while they come and go.

use std::sync::Arc;
use std::time::Duration;

use gozon_outbox::OutboxConfig;
use gozon_outbox::conformance::{eventually, message};
use gozon_tests::servers::postgres_database;

use crate::process::{Broker, Process};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shares_are_even_while_relays_join_leave_and_die() {
    let url = postgres_database().await.unwrap();
    let config = OutboxConfig {
        term: Duration::from_secs(2),
        ..OutboxConfig::default()
    };
    let process = Process::start(&url, config).await;
    let broker = Arc::new(Broker::default());
    let settled = async |shares: &[i64]| {
        eventually(&format!("shares are {shares:?}"), || async {
            process.shares().await == shares
        })
        .await;
    };

    let mut relays = Vec::new();
    for shares in [
        &[64][..],
        &[32, 32],
        &[22, 21, 21],
        &[16, 16, 16, 16],
        &[13, 13, 13, 13, 12],
    ] {
        relays.push(process.relay(&broker));
        settled(shares).await;
    }
    relays.remove(1).stop().await;
    settled(&[16, 16, 16, 16]).await;
    relays.remove(0).kill().await;
    settled(&[22, 21, 21]).await;

    let messages: Vec<_> = (0..200)
        .map(|n| message(Some(&format!("k{n}")), "news"))
        .collect();
    process.say(&messages).await;
    broker.saw(200).await;
    for relay in relays {
        relay.stop().await;
    }
    assert!(process.shares().await.is_empty());
}
