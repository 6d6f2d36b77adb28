//! A queue is deleted under its consumer, at a real broker.

use std::sync::Arc;

use gozon_core::{Outcome, Publisher, Subscription};
use gozon_inbox::conformance::{Bench, Recorder, Scripted, Subject, envelope, eventually};
use gozon_sqlx::Postgres;
use gozon_tests::servers::{amqp_prefix, amqp_url};
use gozon_transport_amqp::{AmqpConfig, AmqpTransport};
use lapin::options::QueueDeleteOptions;
use lapin::{Connection, ConnectionProperties};
use tokio_util::sync::CancellationToken;

use super::database;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_whose_queue_is_deleted_says_so_and_goes_on() {
    let (db, ()) = database().await;
    let (url, prefix) = (amqp_url().await.unwrap(), amqp_prefix());
    let config = AmqpConfig::new(&url).with_prefix(&prefix);
    let transport = AmqpTransport::connect(config).await.unwrap();
    let bench = Bench::new(Subject::new(db)).await;
    let subscription = Subscription::durable("bench.messages", &["probe"]);
    let handler = Arc::new(Scripted::<Postgres>::default());
    let outbox = Arc::new(Recorder::default());
    let consumer = bench.inbox.consumer(subscription, handler, outbox);
    let (health, stop) = (consumer.health(), CancellationToken::new());
    let running = tokio::spawn(consumer.run(Arc::new(transport.clone()), stop.clone()));
    eventually(async || health.check().is_ok()).await;
    let (first, second) = (envelope("probe"), envelope("probe"));
    let batch = [first.clone()];
    assert_eq!(transport.publish(&batch).await, [Outcome::Confirmed]);
    eventually(async || bench.has_effects(&[&first]).await).await;

    let operator = Connection::connect(&url, ConnectionProperties::default()).await;
    let operator = operator.unwrap();
    let channel = operator.create_channel().await.unwrap();
    let queue = format!("{prefix}bench.messages");
    let delete = channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default());
    delete.await.unwrap();
    eventually(async || health.restarts() == 1).await;
    let batch = [second.clone()];
    assert_eq!(transport.publish(&batch).await, [Outcome::Confirmed]);
    eventually(async || bench.has_effects(&[&first, &second]).await).await;

    assert_eq!(health.check(), Ok(()));
    stop.cancel();
    running.await.unwrap().unwrap();
    let delete = channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default());
    delete.await.unwrap();
    transport.close().await;
}
