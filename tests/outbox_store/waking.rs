//! How a relay learns of what another process did.

use std::sync::Arc;
use std::time::Instant;

use gozon_outbox::conformance::{eventually, message};
use gozon_outbox::{DeadLetterPage, OutboxConfig, Signature};
use gozon_tests::servers::postgres_database;

use crate::process::{Broker, NEVER, Process};

/// Polls so rarely that only a signal can help.
fn by_signal() -> OutboxConfig {
    OutboxConfig {
        poll_min: NEVER,
        poll_max: NEVER,
        ..OutboxConfig::default()
    }
}

fn by_polling() -> OutboxConfig {
    OutboxConfig {
        notify: false,
        ..OutboxConfig::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_in_one_process_wakes_the_relay_of_another() {
    let url = postgres_database().await.unwrap();
    let (teller, relayer) = (
        Process::start(&url, by_signal()).await,
        Process::start(&url, by_signal()).await,
    );
    let broker = Arc::new(Broker::default());
    let (relay, announcer) = (relayer.relay(&broker), teller.announce());
    eventually("both listen and all is owned", || async {
        teller.listening().await == 2 && teller.shares().await == [64]
    })
    .await;

    for turn in 1..=20 {
        let key = format!("k{turn}");
        let key = (turn % 5 > 0).then_some(key.as_str());
        teller.say(&[message(key, "news")]).await;
        broker.saw(turn).await;
    }

    announcer.stop().await;
    relay.stop().await;
}

/// The same with nothing but polls, on both sides.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn polling_alone_finds_what_another_process_committed() {
    let url = postgres_database().await.unwrap();
    let (teller, relayer) = (
        Process::start(&url, by_polling()).await,
        Process::start(&url, by_polling()).await,
    );
    let broker = Arc::new(Broker::default());
    let relay = relayer.relay(&broker);
    teller.announce().stop().await;

    for turn in 1..=5 {
        teller.say(&[message(Some("k"), "news")]).await;
        broker.saw(turn).await;
    }

    assert_eq!(teller.listening().await, 0);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_side_connection_comes_back_and_nothing_stays_behind() {
    let url = postgres_database().await.unwrap();
    let (teller, relayer) = (
        Process::start(&url, by_signal()).await,
        Process::start(&url, by_signal()).await,
    );
    let broker = Arc::new(Broker::default());
    let (relay, announcer) = (relayer.relay(&broker), teller.announce());
    let listening = || async { teller.listening().await == 2 };
    eventually("both listen", listening).await;
    teller.say(&[message(Some("a"), "before")]).await;
    broker.saw(1).await;

    let mut ended = Vec::new();
    for turn in 1..=3 {
        eventually("both are connected anew", || async {
            teller.side_connections(&ended).await.len() == 2
        })
        .await;
        let alive = teller.side_connections(&ended).await;
        teller.end_connections(&alive).await;
        ended.extend(alive);
        // Committed while nobody listens.
        teller.say(&[message(Some("a"), "meanwhile")]).await;
        broker.saw(turn + 1).await;
    }

    announcer.stop().await;
    relay.stop().await;
}

/// The signal's connection is no part of the transaction, so a rollback says
/// nothing and a commit does not wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_business_transaction_never_notifies() {
    let url = postgres_database().await.unwrap();
    let teller = Process::start(&url, by_signal()).await;
    let mut listener = sqlx::postgres::PgListener::connect(&url).await.unwrap();
    let channel: String =
        sqlx::query_scalar("SELECT 'gozon_outbox_' || 'gozon_outbox'::regclass::oid")
            .fetch_one(teller.db.reader())
            .await
            .unwrap();
    listener.listen(&channel).await.unwrap();

    // Nobody announces in this process.
    teller.say(&[message(Some("a"), "quiet")]).await;
    sqlx::query("SELECT pg_notify($1, 'the end')")
        .bind(&channel)
        .execute(teller.db.writer())
        .await
        .unwrap();

    let first = listener.recv().await.unwrap();
    assert_eq!(first.payload(), "the end");
}

/// Decided in a process that relays nothing, such as an operator's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_in_one_process_is_carried_out_by_the_relay_of_another() {
    for notify in [true, false] {
        let url = postgres_database().await.unwrap();
        let config = OutboxConfig {
            notify,
            ..OutboxConfig::default()
        };
        let operator = Process::start(&url, config.clone()).await;
        let relayer = Process::start(&url, config).await;
        let broker = Arc::new(Broker::default());
        let relay = relayer.relay(&broker);
        relayer
            .say(&[message(Some("k"), "poison"), message(Some("k"), "next")])
            .await;
        let page = DeadLetterPage::default();
        let list = || async { operator.outbox.dead_letters(&page).await.unwrap() };
        eventually("it is dead", || async { list().await.len() == 1 }).await;
        let seqs: Vec<i64> = list().await.iter().map(|dead| dead.seq).collect();
        broker.heal();

        let signature = Signature {
            by: "maria".to_owned(),
            reason: "the limit was raised".to_owned(),
        };
        let decided = Instant::now();
        let replayed = operator.outbox.replay(&seqs, &signature).await.unwrap();
        broker.saw(2).await;

        println!(
            "notify {notify}: decided to published {:?}",
            decided.elapsed()
        );
        assert_eq!(replayed, seqs);
        assert_eq!(broker.seen(), ["poison", "next"]);
        relay.stop().await;
    }
}
