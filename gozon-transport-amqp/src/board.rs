//! What is known about each message of one batch.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gozon_core::{Envelope, MessageId, Outcome};
use tokio::sync::Notify;

use crate::cloud_events::{Wire, write};
use crate::metrics;
use crate::topology::Topology;

/// Messages of one call of `publish` and their outcomes, shared between the
/// caller, who may stop waiting, and the task that goes on.
///
/// **Returned messages.** The broker returns an unroutable message before it
/// confirms it, but lapin hands the return to whichever confirmation it resolves
/// next. So a return is matched by message id, never by position, and while any
/// message of a flight is unresolved, a confirmation of another one is only
/// worth something as long as that flight has seen no return at all.
pub(crate) struct Board {
    topology: Arc<Topology>,
    wires: Vec<Option<Wire>>,
    state: Mutex<State>,
    landing: Notify,
}

#[derive(Default)]
struct State {
    outcomes: Vec<Option<Outcome>>,
    flight: Option<Flight>,
    /// Why the rest is unknown.
    failure: Option<String>,
}

#[derive(Default)]
struct Flight {
    members: Vec<usize>,
    answers: HashMap<usize, Answer>,
    returned: HashMap<MessageId, String>,
}

/// What the broker said about one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Ack,
    Nack,
}

impl Board {
    /// Writes all envelopes; what cannot be written is refused.
    pub(crate) fn new(batch: &[Envelope], topology: Arc<Topology>) -> Self {
        let (wires, outcomes) = batch
            .iter()
            .map(|envelope| match write(envelope) {
                Ok(wire) => (Some(wire), None),
                Err(reason) => (None, Some(Outcome::Refused { reason })),
            })
            .unzip();
        let state = State {
            outcomes,
            ..State::default()
        };
        Self {
            topology,
            wires,
            state: Mutex::new(state),
            landing: Notify::new(),
        }
    }

    /// The message at `index`, unless it was refused when it was written.
    pub(crate) fn wire(&self, index: usize) -> Option<&Wire> {
        self.wires.get(index).and_then(Option::as_ref)
    }

    /// The messages that have no outcome yet.
    pub(crate) fn open(&self) -> Vec<usize> {
        let state = self.state();
        let open = state.outcomes.iter().enumerate();
        open.filter(|(_, outcome)| outcome.is_none())
            .map(|(index, _)| index)
            .collect()
    }

    /// A flight with these messages begins.
    pub(crate) fn take_off(&self, members: &[usize]) {
        self.state().flight = Some(Flight {
            members: members.to_vec(),
            ..Flight::default()
        });
    }

    pub(crate) fn answered(&self, index: usize, answer: Answer) {
        if let Some(flight) = &mut self.state().flight {
            flight.answers.insert(index, answer);
        }
    }

    pub(crate) fn returned(&self, id: MessageId, reason: String) {
        if let Some(flight) = &mut self.state().flight {
            flight.returned.insert(id, reason);
        }
    }

    /// The flight ended; `complete` when every message was answered.
    pub(crate) fn land(&self, complete: bool) {
        let mut state = self.state();
        let Some(flight) = state.flight.take() else {
            return;
        };
        for &index in &flight.members {
            if let Some(outcome) = self.verdict(&flight, index, complete) {
                state.outcomes[index] = Some(outcome);
            }
        }
        drop(state);
        self.landing.notify_waiters();
    }

    /// Waits until no flight is under way: what it had heard is then written down
    /// as a whole. In the middle of it, a message may have its confirmation noted,
    /// and its return, which lapin hands to the next one, not yet.
    pub(crate) async fn landed(&self) {
        loop {
            let mut landing = std::pin::pin!(self.landing.notified());
            landing.as_mut().enable();
            if self.state().flight.is_none() {
                return;
            }
            landing.await;
        }
    }

    /// The broker closed the channel because of this message alone.
    pub(crate) fn refuse(&self, index: usize, reason: String) {
        self.state().outcomes[index] = Some(Outcome::Refused { reason });
    }

    /// No more will be tried; what is open is unknown for this reason.
    pub(crate) fn give_up(&self, reason: String) {
        self.state().failure.get_or_insert(reason);
    }

    /// All outcomes as they stand; the open ones become `rest`, or unknown with
    /// the reason given before.
    pub(crate) fn outcomes(&self, rest: &Outcome) -> Vec<Outcome> {
        let state = self.state();
        let rest = match &state.failure {
            Some(reason) => Outcome::Unknown {
                reason: reason.clone(),
            },
            None => rest.clone(),
        };
        let outcomes = state.outcomes.iter().enumerate().map(|(index, outcome)| {
            outcome
                .clone()
                .or_else(|| self.verdict(state.flight.as_ref()?, index, false))
                .unwrap_or_else(|| rest.clone())
        });
        outcomes.collect()
    }

