//! A real PostgreSQL goes away under a consumer, and comes back.

use std::sync::Arc;
use std::time::Duration;

use gozon_core::{Envelope, Subscription};
use gozon_inbox::conformance::{
    Act, Bench, Feed, Probe, Recorder, Scripted, Subject, envelope, eventually, with_patience,
};
use gozon_inbox::store::{InboxStats, State};
use gozon_sqlx::Postgres;
use gozon_sqlx::postgres::{PoolSettings, connect};
use gozon_tests::own_servers::own_postgres;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

const NAME: &str = "bench.messages";

/// A server that starts again has to recover first.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_database_away_messages_are_held_and_nothing_is_counted() {
    with_patience(PATIENCE, story()).await;
}

async fn story() {
    let server = own_postgres().await.unwrap();
    let url = server.database().await.unwrap();
    let settings = PoolSettings {
        acquire_timeout: Duration::from_secs(1),
        ..PoolSettings::default()
    };
    let db = connect(&url, &settings).await.unwrap();
    let bench = Bench::new(Subject::new(db.clone())).await;
    let messages: Vec<Envelope> = (0..40).map(|_| envelope("probe")).collect();
    let gate = Arc::new(Semaphore::new(0));
    let act = Act::Wait(Arc::clone(&gate));
    let handler = Arc::new(Scripted::<Postgres>::default().on(messages[10].id, 1, act));
    let feed = Feed::default();
    let subscription = Subscription::durable(NAME, &["probe"]);
    let outbox = Arc::new(Recorder::default());
    let consumer = bench
        .inbox
        .consumer(subscription, Arc::clone(&handler) as _, outbox);
    let (health, stop) = (consumer.health(), CancellationToken::new());
    let running = tokio::spawn(consumer.run(Arc::new(feed.clone()), stop.clone()));
    feed.deliver(&messages[..10]).await;
    eventually(async || feed.acked().len() == 10).await;

    // It is killed while a batch is in its handler's hands,
    feed.deliver(&messages[10..20]).await;
    eventually(async || handler.calls().len() == 2).await;
    server.kill().await.unwrap();
    gate.add_permits(1);
    eventually(async || health.paused() > 0).await;
    feed.deliver(&messages[20..30]).await;
    assert_eq!(feed.acked().len(), 10);
    server.start().await.unwrap();
    eventually(async || feed.acked().len() == 30).await;
    eventually(async || health.paused() == 0).await;

    // and shut down while messages come that may have been here before.
    server.stop().await.unwrap();
    feed.redeliver(&messages[30..]).await;
    eventually(async || health.paused() > 0).await;
    assert_eq!(feed.acked().len(), 30);
    server.start().await.unwrap();
    eventually(async || feed.acked().len() == 40).await;

    assert_eq!(feed.requeued(), [], "held, never given back");
    assert!(
        bench
            .has_effects(&messages.iter().collect::<Vec<_>>())
            .await
    );
    for message in &messages {
        let mark = Postgres::mark(&db, NAME, message.id).await.unwrap();
        assert_eq!((mark.state, mark.attempts), (State::Done, 0));
    }
    assert_eq!(bench.inbox.stats().await.unwrap(), InboxStats::default());
    assert_eq!(health.restarts(), 0);
    stop.cancel();
    running.await.unwrap().unwrap();
    db.close().await;
}
