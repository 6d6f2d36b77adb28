//! Broadcast: a copy for each live instance, and nothing for the absent.

use super::kit::{
    BROADCAST, PAID, REFUNDED, ensure, envelope, first, ids, live, message, messages,
};
use super::{Candidate, Verdict};
use crate::{Outcome, Subscription};

/// Every instance that is there gets every message, in the order of the slice.
pub async fn a_broadcast_reaches_every_live_instance(candidate: &Candidate) -> Verdict {
    let mut one = candidate.stream(&live()).await?;
    let mut other = candidate.stream(&live()).await?;
    let batch = messages(PAID, 10);

    candidate.publishing(batch.clone()).confirmed().await?;

    for stream in [&mut one, &mut other] {
        let mut seen = Vec::new();
        for delivery in stream.hold(batch.len()).await? {
            seen.push(envelope(&delivery)?.id);
        }
        seen.sort_unstable();
        let mut wanted = ids(&batch);
        wanted.sort_unstable();
        ensure!(seen == wanted, "an instance got other messages");
    }
    Ok(())
}

/// Neither an instance that settles nothing nor one that went away keeps a
/// publisher waiting.
pub async fn a_broadcast_holds_no_confirmation(candidate: &Candidate) -> Verdict {
    let _durable = candidate.acking(&first()).await?;
    drop(candidate.stream(&live()).await?);
    let mut idle = candidate.stream(&live()).await?;

    candidate.publishing(messages(PAID, 3)).confirmed().await?;

    let _held = idle.hold(3).await?;
    candidate.publishing(messages(PAID, 3)).confirmed().await
}

/// A type with a broadcast audience in principle, and no one there: answered,
/// as confirmed or as returned, which a relay treats alike.
pub async fn a_broadcast_without_audience_is_answered(candidate: &Candidate) -> Verdict {
    let live = Subscription::broadcast(BROADCAST, &[REFUNDED]);
    candidate.subscriber().declare(&live).await?;

    let outcomes = candidate
        .publishing(vec![message(REFUNDED)])
        .outcomes()
        .await?;

    ensure!(
        matches!(
            outcomes[..],
            [Outcome::Confirmed | Outcome::Returned { .. }]
        ),
        "answered {outcomes:?}"
    );
    Ok(())
}

/// An instance that comes gets what is published from then on.
pub async fn a_broadcast_keeps_nothing_for_the_absent(candidate: &Candidate) -> Verdict {
    candidate.subscriber().declare(&live()).await?;
    drop(candidate.stream(&live()).await?);
    candidate.publishing(vec![message(PAID)]).outcomes().await?;

    let mut stream = candidate.stream(&live()).await?;
    let later = message(PAID);
    candidate
        .publishing(vec![later.clone()])
        .confirmed()
        .await?;

    let seen = stream.ids_until(later.id).await?;
    ensure!(
        seen == [later.id],
        "a message from before the subscription arrived"
    );
    Ok(())
}
