use std::future::{pending, ready};
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use gozon_core::{Envelope, Outcome, Publisher};

use super::{Fault, State, Transport};

#[async_trait]
impl Publisher for Transport {
    async fn publish(&self, batch: &[Envelope]) -> Vec<Outcome> {
        let state = &self.0;
        let confirmed = vec![Outcome::Confirmed; batch.len()];
        match state.fault {
            Fault::LosesMessages => confirmed,
            Fault::ForgetsTheAbsent if state.streams.load(Ordering::SeqCst) == 0 => confirmed,
            Fault::ConfirmsWhenClosed if state.is_closed.load(Ordering::SeqCst) => confirmed,
            Fault::ReversesOutcomes => {
                let mut outcomes = state.inner.publish(batch).await;
                outcomes.reverse();
                outcomes
            }
            Fault::AnswersShort => {
                let mut outcomes = state.inner.publish(batch).await;
                outcomes.pop();
                outcomes
            }
            Fault::ConfirmsTheUnroutable => {
                let outcomes = state.inner.publish(batch).await.into_iter();
                let blind = |outcome| match outcome {
                    Outcome::Returned { .. } => Outcome::Confirmed,
                    other => other,
                };
                outcomes.map(blind).collect()
            }
            Fault::RefusesRepeats => refuse_repeats(state, batch).await,
            Fault::PublishesOneAtATime => {
                let _turn = state.turn.lock().await;
                state.inner.publish(batch).await
            }
            Fault::ForgetsConcurrentBatches => match state.turn.try_lock() {
                Ok(_turn) => state.inner.publish(batch).await,
                Err(_) => pending().await,
            },
            Fault::LosesKeyless => {
                let keyed = batch.iter().filter(|sent| sent.key.is_some());
                let keyed: Vec<_> = keyed.cloned().collect();
                state.inner.publish(&keyed).await;
                confirmed
            }
            Fault::SwapsBatches => swap(state, batch).await,
            Fault::ConfirmsBeforeAck => tokio::select! {
                biased;
                outcomes = state.inner.publish(batch) => outcomes,
                () = ready(()) => confirmed,
            },
            fault => {
                let damaged: Vec<_> = batch.iter().map(|sent| damage(fault, sent)).collect();
                state.inner.publish(&damaged).await
            }
        }
    }
}

async fn refuse_repeats(state: &State, batch: &[Envelope]) -> Vec<Outcome> {
    let is_repeat = |sent: &Envelope| !state.published.lock().unwrap().insert(sent.id);
    if batch.iter().any(is_repeat) {
        let reason = "a repeat".to_owned();
        return vec![Outcome::Refused { reason }; batch.len()];
    }
    state.inner.publish(batch).await
}

async fn swap(state: &State, batch: &[Envelope]) -> Vec<Outcome> {
    let earlier = {
        let mut held_back = state.held_back.lock().unwrap();
        if held_back.is_empty() {
            held_back.extend_from_slice(batch);
            return vec![Outcome::Confirmed; batch.len()];
        }
        std::mem::take(&mut *held_back)
    };
    let mut outcomes = state.inner.publish(&[batch, &earlier].concat()).await;
    outcomes.truncate(batch.len());
    outcomes
}

fn damage(fault: Fault, sent: &Envelope) -> Envelope {
    let mut sent = sent.clone();
    match fault {
        Fault::DropsTracestate => sent.tracestate = None,
        Fault::CutsSeconds => sent.time = sent.time.replace_nanosecond(0).unwrap(),
        Fault::CutsData => sent.data.truncate(64 * 1024),
        _ => {}
    }
    sent
}
