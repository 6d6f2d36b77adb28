//! Order per key with several instances, on a real broker.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use gozon_core::{
    Deliveries, Envelope, Incoming, MessageId, Outcome, Publisher, Received, Subscriber,
    Subscription, TransportError,
};
use gozon_tests::eventually;
use gozon_transport_amqp::{AmqpConfig, AmqpTransport};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::bench::{BOUND, Bench, acked, envelope, message, one, resumed, subscribed};
use crate::proxy::Proxy;

const PARTITIONS: u16 = 8;
const KEYS: usize = 24;

fn orders() -> Subscription {
    Subscription::durable("payments.orders", &["order_created"]).with_order(PARTITIONS)
}

fn numbered(key: usize, number: u64) -> Envelope {
    Envelope {
        key: Some(format!("order-{key}")),
        data: Bytes::from(number.to_string()),
        ..envelope("order_created")
    }
}

/// A message of each partition.
fn of_each_partition() -> Vec<Envelope> {
    let mut found = BTreeMap::new();
    for key in 0.. {
        let message = numbered(key, 0);
        found.insert(orders().partition_of(&message), message);
        if found.len() == usize::from(PARTITIONS) {
            break;
        }
    }
    found.into_values().collect()
}

/// As a relay does: one message of each key on its way, and the next once it
/// is confirmed. Answers how many were confirmed of each key.
async fn relay(transport: AmqpTransport, stop: CancellationToken) -> Vec<u64> {
    let mut next = vec![0; KEYS];
    let mut pending: Vec<_> = (0..KEYS).map(|key| numbered(key, 0)).collect();
    while !stop.is_cancelled() {
        let outcomes = transport.publish(&pending).await;
        for (key, outcome) in outcomes.iter().enumerate() {
            if *outcome == Outcome::Confirmed {
                next[key] += 1;
                pending[key] = numbered(key, next[key]);
            }
        }
    }
    next
}

/// What all instances together saw for the first time, by key.
#[derive(Default)]
struct Log {
    first_seen: HashMap<String, Vec<u64>>,
    known: HashSet<(String, u64)>,
    /// The instances that saw a key, by the id that each drew.
    holders: HashMap<String, HashSet<MessageId>>,
}

impl Log {
    fn saw(&mut self, instance: MessageId, envelope: &Envelope) -> Result<()> {
        let key = envelope.key.clone().context("a key")?;
        let number: u64 = std::str::from_utf8(&envelope.data)?.parse()?;
        let holders = self.holders.entry(key.clone()).or_default();
        holders.insert(instance);
        if self.known.insert((key.clone(), number)) {
            self.first_seen.entry(key).or_default().push(number);
        }
        Ok(())
    }

    /// How many keys went from one instance to another, if all kept their order.
    fn taken_over_in_order(&self) -> Result<usize> {
        for (key, first_seen) in &self.first_seen {
            // One more than was confirmed may have arrived.
            let in_order: Vec<u64> = (0..).take(first_seen.len()).collect();
            ensure!(*first_seen == in_order, "{key} came as {first_seen:?}");
        }
        let several = self.holders.values().filter(|holders| holders.len() > 1);
        Ok(several.count())
    }
}

type Shared = Arc<Mutex<Log>>;

/// An instance of the service: receives, writes down, acknowledges.
struct Instance {
    transport: AmqpTransport,
    work: AbortOnDropHandle<Result<()>>,
}

impl Instance {
    async fn start(config: AmqpConfig, log: &Shared) -> Result<Self> {
        let transport = AmqpTransport::connect(config).await?;
        let mut deliveries = subscribed(&transport, &orders()).await?;
        let (log, instance) = (Arc::clone(log), MessageId::generate());
        let work = tokio::spawn(async move {
            loop {
                match deliveries.receive(20).await {
                    Received::Batch(batch) => {
                        for delivery in batch {
                            let arrived = message(&delivery)?;
                            log.lock()
                                .unwrap_or_else(PoisonError::into_inner)
                                .saw(instance, &arrived)?;
                            // It may fail, and then comes again.
                            let _ = delivery.ack().await;
                        }
                    }
                    Received::Resumed => {}
                    Received::Closed => return Ok(()),
                }
            }
        });
        Ok(Self {
            transport,
            work: AbortOnDropHandle::new(work),
        })
    }

