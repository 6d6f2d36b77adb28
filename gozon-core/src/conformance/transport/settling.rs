//! What an acknowledgement, its absence and a requeue mean.

use super::kit::{PAID, ack_all, ensure, envelope, first, message, messages};
use super::{Candidate, Verdict, Violation};

/// Only a repeat is flagged: consumers take a slower path for what is.
pub async fn a_first_delivery_is_not_flagged_redelivered(candidate: &Candidate) -> Verdict {
    let mut stream = candidate.stream(&first()).await?;
    let publishing = candidate.publishing(messages(PAID, 5));

    let held = stream.hold(5).await?;
    ensure!(
        held.iter().all(|delivery| !delivery.redelivered),
        "a first delivery is flagged redelivered"
    );

    ack_all(held).await?;
    publishing.confirmed().await
}

/// A consumer that goes away leaves its unsettled deliveries to the next one.
pub async fn what_is_unsettled_comes_again_after_the_stream_is_dropped(
    candidate: &Candidate,
) -> Verdict {
    let mut stream = candidate.stream(&first()).await?;
    let batch = messages(PAID, 3);
    let publishing = candidate.publishing(batch.clone());
    let held = stream.hold(3).await?;

    drop(stream);
    drop(held);

    let mut stream = candidate.stream(&first()).await?;
    let again = stream.hold(3).await?;
    for delivery in &again {
        let id = envelope(delivery)?.id;
        ensure!(
            batch.iter().any(|sent| sent.id == id),
            "an unknown message {id} arrived"
        );
        ensure!(delivery.redelivered, "a repeat is not flagged redelivered");
    }
    ack_all(again).await?;
    publishing.confirmed().await
}

/// A delivery that was dropped without a word comes again, at the latest when
/// its stream is dropped.
pub async fn a_delivery_dropped_unsettled_comes_again(candidate: &Candidate) -> Verdict {
    let mut stream = candidate.stream(&first()).await?;
    let batch = vec![message(PAID)];
    let publishing = candidate.publishing(batch.clone());

    drop(stream.one().await?);
    drop(stream);

    let mut stream = candidate.stream(&first()).await?;
    let again = stream.one().await?;
    ensure!(
        envelope(&again)?.id == batch[0].id,
        "another message arrived"
    );
    ensure!(again.redelivered, "a repeat is not flagged redelivered");
    ack_all(vec![again]).await?;
    publishing.confirmed().await
}

/// A requeued delivery comes again, flagged.
pub async fn what_is_requeued_comes_again(candidate: &Candidate) -> Verdict {
    let mut stream = candidate.stream(&first()).await?;
    let batch = vec![message(PAID)];
    let publishing = candidate.publishing(batch.clone());

    let (_, _, settlement) = stream.one().await?.into_parts();
    settlement
        .requeue()
        .await
        .map_err(|error| Violation::new(error.to_string()))?;

    let again = stream.one().await?;
    ensure!(
        envelope(&again)?.id == batch[0].id,
        "another message arrived"
    );
    ensure!(again.redelivered, "a repeat is not flagged redelivered");
    ack_all(vec![again]).await?;
    publishing.confirmed().await
}

/// What was acknowledged is done, also for the next consumer.
pub async fn what_is_acknowledged_does_not_come_again(candidate: &Candidate) -> Verdict {
    let mut stream = candidate.stream(&first()).await?;
    let batch = messages(PAID, 3);
    let publishing = candidate.publishing(batch.clone());
    ack_all(stream.hold(3).await?).await?;
    publishing.confirmed().await?;

    drop(stream);
    let mut stream = candidate.stream(&first()).await?;
    let last = message(PAID);
    let publishing = candidate.publishing(vec![last.clone()]);

    // What comes again comes before what is new.
    let seen = stream.ids_until(last.id).await?;
    ensure!(
        seen == [last.id],
        "an acknowledged message was delivered again"
    );
    publishing.confirmed().await
}

/// An acknowledgement says nothing about the deliveries before or after it.
pub async fn an_acknowledgement_settles_one_delivery_alone(candidate: &Candidate) -> Verdict {
    let mut stream = candidate.stream(&first()).await?;
    let batch = messages(PAID, 3);
    let publishing = candidate.publishing(batch.clone());
    let mut held = stream.hold(3).await?;

    let middle = held.remove(1);
    let acked = envelope(&middle)?.id;
    ack_all(vec![middle]).await?;
    drop(stream);
    drop(held);

    let mut stream = candidate.stream(&first()).await?;
    let again = stream.hold(2).await?;
    for delivery in &again {
        ensure!(
            envelope(delivery)?.id != acked,
            "an acknowledged message was delivered again"
        );
    }
    ack_all(again).await?;
    publishing.confirmed().await
}
