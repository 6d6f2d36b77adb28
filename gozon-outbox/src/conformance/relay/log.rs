//! What happened on a stage, and what of it should not have happened.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use gozon_core::{Envelope, MessageId, Outcome};
use time::OffsetDateTime;
use tokio::time::Instant;

use super::memory::Memory;
use crate::store::{Failure, MemberId};

/// One attempt to publish a message.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Which relay published it, from 0.
    pub relay: usize,
    /// What the message says.
    pub text: String,
    /// Its key.
    pub key: Option<String>,
    /// Its event type.
    pub kind: String,
    /// The how-manieth attempt this is, from 1.
    pub attempt: usize,
    /// When.
    pub at: Instant,
    /// When the message says that this attempt began.
    pub published_at: Option<OffsetDateTime>,
}

pub(super) struct Log {
    memory: Arc<Memory>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    arrivals: Vec<Arrival>,
    attempts: HashMap<MessageId, usize>,
    /// Messages of one relay that have no answer yet.
    unanswered: HashMap<(usize, String), Vec<MessageId>>,
    /// Confirmed, and a relay was told so.
    confirmed: HashSet<MessageId>,
    /// Refused for their own sake.
    refused: HashSet<MessageId>,
    /// The relay's names for itself.
    members: HashMap<MemberId, usize>,
    violations: Vec<String>,
}

impl Log {
    pub(super) fn new(memory: Arc<Memory>) -> Self {
        Self {
            memory,
            state: Mutex::default(),
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap())
    }

    pub(super) fn arrivals(&self) -> Vec<Arrival> {
        self.with(|state| state.arrivals.clone())
    }

    /// What no relay may ever do and one did.
    pub(super) fn violations(&self) -> Vec<String> {
        self.with(|state| state.violations.clone())
    }

    pub(super) fn calls_itself(&self, relay: usize, member: MemberId) {
        self.with(|state| state.members.insert(member, relay));
    }

    pub(super) fn arrived(&self, relay: usize, envelope: &Envelope) -> Arrival {
        self.with(|state| {
            let attempt = state.attempts.entry(envelope.id).or_default();
            *attempt += 1;
            let arrival = Arrival {
                relay,
                text: String::from_utf8_lossy(&envelope.data).into_owned(),
                key: envelope.key.clone(),
                kind: envelope.kind.clone(),
                attempt: *attempt,
                at: Instant::now(),
                published_at: envelope.published_at,
            };
            state.arrivals.push(arrival.clone());
            if let Some(key) = &envelope.key {
                self.check_order(state, &arrival, key, envelope.id);
            }
            self.check_lease(state, &arrival, envelope);
            arrival
        })
    }

    /// Neither beside nor before an earlier message of its key.
    fn check_order(&self, state: &mut State, arrival: &Arrival, key: &str, id: MessageId) {
        let Arrival { relay, text, .. } = arrival;
        let slot = (*relay, key.to_owned());
        let unanswered = state.unanswered.entry(slot).or_default();
        if unanswered.iter().any(|other| *other != id) {
            state.violations.push(format!(
                "relay {relay} published {text} while another message of its key had no answer"
            ));
        }
        unanswered.push(id);
        // Whatever was before its predecessor had to be confirmed before that.
        let place = self.memory.place(id);
        let earlier = place.and_then(|place| self.memory.before(key, place.seq));
        if earlier.is_some_and(|earlier| !state.confirmed.contains(&earlier)) {
            state.violations.push(format!(
                "relay {relay} published {text} before the message of its key before it was \
                 confirmed"
            ));
        }
    }

    /// Only who owns the partition publishes, and only before its term ends.
    fn check_lease(&self, state: &mut State, arrival: &Arrival, envelope: &Envelope) {
        let Some(place) = self.memory.place(envelope.id) else {
            return;
        };
        let owner = self.memory.owner(place.partition);
        let owner = owner.and_then(|owner| state.members.get(&owner));
        if owner != Some(&arrival.relay) {
            state.violations.push(format!(
                "relay {} published {} and had no lease for it at that time",
                arrival.relay, arrival.text
            ));
        }
    }

    /// A relay was told, or gave up waiting (`None`).
    pub(super) fn answered(&self, relay: usize, envelope: &Envelope, outcome: Option<&Outcome>) {
        self.with(|state| {
            if let Some(key) = &envelope.key
                && let Some(unanswered) = state.unanswered.get_mut(&(relay, key.clone()))
                && let Some(place) = unanswered.iter().position(|id| *id == envelope.id)
            {
                unanswered.remove(place);
            }
            match outcome {
                Some(Outcome::Confirmed) => {
                    state.confirmed.insert(envelope.id);
                }
                Some(Outcome::Refused { .. }) => {
                    state.refused.insert(envelope.id);
                }
                Some(
                    Outcome::Nacked { .. } | Outcome::Returned { .. } | Outcome::Unknown { .. },
                )
                | None => {}
            }
        });
    }

    /// A relay is gone, and its questions with it.
    pub(super) fn gone(&self, relay: usize) {
        self.with(|state| state.unanswered.retain(|(of, _), _| *of != relay));
    }

    pub(super) fn deletes(&self, relay: usize, seqs: &[i64]) {
        self.with(|state| {
            for seq in seqs {
                let id = self.memory.id(*seq);
                if id.is_none_or(|id| !state.confirmed.contains(&id)) {
                    state.violations.push(format!(
                        "relay {relay} deleted number {seq}, which was not confirmed"
                    ));
                }
            }
        });
    }

    pub(super) fn holds(&self, relay: usize, failures: &[Failure]) {
        self.with(|state| {
            for failure in failures.iter().filter(|failure| failure.dead) {
                let id = self.memory.id(failure.seq);
                let refused = id.is_some_and(|id| state.refused.contains(&id));
                if !refused && !self.memory.is_garbled(failure.seq) {
                    state.violations.push(format!(
                        "relay {relay} buried number {}, which was not refused",
                        failure.seq
                    ));
                }
            }
        });
    }
}
