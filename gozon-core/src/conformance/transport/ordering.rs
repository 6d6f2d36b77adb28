//! Order per key over several consumers, where a subscription asks for it.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;

use super::kit::{
    Acking, ORDERED, PAID, Stream, ack_all, ensure, envelope, first, ids, message, messages,
};
use super::{Candidate, Verdict, Violation};
use crate::{Delivery, Envelope, Subscription, TransportError};

/// With a key or without, and however many consumers share the partitions.
pub async fn an_ordered_subscription_delivers_every_message(candidate: &Candidate) -> Verdict {
    let mut crowd = candidate.crowd(&ordered(), 2).await?;
    let mut batch = messages(PAID, 40);
    batch.extend((0..40).map(|nth| keyed(&format!("key-{nth}"))));

    let publishing = candidate.publishing(batch.clone());

    crowd.until_all(&batch).await?;
    publishing.confirmed().await
}

/// Every key's messages are first seen in the order in which they were
/// published, whoever of several consumers sees them.
pub async fn each_key_keeps_its_order_over_several_consumers(candidate: &Candidate) -> Verdict {
    const KEYS: usize = 8;
    const EACH: usize = 12;
    let narrow = ordered().with_prefetch(2 * PARTITIONS);
    candidate.subscriber().declare(&narrow).await?;
    let batch: Vec<_> = (0..KEYS * EACH)
        .map(|nth| keyed(&format!("key-{}", nth % KEYS)))
        .collect();

    // Where that can be, all waits before anyone comes: they take at once.
    let mut publishing = Some(candidate.publishing_in_turn(batch.clone()));
    if candidate.keeps_for_absent()
        && let Some(publishing) = publishing.take()
    {
        publishing.confirmed().await?;
    }
    let mut crowd = candidate.crowd(&narrow, 3).await?;
    let seen = crowd.until_all(&batch).await?;
    let mut known = HashSet::new();
    let mut first_seen: HashMap<_, Vec<_>> = HashMap::new();
    for arrived in seen.into_iter().filter(|arrived| known.insert(arrived.id)) {
        first_seen.entry(arrived.key).or_default().push(arrived.id);
    }
    for (key, arrived) in first_seen {
        let sent = batch.iter().filter(|sent| sent.key == key);
        ensure!(
            sent.map(|sent| sent.id).eq(arrived),
            "the messages of {key:?} arrived in another order"
        );
    }
    match publishing {
        Some(publishing) => publishing.confirmed().await,
        None => Ok(()),
    }
}

/// While a consumer holds a message, no other gets a later one of its key.
pub async fn what_follows_a_held_message_goes_to_no_one_else(candidate: &Candidate) -> Verdict {
    let mut one = candidate.stream(&ordered()).await?;
    let mut other = candidate.stream(&ordered()).await?;
    let batch = several("a", 3);

    let publishing = candidate.publishing_in_turn(batch.clone());
    let (held, one, mut other) = tokio::select! {
        held = one.hold(1) => (held?, one, other),
        held = other.hold(1) => (held?, other, one),
    };
    in_order(&held, &batch[..1])?;
    candidate.round_trip().await?;
    ensure!(
        !other.has_some().await,
        "another consumer got later messages of a key while one was held"
    );

    ack_all(held).await?;
    settle_all([one, other], &batch[1..]).await?;
    publishing.confirmed().await
}

/// A consumer that comes gets what a partition holds only after whoever holds
/// something of it has settled that.
pub async fn a_newcomer_waits_for_what_is_held(candidate: &Candidate) -> Verdict {
    let mut one = candidate.stream(&ordered()).await?;
    let of_each = || (0..PARTITIONS).map(|partition| keyed(&key_in(partition)));
    let early: Vec<_> = of_each().collect();
    let first = candidate.publishing(early.clone());
    let held = one.hold(early.len()).await?;

    let mut newcomer = candidate.stream(&ordered()).await?;
    let late: Vec<_> = of_each().collect();
    let then = candidate.publishing(late.clone());
    candidate.round_trip().await?;
    ensure!(
        !newcomer.has_some().await,
        "a newcomer got messages whose predecessors are held"
    );

    ack_all(held).await?;
    first.confirmed().await?;
    settle_all([one, newcomer], &late).await?;
    then.confirmed().await
}

/// When a consumer goes, the next begins with what it had not acknowledged, in
/// order, and flagged.
pub async fn the_next_consumer_begins_with_what_was_not_acknowledged(
    candidate: &Candidate,
) -> Verdict {
    let mut stream = candidate.stream(&ordered()).await?;
    let batch = several("a", 5);
    let publishing = candidate.publishing_in_turn(batch.clone());
    let mut held = stream.hold(batch.len()).await?;
    in_order(&held, &batch)?;
    let third = held.remove(2);
    ack_all(vec![held.remove(0), third]).await?;

    drop(stream);
    drop(held);
    let mut stream = candidate.stream(&ordered()).await?;
    let last = several("a", 1);
    let then = candidate.publishing(last.clone());

    let again = stream.hold(4).await?;
    let unsettled = [&batch[1..2], &batch[3..], &last].concat();
    in_order(&again, &unsettled)?;
    ensure!(
        again[..3].iter().all(|delivery| delivery.redelivered),
        "a repeat is not flagged redelivered"
    );
    ack_all(again).await?;
    publishing.confirmed().await?;
    then.confirmed().await
}

