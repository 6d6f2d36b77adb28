//! Verdicts that come twice, or contradict each other.

use std::sync::atomic::{AtomicU64, Ordering};

use ::metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use gozon_core::SystemClock;
use gozon_events::Reason;
use gozon_sqlx::sqlite::{PoolSettings, open};
use gozon_sqlx::{Db, Sqlite};
use time::OffsetDateTime;

use super::*;

/// What became of an order, and how often the alarm went.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    status: OrderStatus,
    version: i64,
    /// Messages about the change.
    told: usize,
    alarms: u64,
}

/// A new order that is told these verdicts, batch by batch.
async fn told(batches: &[&[Option<Reason>]]) -> Seen {
    let alarms = Alarms::default();
    let _recorder = ::metrics::set_default_local_recorder(&alarms);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("orders.db");
    let db: Db<Sqlite> = open(&file, &PoolSettings::default()).await.unwrap();
    Sqlite::SCHEMA.run(&db).await.unwrap();
    let order = Order::accept(
        "anna".to_owned(),
        100,
        "RUB".to_owned(),
        "tea".to_owned(),
        OffsetDateTime::UNIX_EPOCH,
    );
    let mut tx = db.begin().await.unwrap();
    Sqlite::insert_order(&mut tx, &order, std::time::Duration::from_secs(60))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let handler = SettleOrders::<Sqlite>::new(Arc::new(SystemClock));

    let mut out = Vec::new();
    for batch in batches {
        let messages: Vec<_> = batch.iter().map(|why| verdict(&order, *why)).collect();
        let mut tx = db.begin().await.unwrap();
        handler.handle(&mut tx, &messages, &mut out).await.unwrap();
        tx.commit().await.unwrap();
    }

    let mut tx = db.begin().await.unwrap();
    let now = Sqlite::by_ids_in(&mut tx, &[order.id]).await.unwrap();
    Seen {
        status: now[0].status,
        version: now[0].version,
        told: out.len(),
        alarms: alarms.0.load(Ordering::SeqCst),
    }
}

fn verdict(order: &Order, refused: Option<Reason>) -> Envelope {
    let (order_id, user_id) = (order.id, order.user_id.clone());
    let message = match refused {
        None => NewMessage::of(
            "/gozon/payments",
            &PaymentSucceeded {
                order_id,
                user_id,
                amount: order.amount,
                record: None,
            },
        ),
        Some(reason) => NewMessage::of(
            "/gozon/payments",
            &PaymentFailed {
                order_id,
                user_id,
                reason,
                record: None,
            },
        ),
    };
    message.unwrap().envelope
}

const PAID: Option<Reason> = None;
const REFUSED: Option<Reason> = Some(Reason::NoAccount);

fn settled(status: OrderStatus, alarms: u64) -> Seen {
    Seen {
        status,
        version: 2,
        told: 1,
        alarms,
    }
}

#[tokio::test]
async fn a_contradicting_verdict_that_comes_later_raises_the_alarm_and_changes_nothing() {
    let finished = told(&[&[PAID], &[REFUSED]]).await;
    let cancelled = told(&[&[REFUSED], &[PAID]]).await;

    assert_eq!(finished, settled(OrderStatus::Finished, 1));
    assert_eq!(cancelled, settled(OrderStatus::Cancelled, 1));
}

#[tokio::test]
async fn a_contradicting_verdict_in_the_same_batch_raises_the_alarm_and_changes_nothing() {
    let finished = told(&[&[PAID, REFUSED]]).await;
    let cancelled = told(&[&[REFUSED, PAID]]).await;
    // Behind a repeat, of an order that settled before.
    let repeated = told(&[&[PAID], &[PAID, REFUSED]]).await;

    assert_eq!(finished, settled(OrderStatus::Finished, 1));
    assert_eq!(cancelled, settled(OrderStatus::Cancelled, 1));
    assert_eq!(repeated, settled(OrderStatus::Finished, 1));
}

#[tokio::test]
async fn a_repeated_verdict_is_no_alarm() {
    let seen = told(&[&[PAID, PAID], &[PAID, PAID]]).await;

    assert_eq!(seen, settled(OrderStatus::Finished, 0));
}

/// Counts what [`metrics::contradicted`] counts.
#[derive(Default)]
struct Alarms(Arc<AtomicU64>);

impl Recorder for Alarms {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        match key.name() {
            "gozon_orders_contradicted_total" => Counter::from_arc(Arc::clone(&self.0)),
            _ => Counter::noop(),
        }
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}
