//! Order per key from end to end: a transport that keeps it, two instances that
//! come and go, and a handler that fails now and then.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use gozon_core::{Envelope, InProcess, NewMessage, Outcome, Publisher, Subscriber, Subscription};
use gozon_inbox::conformance::{Recorder, envelope, eventually, with_patience};
use gozon_inbox::store::InboxStats;
use gozon_inbox::{Each, HandleError, Handler, Inbox, InboxConfig};
use gozon_sqlx::{Db, Postgres};
use sqlx::PgConnection;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::database;

const KEYS: usize = 8;
const EACH: usize = 25;

/// Writes down what it handles, in the order in which it does. Every sixth
/// message fails when it first comes.
#[derive(Default)]
struct Journal {
    failed: Mutex<HashSet<String>>,
}

#[async_trait]
impl Handler<PgConnection> for Journal {
    async fn handle(
        &self,
        tx: &mut PgConnection,
        message: &Envelope,
        _: &mut Vec<NewMessage>,
    ) -> Result<(), HandleError> {
        let key = message.key.clone().unwrap();
        let number: i32 = message.subject.as_deref().unwrap().parse().unwrap();
        if number % 6 == 0
            && self
                .failed
                .lock()
                .unwrap()
                .insert(format!("{key} {number}"))
        {
            return Err(HandleError::retry("not yet"));
        }
        sqlx::query("INSERT INTO journal (key, number) VALUES ($1, $2)")
            .bind(key)
            .bind(number)
            .execute(tx)
            .await?;
        Ok(())
    }
}

fn subscription() -> Subscription {
    Subscription::durable("bench.messages", &["probe"]).with_order(4)
}

fn start(
    db: &Db<Postgres>,
    bus: &InProcess,
    journal: &Arc<Journal>,
) -> (CancellationToken, JoinHandle<()>) {
    let config = InboxConfig {
        retry_initial: Duration::from_millis(1),
        retry_max: Duration::from_millis(5),
        retry_poll: Duration::from_millis(2),
        ..InboxConfig::default()
    };
    let inbox = Inbox::new(db.clone(), config).unwrap();
    let handler = Arc::new(Each(Arc::clone(journal)));
    let outbox = Arc::new(Recorder::default());
    let consumer = inbox.consumer(subscription(), handler, outbox);
    let stop = CancellationToken::new();
    let running = consumer.run(Arc::new(bus.clone()), stop.clone());
    let running = tokio::spawn(async move { running.await.unwrap() });
    (stop, running)
}

/// One message of a key in flight, as a relay publishes.
async fn publish(bus: InProcess, key: usize) {
    for number in 0..EACH {
        let message = Envelope {
            key: Some(key.to_string()),
            subject: Some(number.to_string()),
            ..envelope("probe")
        };
        let batch = [message];
        while bus.publish(&batch).await != [Outcome::Confirmed] {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_keeps_its_order_through_failures_and_instances_that_go() {
    with_patience(Duration::from_secs(60), story()).await;
}

async fn story() {
    let (db, ()) = database().await;
    let inbox = Inbox::new(db.clone(), InboxConfig::default()).unwrap();
    inbox.migrate().await.unwrap();
    sqlx::query("CREATE TABLE journal (at bigserial PRIMARY KEY, key text, number integer)")
        .execute(db.writer())
        .await
        .unwrap();
    let bus = InProcess::new();
    bus.declare(&subscription()).await.unwrap();
    let journal = Arc::new(Journal::default());
    let one = start(&db, &bus, &journal);
    let two = start(&db, &bus, &journal);

    let mut publishers = JoinSet::new();
    for key in 0..KEYS {
        publishers.spawn(publish(bus.clone(), key));
    }
    let written = async || {
        let count = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM journal");
        count.fetch_one(db.reader()).await.unwrap()
    };
    eventually(async || written().await >= 40).await;
    one.0.cancel();
    one.1.await.unwrap();
    let three = start(&db, &bus, &journal);
    eventually(async || written().await >= 120).await;
    two.0.cancel();
    two.1.await.unwrap();
    publishers.join_all().await;
    eventually(async || inbox.stats().await.unwrap() == InboxStats::default()).await;

    for key in 0..KEYS {
        let numbers: Vec<i32> =
            sqlx::query_scalar("SELECT number FROM journal WHERE key = $1 ORDER BY at")
                .bind(key.to_string())
                .fetch_all(db.reader())
                .await
                .unwrap();
        let expected: Vec<i32> = (0..).take(EACH).collect();
        assert_eq!(numbers, expected, "key {key}");
    }
    let failed = journal.failed.lock().unwrap().len();
    assert_eq!(failed, KEYS * 5, "the way went through failures");
    three.0.cancel();
    three.1.await.unwrap();
}
