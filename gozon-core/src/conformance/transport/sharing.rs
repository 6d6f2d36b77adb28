//! Who gets a message of a durable subscription.

use std::collections::HashSet;

use super::kit::{
    DURABLE, PAID, REFUNDED, ack_all, all_confirmed, ensure, envelope, first, ids, message,
    messages,
};
use super::{Candidate, Verdict};
use crate::{Outcome, Subscription};

/// A subscription receives all of its types, and no other.
pub async fn a_subscription_receives_its_types_alone(candidate: &Candidate) -> Verdict {
    let both = Subscription::durable(DURABLE[1], &[PAID, REFUNDED]);
    let mut narrow = candidate.stream(&first()).await?;
    let mut wide = candidate.acking(&both).await?;
    let batch = vec![message(PAID), message(REFUNDED)];
    let last = message(PAID);

    let publishing = candidate.publishing(batch.clone());
    let seen = narrow.ids_until(batch[0].id).await?;
    publishing.confirmed().await?;
    let publishing = candidate.publishing(vec![last.clone()]);
    let then = narrow.ids_until(last.id).await?;
    publishing.confirmed().await?;

    wide.until_all(&batch).await?;
    ensure!(
        !seen.contains(&batch[1].id) && !then.contains(&batch[1].id),
        "a message of a type that was not asked for arrived"
    );
    Ok(())
}

/// Two subscriptions to one type each get every message.
pub async fn each_durable_subscription_gets_a_copy(candidate: &Candidate) -> Verdict {
    let mut one = candidate.acking(&first()).await?;
    let other = Subscription::durable(DURABLE[1], &[PAID]);
    let mut other = candidate.acking(&other).await?;
    let batch = messages(PAID, 10);

    let publishing = candidate.publishing(batch.clone());

    one.until_all(&batch).await?;
    other.until_all(&batch).await?;
    publishing.confirmed().await
}

/// Two consumers of one subscription share its messages: both get some, and
/// none goes to both.
pub async fn consumers_of_one_subscription_share_its_messages(candidate: &Candidate) -> Verdict {
    const ROUNDS: usize = 5;
    let one_at_a_time = first().with_prefetch(1);
    let mut one = candidate.stream(&one_at_a_time).await?;
    let mut other = candidate.stream(&one_at_a_time).await?;
    let batch = messages(PAID, 2 * ROUNDS);
    let publishing = candidate.publishing(batch.clone());

    let mut seen = HashSet::new();
    for _ in 0..ROUNDS {
        // Both hold one at the same time, so neither can have taken all.
        let held = vec![one.one().await?, other.one().await?];
        for delivery in &held {
            let id = envelope(delivery)?.id;
            ensure!(seen.insert(id), "message {id} was delivered twice");
        }
        ack_all(held).await?;
    }

    ensure!(
        ids(&batch).iter().all(|id| seen.contains(id)),
        "what arrived is not what was published"
    );
    publishing.confirmed().await
}

/// Declared, but no one is there: the message waits for the consumer, or the
/// publisher learns that it has to.
pub async fn what_is_published_to_an_absent_consumer_arrives_later_or_is_not_confirmed(
    candidate: &Candidate,
) -> Verdict {
    candidate.subscriber().declare(&first()).await?;
    let batch = vec![message(PAID)];
    let outcomes = candidate.publishing(batch.clone()).outcomes().await?;
    let is_confirmed = outcomes == [Outcome::Confirmed];
    ensure!(
        is_confirmed || !candidate.keeps_for_absent(),
        "a transport that keeps messages for the absent answered {outcomes:?}"
    );
    ensure!(
        !matches!(outcomes[..], [Outcome::Returned { .. }]),
        "a declared subscription counts as none: {outcomes:?}"
    );

    let mut consumer = candidate.acking(&first()).await?;
    if is_confirmed {
        consumer.until_all(&batch).await?;
        return Ok(());
    }
    let repeat = candidate.publishing(batch.clone());
    consumer.until_all(&batch).await?;
    all_confirmed(&repeat.outcomes().await?)
}

/// A confirmation means that someone answers for the message: the consumer,
/// who acknowledged it, or the transport, which keeps it.
pub async fn what_is_confirmed_was_acknowledged_or_is_kept(candidate: &Candidate) -> Verdict {
    let mut stream = candidate.stream(&first()).await?;
    let batch = vec![message(PAID)];
    let publishing = candidate.publishing(batch.clone());
    let held = stream.one().await?;

    let outcomes = publishing.outcomes().await?;
    let is_confirmed = outcomes == [Outcome::Confirmed];
    ensure!(
        !is_confirmed || candidate.keeps_for_absent(),
        "confirmed before it was acknowledged, by a transport that keeps nothing"
    );

    drop(held);
    drop(stream);
    let repeat = (!is_confirmed).then(|| candidate.publishing(batch.clone()));
    let mut consumer = candidate.acking(&first()).await?;
    consumer.until_all(&batch).await?;
    match repeat {
        Some(repeat) => repeat.confirmed().await,
        None => Ok(()),
    }
}
