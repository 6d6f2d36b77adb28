//! What is peculiar to this transport. What every transport must do is told by
//! the conformance suite.

use std::time::Duration;

use bytes::Bytes;
use time::OffsetDateTime;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::{
    Deliveries, Delivery, Envelope, InProcess, InProcessConfig, Incoming, MessageId, Outcome,
    Publisher, Received, Subscriber, Subscription, TransportError,
};

const BOUND: Duration = Duration::from_secs(5);

fn message(kind: &str) -> Envelope {
    Envelope {
        id: MessageId::generate(),
        source: "/gozon/tests".into(),
        kind: kind.into(),
        subject: None,
        time: OffsetDateTime::UNIX_EPOCH,
        content_type: "application/json".into(),
        schema: None,
        key: None,
        correlation_id: None,
        causation_id: None,
        traceparent: None,
        tracestate: None,
        published_at: None,
        received_at: None,
        data: Bytes::from_static(b"{}"),
    }
}

fn messages(kind: &str, count: usize) -> Vec<Envelope> {
    (0..count).map(|_| message(kind)).collect()
}

fn bus(queue_capacity: usize, broadcast_capacity: usize) -> InProcess {
    InProcess::with_config(InProcessConfig {
        publish_timeout: Duration::from_secs(1),
        queue_capacity,
        broadcast_capacity,
    })
    .unwrap()
}

fn publish(bus: &InProcess, batch: &[Envelope]) -> JoinHandle<Vec<Outcome>> {
    let (bus, batch) = (bus.clone(), batch.to_vec());
    tokio::spawn(async move { bus.publish(&batch).await })
}

async fn receive(stream: &mut Box<dyn Deliveries>) -> Vec<Delivery> {
    match timeout(BOUND, stream.receive(100)).await.unwrap() {
        Received::Batch(batch) => batch,
        other => panic!("expected a batch, heard {other:?}"),
    }
}

fn ids(batch: &[Delivery]) -> Vec<MessageId> {
    let id = |delivery: &Delivery| match &delivery.incoming {
        Incoming::Message(envelope) => envelope.id,
        Incoming::Malformed(malformed) => malformed.id,
    };
    batch.iter().map(id).collect()
}

fn ids_of(batch: &[Envelope]) -> Vec<MessageId> {
    batch.iter().map(|envelope| envelope.id).collect()
}

fn is_unknown(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Unknown { .. })
}

