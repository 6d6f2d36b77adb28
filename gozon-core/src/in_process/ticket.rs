use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::bus::Wakes;
use crate::Outcome;

/// What one `publish` call waits with: an outcome per message, and its wake-up.
///
/// The publisher owns it; the bus holds it weakly, so that a publisher that
/// was dropped leaves nothing behind that an acknowledgement must clean up.
pub(super) struct Ticket {
    answers: Mutex<Answers>,
    wake: Arc<Notify>,
}

struct Answers {
    outcomes: Vec<Option<Outcome>>,
    open: usize,
}

impl Ticket {
    pub(super) fn new(messages: usize) -> Self {
        Self {
            answers: Mutex::new(Answers {
                outcomes: vec![None; messages],
                open: messages,
            }),
            wake: Arc::new(Notify::new()),
        }
    }

    /// Answers one message; the last answer wakes the publisher.
    pub(super) fn answer(&self, index: usize, outcome: Outcome, wakes: &mut Wakes) {
        let mut answers = self.answers();
        let Some(place @ None) = answers.outcomes.get_mut(index) else {
            return;
        };
        *place = Some(outcome);
        answers.open -= 1;
        if answers.open == 0 {
            wakes.add(&self.wake);
        }
    }

    /// Has the publisher look at the queues again.
    pub(super) fn tell_of_room(&self, wakes: &mut Wakes) {
        wakes.add(&self.wake);
    }

    pub(super) fn is_answered(&self) -> bool {
        self.answers().open == 0
    }

    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// One outcome per message, in order; what is open is unknown for the
    /// reason that `why` gives for its index.
    pub(super) fn outcomes(&self, why: impl Fn(usize) -> String) -> Vec<Outcome> {
        let outcomes = std::mem::take(&mut self.answers().outcomes);
        outcomes
            .into_iter()
            .enumerate()
            .map(|(index, outcome)| {
                outcome.unwrap_or_else(|| Outcome::Unknown { reason: why(index) })
            })
            .collect()
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