/// What is requeued comes again before what follows it and was not handed out;
/// several, in their order and not in that of the requeueing.
pub async fn what_is_requeued_returns_to_its_place(candidate: &Candidate) -> Verdict {
    let mut stream = candidate.stream(&ordered()).await?;
    let batch = several("a", 6);
    let publishing = candidate.publishing_in_turn(batch.clone());

    let held = stream.hold(1).await?;
    in_order(&held, &batch[..1])?;
    requeue(held).await?;
    let mut held = stream.hold(3).await?;
    in_order(&held, &batch[..3])?;
    ensure!(held[0].redelivered, "a repeat is not flagged redelivered");
    held.rotate_left(1);
    requeue(held).await?;

    let held = stream.hold(batch.len()).await?;
    in_order(&held, &batch)?;
    ack_all(held).await?;
    publishing.confirmed().await
}

/// A consumer that holds all it may of one partition still gets the others.
pub async fn a_held_partition_holds_up_no_other(candidate: &Candidate) -> Verdict {
    let narrow = ordered().with_prefetch(1);
    let mut stream = candidate.stream(&narrow).await?;
    let (slow, quick) = (several(&key_in(0), 2), several(&key_in(1), 3));
    let held_up = candidate.publishing_in_turn(slow.clone());
    let held = stream.hold(1).await?;

    let flowing = candidate.publishing_in_turn(quick.clone());
    for sent in &quick {
        let passed = stream.hold(1).await?;
        in_order(&passed, std::slice::from_ref(sent))?;
        ack_all(passed).await?;
    }
    flowing.confirmed().await?;

    ack_all(held).await?;
    let rest = stream.hold(1).await?;
    in_order(&rest, &slow[1..])?;
    ack_all(rest).await?;
    held_up.confirmed().await
}

/// A consumer holds no more of a partition than its share of the prefetch.
pub async fn a_partition_hands_out_no_more_than_its_share(candidate: &Candidate) -> Verdict {
    let narrow = ordered().with_prefetch(2 * PARTITIONS);
    let mut stream = candidate.stream(&narrow).await?;
    let (many, marker) = (several(&key_in(0), 5), several(&key_in(1), 1));
    let publishing = candidate.publishing_in_turn(many.clone());
    let mut held = stream.hold(1).await?;

    let after = candidate.publishing(marker.clone());
    candidate.round_trip().await?;
    let is_marker =
        |delivery: &Delivery| envelope(delivery).is_ok_and(|arrived| arrived.id == marker[0].id);
    while held.len() < 3 || !held.iter().any(is_marker) {
        held.extend(stream.batch(10).await?);
    }
    let (marked, held): (Vec<_>, Vec<_>) = held.into_iter().partition(is_marker);
    ensure!(
        held.len() == 2,
        "{} deliveries of a partition with a share of 2",
        held.len()
    );
    in_order(&held, &many[..2])?;
    ack_all([marked, held].into_iter().flatten().collect()).await?;
    after.confirmed().await?;

    settle_all([stream], &many[2..]).await?;
    publishing.confirmed().await
}

/// With other partitions, or once with order and once without, it is another
/// subscription.
pub async fn order_is_declared_once_and_for_all(candidate: &Candidate) -> Verdict {
    let subscriber = candidate.subscriber();
    subscriber.declare(&ordered()).await?;
    subscriber.declare(&ordered()).await?;
    subscriber.declare(&first()).await?;

    let plain = Subscription::durable(ORDERED, &[PAID]);
    for (what, otherwise) in [
        ("more partitions", plain.clone().with_order(2 * PARTITIONS)),
        ("no order", plain),
        ("order", first().with_order(PARTITIONS)),
    ] {
        let declared = subscriber.declare(&otherwise).await;
        let subscribed = subscriber.subscribe(&otherwise).await;
        for result in [declared, subscribed.map(drop)] {
            ensure!(
                matches!(result, Err(TransportError::Mismatch { .. })),
                "declaring it with {what} was answered {result:?}"
            );
        }
    }
    Ok(())
}

const PARTITIONS: u16 = 4;

fn ordered() -> Subscription {
    Subscription::durable(ORDERED, &[PAID]).with_order(PARTITIONS)
}

fn keyed(key: &str) -> Envelope {
    Envelope {
        key: Some(key.to_owned()),
        data: Bytes::copy_from_slice(key.as_bytes()),
        ..message(PAID)
    }
}

fn several(key: &str, count: usize) -> Vec<Envelope> {
    (0..count).map(|_| keyed(key)).collect()
}

/// A key of this partition.
fn key_in(partition: u16) -> String {
    (0_u32..)
        .map(|nth| format!("key-{nth}"))
        .find(|key| ordered().partition_of(&keyed(key)) == Some(partition))
        .unwrap_or_default()
}

fn in_order(arrived: &[Delivery], sent: &[Envelope]) -> Verdict {
    let mut seen = Vec::with_capacity(arrived.len());
    for delivery in arrived {
        seen.push(envelope(delivery)?.id);
    }
    // By their place in what was sent: ids say nothing to a reader.
    let place = |id| sent.iter().position(|sent| sent.id == id);
    let places: Vec<_> = seen.iter().map(|id| place(*id)).collect();
    ensure!(
        seen == ids(sent),
        "what came were numbers {places:?} of {} (counted from 0), not all in order",
        sent.len()
    );
    Ok(())
}

/// Acknowledges all of these, whoever gets them.
async fn settle_all<const N: usize>(streams: [Stream; N], sent: &[Envelope]) -> Verdict {
    let mut crowd = Acking::of(streams);
    crowd.until_all(sent).await.map(drop)
}

async fn requeue(deliveries: Vec<Delivery>) -> Verdict {
    for delivery in deliveries {
        let (_, _, settlement) = delivery.into_parts();
        settlement
            .requeue()
            .await
            .map_err(|error| Violation::new(error.to_string()))?;
    }
    Ok(())
}