#[tokio::test]
async fn a_publish_is_confirmed_by_the_last_acknowledgement() {
    let bus = InProcess::new();
    let mut first = bus
        .subscribe(&Subscription::durable("first", &["paid"]))
        .await
        .unwrap();
    let mut second = bus
        .subscribe(&Subscription::durable("second", &["paid"]))
        .await
        .unwrap();

    let publish = publish(&bus, &[message("paid")]);
    let one = receive(&mut first).await.remove(0);
    let two = receive(&mut second).await.remove(0);
    one.ack().await.unwrap();
    // On a single thread the publisher has run as far as it can after a yield.
    tokio::task::yield_now().await;
    assert!(!publish.is_finished());
    two.ack().await.unwrap();

    assert_eq!(publish.await.unwrap(), [Outcome::Confirmed]);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_acknowledges_in_time_is_unknown_and_still_arrives_once() {
    let bus = bus(10, 10);
    let subscription = Subscription::durable("first", &["paid"]);
    bus.declare(&subscription).await.unwrap();
    let message = message("paid");

    let outcome = bus.publish(std::slice::from_ref(&message)).await;
    assert!(is_unknown(&outcome[0]), "{outcome:?}");

    let repeat = publish(&bus, std::slice::from_ref(&message));
    tokio::task::yield_now().await;
    let mut stream = bus.subscribe(&subscription).await.unwrap();
    let batch = receive(&mut stream).await;
    assert_eq!(ids(&batch), [message.id]);
    for delivery in batch {
        delivery.ack().await.unwrap();
    }
    assert_eq!(repeat.await.unwrap(), [Outcome::Confirmed]);
}

#[tokio::test(start_paused = true)]
async fn a_repeat_waits_only_for_the_subscription_that_is_behind() {
    let bus = bus(10, 10);
    let quick = Subscription::durable("quick", &["paid"]);
    let slow = Subscription::durable("slow", &["paid"]);
    bus.declare(&slow).await.unwrap();
    let mut quick = bus.subscribe(&quick).await.unwrap();
    let message = message("paid");

    let attempt = publish(&bus, std::slice::from_ref(&message));
    receive(&mut quick).await.remove(0).ack().await.unwrap();
    assert!(is_unknown(&attempt.await.unwrap()[0]));
    let repeat = publish(&bus, std::slice::from_ref(&message));
    tokio::task::yield_now().await;
    let mut slow = bus.subscribe(&slow).await.unwrap();
    receive(&mut slow).await.remove(0).ack().await.unwrap();

    assert_eq!(repeat.await.unwrap(), [Outcome::Confirmed]);
    let again = timeout(Duration::from_secs(60), quick.receive(1)).await;
    assert!(again.is_err(), "delivered twice: {again:?}");
}

#[tokio::test]
async fn one_publish_arrives_as_one_batch_in_the_order_of_its_slice() {
    let bus = InProcess::new();
    let mut stream = bus
        .subscribe(&Subscription::durable("first", &["paid"]))
        .await
        .unwrap();
    let batch = messages("paid", 50);
    let received = tokio::spawn(async move { ids(&receive(&mut stream).await) });
    tokio::task::yield_now().await;

    let _publish = publish(&bus, &batch);

    assert_eq!(received.await.unwrap(), ids_of(&batch));
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_makes_publishers_wait_and_keeps_their_order() {
    let bus = bus(3, 10);
    let mut stream = bus
        .subscribe(&Subscription::durable("first", &["paid"]).with_prefetch(2))
        .await
        .unwrap();
    let batch = messages("paid", 20);
    let publish = publish(&bus, &batch);

    let mut seen = Vec::new();
    while seen.len() < batch.len() {
        let received = receive(&mut stream).await;
        seen.extend(ids(&received));
        for delivery in received {
            delivery.ack().await.unwrap();
        }
    }

    assert_eq!(seen, ids_of(&batch));
    assert_eq!(publish.await.unwrap(), vec![Outcome::Confirmed; 20]);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_does_not_hold_up_its_neighbours() {
    let bus = bus(1, 10);
    bus.declare(&Subscription::durable("absent", &["refunded"]))
        .await
        .unwrap();
    let mut stream = bus
        .subscribe(&Subscription::durable("present", &["paid"]))
        .await
        .unwrap();

    let batch = [
        message("refunded"),
        message("refunded"),
        message("refunded"),
        message("paid"),
    ];
    let publish = publish(&bus, &batch);
    receive(&mut stream).await.remove(0).ack().await.unwrap();

    let outcomes = publish.await.unwrap();
    assert!(outcomes[..3].iter().all(is_unknown), "{outcomes:?}");
    assert_eq!(outcomes[3], Outcome::Confirmed);
    let Outcome::Unknown { reason } = &outcomes[1] else {
        panic!("{outcomes:?}")
    };
    assert!(reason.contains("full"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn publishers_that_gave_up_leave_nothing_behind() {
    let bus = bus(1, 10);
    bus.declare(&Subscription::durable("absent", &["paid"]))
        .await
        .unwrap();
    let (placed, unplaced) = (message("paid"), message("paid"));

    for _ in 0..50 {
        let outcomes = bus.publish(&[placed.clone(), unplaced.clone()]).await;
        assert!(outcomes.iter().all(is_unknown));
    }

    // The last one's ticket may stay until the next publish prunes it.
    let crowd = bus.bus.with(|state, _| state.crowd.len());
    assert!(crowd <= 1, "{crowd} publishers are remembered");
    let waiting = bus.bus.with(|state, _| state.in_flight.tickets(placed.id));
    assert!(waiting <= 1, "{waiting} publishers are remembered");
}

#[tokio::test]
async fn a_type_with_a_broadcast_audience_alone_is_confirmed_at_once() {
    let bus = InProcess::new();
    let live = Subscription::broadcast("live", &["changed"]);
    bus.declare(&live).await.unwrap();
    assert_eq!(
        bus.publish(&[message("changed")]).await,
        [Outcome::Confirmed]
    );

    let mut stream = bus.subscribe(&live).await.unwrap();
    let message = message("changed");

    assert_eq!(
        bus.publish(std::slice::from_ref(&message)).await,
        [Outcome::Confirmed]
    );
    assert_eq!(ids(&receive(&mut stream).await), [message.id]);
}

#[tokio::test]
async fn a_broadcast_subscriber_that_lags_loses_the_oldest_and_hears_of_it() {
    let bus = bus(10, 3);
    let mut stream = bus
        .subscribe(&Subscription::broadcast("live", &["changed"]))
        .await
        .unwrap();
    let batch = messages("changed", 5);

    bus.publish(&batch).await;

    let heard = timeout(BOUND, stream.receive(10)).await.unwrap();
    assert!(matches!(heard, Received::Resumed), "{heard:?}");
    assert_eq!(ids(&receive(&mut stream).await), ids_of(&batch[2..]));
}

#[tokio::test]
async fn a_broadcast_subscriber_that_settles_nothing_still_hears_that_it_lags() {
    let bus = bus(10, 1);
    let mut stream = bus
        .subscribe(&Subscription::broadcast("live", &["changed"]).with_prefetch(1))
        .await
        .unwrap();
    bus.publish(&[message("changed")]).await;
    let _held = receive(&mut stream).await;
    let heard = tokio::spawn(async move { timeout(BOUND, stream.receive(1)).await });
    tokio::task::yield_now().await;

    bus.publish(&messages("changed", 2)).await;

    let heard = heard.await.unwrap();
    assert!(matches!(heard, Ok(Received::Resumed)), "{heard:?}");
}

#[tokio::test]
async fn what_was_dropped_unsettled_returns_to_its_place_and_what_was_requeued_goes_last() {
    let bus = InProcess::new();
    let mut stream = bus
        .subscribe(&Subscription::durable("first", &["paid"]))
        .await
        .unwrap();
    let batch = messages("paid", 4);
    let _publish = publish(&bus, &batch);
    let mut received = receive(&mut stream).await;
    assert_eq!(received.len(), 4);

    let (_, _, settlement) = received.remove(0).into_parts();
    settlement.requeue().await.unwrap();
    drop(received);

    let again = receive(&mut stream).await;
    let order = ids_of(&batch);
    assert_eq!(ids(&again), [order[1], order[2], order[3], order[0]]);
    assert!(again.iter().all(|delivery| delivery.redelivered));
}

#[tokio::test]
async fn a_settlement_that_outlives_its_stream_says_so() {
    let bus = InProcess::new();
    let subscription = Subscription::durable("first", &["paid"]);
    let mut stream = bus.subscribe(&subscription).await.unwrap();
    let publish = publish(&bus, &[message("paid")]);
    let late = receive(&mut stream).await.remove(0);

    drop(stream);
    let mut stream = bus.subscribe(&subscription).await.unwrap();
    let again = receive(&mut stream).await.remove(0);

    assert!(late.ack().await.is_err());
    assert!(again.redelivered);
    again.ack().await.unwrap();
    assert_eq!(publish.await.unwrap(), [Outcome::Confirmed]);
}

#[tokio::test]
async fn a_publisher_that_was_dropped_leaves_deliveries_that_can_be_settled() {
    let bus = InProcess::new();
    let mut stream = bus
        .subscribe(&Subscription::durable("first", &["paid"]))
        .await
        .unwrap();
    let publish = publish(&bus, &[message("paid")]);
    let delivery = receive(&mut stream).await.remove(0);

    publish.abort();
    assert!(publish.await.unwrap_err().is_cancelled());

    delivery.ack().await.unwrap();
}

#[tokio::test]
async fn declaring_it_otherwise_is_refused() {
    let bus = InProcess::new();
    bus.declare(&Subscription::durable("first", &["paid", "refunded"]))
        .await
        .unwrap();

    for other in [
        Subscription::durable("first", &["paid"]),
        Subscription::broadcast("first", &["paid", "refunded"]),
    ] {
        let error = bus.declare(&other).await.unwrap_err();
        assert!(
            matches!(error, TransportError::Mismatch { .. }),
            "{error:?}"
        );
    }
    let same = Subscription::durable("first", &["refunded", "paid"]).with_prefetch(1);
    assert!(bus.declare(&same).await.is_ok());
}

#[tokio::test]
async fn closing_answers_everyone_who_waits() {
    let bus = bus(1, 10);
    let mut idle = bus
        .subscribe(&Subscription::durable("idle", &["refunded"]))
        .await
        .unwrap();
    bus.declare(&Subscription::durable("absent", &["paid"]))
        .await
        .unwrap();
    let publish = publish(&bus, &messages("paid", 2));
    let heard = tokio::spawn(async move { idle.receive(1).await });
    tokio::task::yield_now().await;

    bus.close();
    bus.close();

    assert!(matches!(heard.await.unwrap(), Received::Closed));
    assert!(publish.await.unwrap().iter().all(is_unknown));
    assert!(is_unknown(&bus.publish(&[message("paid")]).await[0]));
    let late = bus
        .subscribe(&Subscription::durable("late", &["paid"]))
        .await;
    assert!(matches!(late.err(), Some(TransportError::Closed)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_publishers_and_consumers_lose_nothing_on_many_threads() {
    let bus = bus(8, 8);
    let subscription = Subscription::durable("first", &["paid"]).with_prefetch(3);
    bus.declare(&subscription).await.unwrap();
    let mut consumers = Vec::new();
    for nth in 0..4 {
        let mut stream = bus.subscribe(&subscription).await.unwrap();
        consumers.push(tokio::spawn(async move {
            let mut acked = Vec::new();
            let mut seen = 0_usize;
            while let Received::Batch(batch) = stream.receive(5).await {
                for delivery in batch {
                    seen += 1;
                    // Every consumer settles some of its deliveries in each of the three ways.
                    let id = ids(std::slice::from_ref(&delivery))[0];
                    match (seen + nth) % 5 {
                        0 => drop(delivery),
                        1 => delivery.into_parts().2.requeue().await.unwrap(),
                        _ => {
                            delivery.ack().await.unwrap();
                            acked.push(id);
                        }
                    }
                }
            }
            acked
        }));
    }

    let publishes: Vec<_> = (0..16)
        .map(|_| publish(&bus, &messages("paid", 50)))
        .collect();
    for publish in publishes {
        let outcomes = timeout(BOUND, publish).await.unwrap().unwrap();
        assert_eq!(outcomes, vec![Outcome::Confirmed; 50]);
    }
    bus.close();

    let mut acked = Vec::new();
    for consumer in consumers {
        acked.extend(consumer.await.unwrap());
    }
    let count = acked.len();
    acked.sort_unstable();
    acked.dedup();
    assert_eq!((acked.len(), count), (800, 800));
}
