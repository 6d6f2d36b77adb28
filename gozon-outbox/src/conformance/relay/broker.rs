//! A broker that answers as it is told.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use gozon_core::{Envelope, Outcome, Publisher};
use tokio::sync::watch;

use super::log::{Arrival, Log};

/// What the broker does about an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// This outcome.
    Now(Outcome),
    /// This outcome, as soon as [`Broker::answer`] is called.
    Later(Outcome),
    /// None, ever.
    Never,
}

impl Answer {
    /// It has the message.
    pub const CONFIRMED: Self = Self::Now(Outcome::Confirmed);

    /// It could not take it.
    pub fn nacked() -> Self {
        let reason = "full".to_owned();
        Self::Now(Outcome::Nacked { reason })
    }

    /// No queue is bound.
    pub fn returned() -> Self {
        let reason = "no route".to_owned();
        Self::Now(Outcome::Returned { reason })
    }

    /// The channel is gone.
    pub fn unknown() -> Self {
        let reason = "channel gone".to_owned();
        Self::Now(Outcome::Unknown { reason })
    }

    /// It will never take it.
    pub fn refused() -> Self {
        let reason = "too large".to_owned();
        Self::Now(Outcome::Refused { reason })
    }
}

type Script = Box<dyn FnMut(&Arrival) -> Answer + Send>;

/// The broker of a stage. Confirms everything until it is told otherwise.
pub struct Broker {
    log: Arc<Log>,
    script: Mutex<Script>,
    answers: watch::Sender<u64>,
}

impl Broker {
    pub(super) fn new(log: Arc<Log>) -> Self {
        Self {
            log,
            script: Mutex::new(Box::new(|_| Answer::CONFIRMED)),
            answers: watch::channel(0).0,
        }
    }

    /// From now on it answers like this.
    pub fn script(&self, script: impl FnMut(&Arrival) -> Answer + Send + 'static) {
        *self.script.lock().unwrap() = Box::new(script);
    }

    /// Gives the answers that were to come later.
    pub fn answer(&self) {
        self.answers.send_modify(|round| *round += 1);
    }
}

/// The broker, as one relay reaches it.
pub(super) struct Connection {
    pub(super) relay: usize,
    pub(super) broker: Arc<Broker>,
}

#[async_trait]
impl Publisher for Connection {
    async fn publish(&self, batch: &[Envelope]) -> Vec<Outcome> {
        let (log, relay) = (&self.broker.log, self.relay);
        let mut answers = self.broker.answers.subscribe();
        let asked = *answers.borrow_and_update();
        let mut waiting = Waiting { log, relay, batch };
        let mut outcomes = Vec::with_capacity(batch.len());
        let mut later = false;
        let mut never = false;
        for envelope in batch {
            let arrival = log.arrived(relay, envelope);
            let answer = (self.broker.script.lock().unwrap())(&arrival);
            match answer {
                Answer::Now(outcome) => outcomes.push(outcome),
                Answer::Later(outcome) => {
                    later = true;
                    outcomes.push(outcome);
                }
                Answer::Never => never = true,
            }
        }
        if never {
            std::future::pending::<()>().await;
        }
        if later {
            // The stage keeps the sender for as long as a relay may wait here.
            let _ = answers.wait_for(|round| *round > asked).await;
        } else {
            // An answer takes a moment, so that batches overlap.
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        for (envelope, outcome) in batch.iter().zip(&outcomes) {
            log.answered(relay, envelope, Some(outcome));
        }
        waiting.batch = &[];
        outcomes
    }
}

/// Whoever drops the question does not wait for its answer any longer.
struct Waiting<'a> {
    log: &'a Log,
    relay: usize,
    batch: &'a [Envelope],
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        for envelope in self.batch {
            self.log.answered(self.relay, envelope, None);
        }
    }
}
