//! Declaring and closing.

use tokio::time::timeout;

use super::kit::{DURABLE, PAID, ensure, first, live, message};
use super::{Candidate, Verdict, Violation};
use crate::{Outcome, Subscription, TransportError};

/// Declaring, and subscribing to what is declared, changes nothing the second
/// time: each message arrives once.
pub async fn declaring_twice_is_harmless(candidate: &Candidate) -> Verdict {
    candidate.subscriber().declare(&first()).await?;
    candidate.subscriber().declare(&first()).await?;
    let mut stream = candidate.stream(&first()).await?;
    candidate.subscriber().declare(&first()).await?;
    let batch = [message(PAID), message(PAID)];

    let publishing = candidate.publishing(batch[..1].to_vec());
    let before = stream.ids_until(batch[0].id).await?;
    publishing.confirmed().await?;
    let publishing = candidate.publishing(batch[1..].to_vec());
    let after = stream.ids_until(batch[1].id).await?;

    ensure!(
        before == [batch[0].id] && after == [batch[1].id],
        "a message was delivered more than once"
    );
    publishing.confirmed().await
}

/// No name, no types, a prefetch of none or without bound: refused as a
/// setting, before anything is declared.
pub async fn a_subscription_that_makes_no_sense_is_refused(candidate: &Candidate) -> Verdict {
    let senseless = [
        ("no name", Subscription::durable("", &[PAID])),
        ("no types", Subscription::durable(DURABLE[0], &[])),
        ("a prefetch of 0", first().with_prefetch(0)),
        ("a prefetch of 1001", live().with_prefetch(1001)),
        ("order in no partition", first().with_order(0)),
        ("order in 65 partitions", first().with_order(65)),
        ("a broadcast in order", live().with_order(1)),
    ];
    for (what, subscription) in senseless {
        let declared = candidate.subscriber().declare(&subscription).await;
        let subscribed = candidate.subscriber().subscribe(&subscription).await;
        for result in [declared, subscribed.map(drop)] {
            ensure!(
                matches!(result, Err(TransportError::Config { .. })),
                "{what} was answered {result:?}"
            );
        }
    }
    Ok(())
}

/// Every stream ends when its transport is closed, also one that is waiting.
pub async fn closing_ends_streams(candidate: &Candidate) -> Verdict {
    let mut waiting = candidate.stream(&first()).await?;
    let mut idle = candidate.stream(&live()).await?;
    // Dropped with the rule, it ends the task.
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move { while waiting.arrival(1).await.is_some() {} });

    timeout(candidate.patience(), candidate.close())
        .await
        .map_err(|_| Violation::new("the transport did not close"))?;

    timeout(candidate.patience(), tasks.join_next())
        .await
        .map_err(|_| Violation::new("a waiting stream did not end"))?;
    timeout(candidate.patience(), async {
        while idle.arrival(1).await.is_some() {}
    })
    .await
    .map_err(|_| Violation::new("an idle stream did not end"))
}

/// After closing, a publish is answered and not confirmed, and no one can
/// subscribe.
pub async fn nothing_is_confirmed_after_closing(candidate: &Candidate) -> Verdict {
    candidate.subscriber().declare(&first()).await?;
    candidate.close().await;

    let outcomes = candidate
        .publishing(vec![message(PAID), message(PAID)])
        .outcomes()
        .await?;
    ensure!(
        matches!(
            outcomes[..],
            [Outcome::Unknown { .. }, Outcome::Unknown { .. }]
        ),
        "a closed transport answered {outcomes:?}"
    );
    let subscribed = candidate.subscriber().subscribe(&first()).await.map(drop);
    ensure!(subscribed.is_err(), "a closed transport can be subscribed");
    Ok(())
}
