//! How much a consumer gets, and what it may drop.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::kit::{PAID, ack_all, ensure, envelope, first, ids, message, messages};
use super::{Candidate, Verdict, Violation};
use crate::Received;

/// A consumer holds no more than its prefetch: what is beyond goes to others.
pub async fn prefetch_bounds_what_is_unsettled(candidate: &Candidate) -> Verdict {
    let mut small = candidate.stream(&first().with_prefetch(2)).await?;
    let publishing = candidate.publishing(messages(PAID, 5));
    let held = small.hold(2).await?;

    // The other three reach another consumer: the first was not given them.
    let mut other = candidate.stream(&first()).await?;
    let rest = tokio::select! {
        biased;
        more = small.arrival(100) => Err(Violation::new(format!(
            "{} more deliveries beyond a prefetch of 2",
            more.map_or(0, |batch| batch.len())
        ))),
        rest = other.hold(3) => rest.map_err(|violation| Violation::new(format!(
            "what is beyond the prefetch did not reach another consumer: {violation}"
        ))),
    }?;

    ack_all(rest).await?;
    ack_all(held).await?;
    publishing.confirmed().await
}

/// Settling makes room: a prefetch of one is enough to receive everything.
pub async fn an_acknowledgement_makes_room_for_the_next(candidate: &Candidate) -> Verdict {
    let mut stream = candidate.stream(&first().with_prefetch(1)).await?;
    let batch = messages(PAID, 10);
    let publishing = candidate.publishing(batch.clone());

    for _ in &batch {
        let held = stream.batch(100).await?;
        ensure!(
            held.len() == 1,
            "{} deliveries with a prefetch of 1",
            held.len()
        );
        ack_all(held).await?;
    }

    publishing.confirmed().await
}

/// `receive(max)` returns at least one delivery and at most `max`.
pub async fn receive_returns_no_more_than_asked(candidate: &Candidate) -> Verdict {
    let mut stream = candidate.stream(&first()).await?;
    let batch = messages(PAID, 10);
    let publishing = candidate.publishing(batch.clone());

    let mut seen = HashSet::new();
    for max in [1, 3].into_iter().cycle() {
        let held = stream.batch(max).await?;
        ensure!(
            held.len() <= max,
            "receive({max}) returned {} deliveries",
            held.len()
        );
        for delivery in &held {
            seen.insert(envelope(delivery)?.id);
        }
        ack_all(held).await?;
        if seen.len() == batch.len() {
            break;
        }
    }

    publishing.confirmed().await
}

/// A `receive` future that is dropped, at whatever point, loses nothing.
pub async fn receive_is_cancel_safe(candidate: &Candidate) -> Verdict {
    let mut stream = candidate.stream(&first()).await?;
    let batches: Vec<_> = (0..10).map(|_| messages(PAID, 5)).collect();
    let publishing: Vec<_> = batches
        .iter()
        .map(|batch| candidate.publishing(batch.clone()))
        .collect();

    let mut missing: HashSet<_> = ids(&batches.concat()).into_iter().collect();
    let deadline = Instant::now() + candidate.patience();
    // One poll and no more, then a moment's wait: the future is dropped at its
    // first await and at later ones.
    let turns = [Duration::ZERO, Duration::ZERO, Duration::from_millis(1)];
    for turn in turns.into_iter().cycle() {
        ensure!(
            Instant::now() < deadline,
            "{} messages were lost with a dropped receive",
            missing.len()
        );
        match timeout(turn, stream.deliveries.receive(3)).await {
            Ok(Received::Batch(held)) => {
                for delivery in &held {
                    missing.remove(&envelope(delivery)?.id);
                }
                ack_all(held).await?;
            }
            Ok(Received::Closed) => return Err(Violation::new("the stream ended")),
            Ok(Received::Resumed) | Err(_) => {}
        }
        if missing.is_empty() {
            break;
        }
    }
    for publishing in publishing {
        publishing.confirmed().await?;
    }

    let last = vec![message(PAID)];
    let publishing = candidate.publishing(last.clone());
    stream.ids_until(last[0].id).await?;
    publishing.confirmed().await
}
