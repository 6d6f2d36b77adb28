//! What a publish promises.

use bytes::Bytes;

use super::kit::{
    PAID, REFUNDED, UNHEARD, ack_all, all_confirmed, ensure, first, ids, message, messages, second,
};
use super::{Candidate, Verdict, Violation};
use crate::{Envelope, Outcome};

/// Confirmed is delivered.
pub async fn a_confirmed_message_arrives(candidate: &Candidate) -> Verdict {
    let mut consumer = candidate.acking(&first()).await?;
    let batch = messages(PAID, 20);

    let publishing = candidate.publishing(batch.clone());

    consumer.until_all(&batch).await?;
    publishing.confirmed().await
}

/// One outcome per message, each at the index of its message; none for none.
pub async fn outcomes_match_the_batch_in_length_and_order(candidate: &Candidate) -> Verdict {
    let _consumer = candidate.acking(&first()).await?;
    let nothing = candidate.publishing(Vec::new()).outcomes().await?;
    ensure!(
        nothing.is_empty(),
        "an empty batch was answered {nothing:?}"
    );

    for length in [1, 2, 3, 20] {
        let batch = mixed(length, 3);
        let outcomes = candidate.publishing(batch.clone()).outcomes().await?;
        ensure!(
            outcomes.len() == length,
            "{length} messages got {} outcomes",
            outcomes.len()
        );
        right_outcomes(&batch, &outcomes)?;
    }
    Ok(())
}

/// No queue, no confirmation: also when many batches, each a mixture of
/// routable and unroutable messages, are published at once.
pub async fn an_unroutable_message_is_returned_and_never_confirmed(
    candidate: &Candidate,
) -> Verdict {
    let alone = candidate.publishing(vec![message(UNHEARD)]);
    right_outcomes(&[message(UNHEARD)], &alone.outcomes().await?)?;

    let _consumer = candidate.acking(&first()).await?;
    let batches: Vec<_> = (2..10).map(|nth| mixed(32, nth)).collect();
    let publishing: Vec<_> = batches
        .iter()
        .map(|batch| candidate.publishing(batch.clone()))
        .collect();
    for (batch, publishing) in batches.iter().zip(publishing) {
        right_outcomes(batch, &publishing.outcomes().await?)?;
    }
    Ok(())
}

/// Publishing a message again, after its confirmation and beside itself, is
/// confirmed again. Whether it is delivered again is the transport's affair.
pub async fn a_repeat_is_confirmed_too(candidate: &Candidate) -> Verdict {
    let mut consumer = candidate.acking(&first()).await?;
    let same = vec![message(PAID)];

    candidate.publishing(same.clone()).confirmed().await?;
    candidate.publishing(same.clone()).confirmed().await?;
    let beside = candidate.publishing(same.clone());
    let twice_in_one = candidate.publishing([same.clone(), same.clone()].concat());
    beside.confirmed().await?;
    twice_in_one.confirmed().await?;

    consumer.until_all(&same).await?;
    Ok(())
}

/// Many tasks publish at once, and each gets the answers to its own batch.
pub async fn many_concurrent_batches_are_all_answered(candidate: &Candidate) -> Verdict {
    let mut consumer = candidate.acking(&first()).await?;
    let batches: Vec<_> = (0..32).map(|_| messages(PAID, 16)).collect();

    let publishing: Vec<_> = batches
        .iter()
        .map(|batch| candidate.publishing(batch.clone()))
        .collect();

    consumer.until_all(&batches.concat()).await?;
    for publishing in publishing {
        let outcomes = publishing.outcomes().await?;
        ensure!(outcomes.len() == 16, "{} of 16 outcomes", outcomes.len());
        all_confirmed(&outcomes)?;
    }
    Ok(())
}

/// A consumer that has not acknowledged does not hold up what another
/// subscription gets.
pub async fn batches_do_not_wait_for_each_other(candidate: &Candidate) -> Verdict {
    let mut slow = candidate.stream(&first()).await?;
    let _quick = candidate.acking(&second()).await?;
    let held_up = candidate.publishing(vec![message(PAID)]);
    let held = slow.one().await?;

    candidate
        .publishing(vec![message(REFUNDED)])
        .confirmed()
        .await?;

    ensure!(
        candidate.keeps_for_absent() || !held_up.is_answered(),
        "a batch was answered only after one that was before it"
    );
    ack_all(vec![held]).await?;
    held_up.confirmed().await
}

/// A caller with one message in flight per key sees them in its order at a
/// single consumer, repeats aside.
pub async fn one_key_with_one_message_in_flight_arrives_in_order(candidate: &Candidate) -> Verdict {
    const KEYS: usize = 4;
    const EACH: usize = 10;
    let mut consumer = candidate.acking(&first()).await?;
    let batches: Vec<Vec<Envelope>> = (0..EACH)
        .map(|nth| (0..KEYS).map(|key| keyed(key, nth)).collect())
        .collect();

    // One message of each key per batch, and the next batch after its confirms.
    for batch in &batches {
        candidate.publishing(batch.clone()).confirmed().await?;
    }

    let published = batches.concat();
    let mut seen = ids(&consumer.until_all(&published).await?);
    let mut known = std::collections::HashSet::new();
    seen.retain(|id| known.insert(*id));
    for key in 0..KEYS {
        let of_key = published.iter().skip(key).step_by(KEYS);
        let wanted: Vec<_> = of_key.map(|envelope| envelope.id).collect();
        let arrived: Vec<_> = seen.iter().filter(|id| wanted.contains(id)).collect();
        ensure!(
            arrived.into_iter().eq(wanted.iter()),
            "the messages of key {key} arrived in another order"
        );
    }
    Ok(())
}

fn keyed(key: usize, nth: usize) -> Envelope {
    Envelope {
        key: Some(key.to_string()),
        data: Bytes::from(nth.to_string()),
        ..message(PAID)
    }
}

/// Every `nth` message has no queue.
fn mixed(length: usize, nth: usize) -> Vec<Envelope> {
    let kind = |index: usize| {
        if index % nth == nth - 1 {
            UNHEARD
        } else {
            PAID
        }
    };
    (0..length).map(|index| message(kind(index))).collect()
}

fn right_outcomes(batch: &[Envelope], outcomes: &[Outcome]) -> Verdict {
    ensure!(
        outcomes.len() == batch.len(),
        "{} messages got {} outcomes",
        batch.len(),
        outcomes.len()
    );
    for (index, (envelope, outcome)) in batch.iter().zip(outcomes).enumerate() {
        let is_right = match outcome {
            Outcome::Confirmed => envelope.kind == PAID,
            Outcome::Returned { .. } => envelope.kind == UNHEARD,
            Outcome::Nacked { .. } | Outcome::Unknown { .. } | Outcome::Refused { .. } => false,
        };
        if !is_right {
            return Err(Violation::new(format!(
                "message {index} of {} is {} and was answered {outcome:?}",
                batch.len(),
                envelope.kind
            )));
        }
    }
    Ok(())
}