    /// Polite, with its work done.
    async fn stop(self) -> Result<()> {
        self.transport.close().await;
        self.work.await?
    }

    /// In the middle of a delivery, without a word about what it holds.
    async fn die(self) {
        drop(self.work);
        self.transport.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_keep_their_order_while_instances_come_and_go_under_traffic() -> Result<()> {
    let bench = Bench::new().await?;
    let proxy = Proxy::before(&bench.url).await?;
    let through_proxy = AmqpConfig::new(proxy.url()?).with_prefix(&bench.prefix);
    let publisher = bench.transport().await?;
    publisher.declare(&orders()).await?;
    let log = Shared::default();
    let seen = |log: &Shared| log.lock().map_or(0, |log| log.known.len());
    let more = async |log: &Shared, count: usize| {
        let wanted = seen(log) + count;
        eventually(BOUND, "messages flow", async || {
            ensure!(seen(log) >= wanted, "{} of {wanted}", seen(log));
            Ok(())
        })
        .await
    };
    let stop = CancellationToken::new();
    let relay = tokio::spawn(relay(publisher.clone(), stop.clone()));

    let mut instances = vec![Instance::start(bench.config(), &log).await?];
    for round in 0..12 {
        let config = match round % 2 {
            0 => through_proxy.clone(),
            _ => bench.config(),
        };
        instances.push(Instance::start(config, &log).await?);
        more(&log, 200).await?;
        match round % 3 {
            0 => proxy.cut(),
            1 => instances.remove(0).stop().await?,
            _ => instances.remove(0).die().await,
        }
        more(&log, 200).await?;
    }
    stop.cancel();
    let confirmed = relay.await?;

    let total = usize::try_from(confirmed.iter().sum::<u64>())?;
    eventually(BOUND, "all that was confirmed arrives", async || {
        ensure!(seen(&log) >= total, "{} of {total}", seen(&log));
        Ok(())
    })
    .await?;
    for instance in instances {
        instance.stop().await?;
    }
    let taken_over = log
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .taken_over_in_order()?;
    // Otherwise nothing was proved.
    ensure!(taken_over > 0, "no key went to another instance");
    println!("{total} messages, {taken_over} of {KEYS} keys taken over");
    bench.end(&[&publisher], &[&orders()]).await
}

/// How many partitions each of two instances has, once the second is there.
async fn shares(
    publisher: &AmqpTransport,
    [first, second]: [&mut Box<dyn Deliveries>; 2],
) -> Result<[usize; 2]> {
    let sent = of_each_partition();
    let outcomes = publisher.publish(&sent).await;
    ensure!(
        outcomes
            .iter()
            .all(|outcome| *outcome == Outcome::Confirmed)
    );
    let mut shares = [0, 0];
    while shares[0] + shares[1] < sent.len() {
        let (of, batch) = tokio::select! {
            received = first.receive(10) => (0, received),
            received = second.receive(10) => (1, received),
        };
        let Received::Batch(batch) = batch else {
            continue;
        };
        for delivery in batch {
            delivery.ack().await?;
            shares[of] += 1;
        }
    }
    Ok(shares)
}

#[tokio::test]
async fn an_instance_that_comes_shares_and_one_that_goes_leaves_everything() -> Result<()> {
    let bench = Bench::new().await?;
    let (one, other) = (bench.transport().await?, bench.transport().await?);
    let orders = orders();
    let mut first = subscribed(&one, &orders).await?;
    let mut second = subscribed(&other, &orders).await?;
    let both = shares(&one, [&mut first, &mut second]).await?;
    println!("{both:?} of {PARTITIONS} partitions");

    drop(first);
    let sent = of_each_partition();
    other.publish(&sent).await;
    let rest = acked(&mut second, sent.len()).await?;

    // Which of the two has how many is drawn by lot, and before 4.0 the first
    // has all.
    ensure!(both[0] + both[1] == usize::from(PARTITIONS));
    ensure!(rest.len() == sent.len());
    bench.end(&[&one, &other], &[&orders]).await
}

#[tokio::test]
async fn what_has_no_slot_reaches_the_first_partition_in_its_order() -> Result<()> {
    let bench = Bench::new().await?;
    let transport = bench.transport().await?;
    let orders = orders();
    let mut deliveries = subscribed(&transport, &orders).await?;

    for id in ["1", "2", "3"] {
        let headers = [
            ("ce-specversion", "1.0"),
            ("ce-id", id),
            ("ce-source", "/elsewhere"),
            ("ce-type", "order_created"),
            ("ce-partitionkey", "anything"),
            ("ce-subject", id),
        ];
        bench
            .publish_foreign("order_created", &headers, b"{}")
            .await?;
    }
    let strange = [("gozon-slot-99", "no slot")];
    bench
        .publish_foreign("order_created", &strange, b"{}")
        .await?;

    for id in ["1", "2", "3"] {
        let delivery = one(&mut deliveries).await?;
        ensure!(message(&delivery)?.subject.as_deref() == Some(id));
        delivery.ack().await?;
    }
    let delivery = one(&mut deliveries).await?;
    ensure!(matches!(delivery.incoming, Incoming::Malformed(_)));
    delivery.ack().await?;
    bench.end(&[&transport], &[&orders]).await
}

#[tokio::test]
async fn the_broker_refuses_another_number_of_partitions_until_all_is_removed() -> Result<()> {
    let bench = Bench::new().await?;
    let (earlier, later) = (bench.transport().await?, bench.transport().await?);
    let orders = orders();
    let plain = Subscription::durable("payments.plain", &["order_created"]);
    earlier.declare(&orders).await?;
    earlier.declare(&plain).await?;

    let unordered = Subscription::durable("payments.orders", &["order_created"]);
    for otherwise in [
        unordered.clone().with_order(2 * PARTITIONS),
        unordered,
        plain.clone().with_order(PARTITIONS),
    ] {
        let declared = later.declare(&otherwise).await;
        ensure!(
            matches!(declared, Err(TransportError::Mismatch { .. })),
            "{declared:?}"
        );
        let subscribed = later.subscribe(&otherwise).await.map(drop);
        ensure!(
            matches!(subscribed, Err(TransportError::Mismatch { .. })),
            "{subscribed:?}"
        );
    }
    let wider = orders.clone().with_order(2 * PARTITIONS);
    let told = later.declare(&wider).await.unwrap_err().to_string();
    ensure!(told.contains("another number of partitions"), "{told}");

    earlier.close().await;
    bench.delete_queue(&orders).await?;
    later.declare(&wider).await?;
    let sent = of_each_partition();
    ensure!(later.publish(&sent).await == vec![Outcome::Confirmed; sent.len()]);
    let mut deliveries = subscribed(&later, &wider).await?;
    acked(&mut deliveries, sent.len()).await?;
    bench.end(&[&later], &[&wider, &plain]).await
}

#[tokio::test]
async fn a_partition_that_was_deleted_is_declared_again() -> Result<()> {
    let bench = Bench::new().await?;
    let transport = bench.transport().await?;
    let orders = orders();
    let mut deliveries = subscribed(&transport, &orders).await?;

    let last = bench.queues(&orders).pop().context("a queue")?;
    bench
        .channel
        .queue_delete(last.into(), lapin::options::QueueDeleteOptions::default())
        .await?;
    resumed(&mut deliveries).await?;
    let sent = of_each_partition();
    let outcomes = transport.publish(&sent).await;

    ensure!(outcomes == vec![Outcome::Confirmed; sent.len()]);
    let arrived: HashSet<_> = acked(&mut deliveries, sent.len())
        .await?
        .into_iter()
        .map(|envelope| envelope.id)
        .collect();
    ensure!(sent.iter().all(|sent| arrived.contains(&sent.id)));
    bench.end(&[&transport], &[&orders]).await
}