    fn verdict(&self, flight: &Flight, index: usize, complete: bool) -> Option<Outcome> {
        let wire = self.wire(index)?;
        if let Some(reason) = flight.returned.get(&wire.id) {
            return Some(self.unroutable(wire, reason));
        }
        match flight.answers.get(&index)? {
            Answer::Ack if complete || flight.returned.is_empty() => Some(Outcome::Confirmed),
            Answer::Ack => None,
            Answer::Nack => Some(Outcome::Nacked {
                reason: "the broker declined it (a full queue, or a fault of its own)".to_owned(),
            }),
        }
    }

    fn unroutable(&self, wire: &Wire, reason: &str) -> Outcome {
        if self.topology.is_broadcast_only(wire.routing_key.as_str()) {
            ::metrics::counter!(metrics::NO_AUDIENCE).increment(1);
            return Outcome::Confirmed;
        }
        Outcome::Returned {
            reason: reason.to_owned(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use gozon_core::{Clock, SystemClock};

    use super::*;
    use crate::AmqpConfig;

    fn batch(kinds: &[&str]) -> Vec<Envelope> {
        kinds
            .iter()
            .map(|kind| Envelope {
                id: MessageId::generate(),
                source: "/s".into(),
                kind: (*kind).into(),
                subject: None,
                time: SystemClock.now(),
                content_type: "application/json".into(),
                schema: None,
                key: None,
                correlation_id: None,
                causation_id: None,
                traceparent: None,
                tracestate: None,
                published_at: None,
                received_at: None,
                data: Bytes::new(),
            })
            .collect()
    }

    fn board(batch: &[Envelope]) -> Board {
        let config = AmqpConfig::new("amqp://localhost").with_broadcast_type("told");
        Board::new(batch, Arc::new(Topology::new(&config).unwrap()))
    }

    fn lost() -> Outcome {
        Outcome::Unknown {
            reason: "lost".to_owned(),
        }
    }

    fn returned() -> Outcome {
        Outcome::Returned {
            reason: "NO_ROUTE".to_owned(),
        }
    }

    #[test]
    fn a_return_belongs_to_the_message_that_it_names() {
        let batch = batch(&["a", "b"]);
        let board = board(&batch);
        board.take_off(&[0, 1]);

        // As lapin does it: the return comes with the other one's ack.
        board.returned(batch[1].id, "NO_ROUTE".to_owned());
        board.answered(0, Answer::Ack);
        board.answered(1, Answer::Ack);
        board.land(true);

        assert_eq!(board.outcomes(&lost()), [Outcome::Confirmed, returned()]);
    }

    #[test]
    fn beside_a_return_an_incomplete_flight_confirms_nothing() {
        let batch = batch(&["a", "b", "c"]);
        let board = board(&batch);
        board.take_off(&[0, 1, 2]);
        board.answered(0, Answer::Ack);
        board.returned(batch[1].id, "NO_ROUTE".to_owned());

        let early = board.outcomes(&lost());
        board.land(false);

        assert_eq!(early, [lost(), returned(), lost()]);
        assert_eq!(board.outcomes(&lost()), early);
        assert_eq!(board.open(), [0, 2]);
    }

    #[tokio::test]
    async fn who_waits_for_the_landing_reads_what_came_until_then() {
        let batch = batch(&["a", "b"]);
        let board = board(&batch);
        board.landed().await; // nothing is under way
        board.take_off(&[0, 1]);
        board.answered(0, Answer::Ack);
        let mut landed = Box::pin(board.landed());
        assert!(futures_util::poll!(&mut landed).is_pending());

        board.returned(batch[0].id, "NO_ROUTE".to_owned());
        board.land(false);
        landed.await;

        assert_eq!(board.outcomes(&lost()), [returned(), lost()]);
    }

    #[test]
    fn without_a_return_an_incomplete_flight_keeps_its_confirmations() {
        let batch = batch(&["a", "b", "c"]);
        let board = board(&batch);
        board.take_off(&[0, 1, 2]);
        board.answered(0, Answer::Ack);
        board.answered(1, Answer::Nack);
        board.land(false);

        let outcomes = board.outcomes(&lost());

        assert_eq!(outcomes[0], Outcome::Confirmed);
        assert!(matches!(outcomes[1], Outcome::Nacked { .. }));
        assert_eq!(outcomes[2], lost());
    }

    #[test]
    fn a_broadcast_without_an_audience_is_done() {
        let batch = batch(&["told", "a"]);
        let board = board(&batch);
        board.take_off(&[0, 1]);
        for (index, envelope) in batch.iter().enumerate() {
            board.returned(envelope.id, "NO_ROUTE".to_owned());
            board.answered(index, Answer::Ack);
        }
        board.land(true);

        assert_eq!(board.outcomes(&lost()), [Outcome::Confirmed, returned()]);
    }

    #[test]
    fn what_cannot_be_written_is_refused_and_never_sent() {
        let mut batch = batch(&["a", "b"]);
        batch[0].kind = "x".repeat(256);
        let board = board(&batch);

        assert_eq!(board.open(), [1]);
        assert!(board.wire(0).is_none());
        assert!(matches!(
            board.outcomes(&lost())[0],
            Outcome::Refused { .. }
        ));
    }
}
