use std::collections::HashMap;
use std::sync::{Arc, Weak};

use super::bus::Wakes;
use super::ticket::Ticket;
use crate::{MessageId, Outcome};

/// The messages that some durable queue still holds, and the publish calls
/// that wait for each.
#[derive(Default)]
pub(super) struct InFlight(HashMap<MessageId, Waiting>);

struct Waiting {
    /// How many durable queues hold the message, ready or unsettled.
    owed: usize,
    tickets: Vec<(Weak<Ticket>, usize)>,
}

impl InFlight {
    /// A message entered `owed` durable queues.
    pub(super) fn insert(
        &mut self,
        id: MessageId,
        owed: usize,
        ticket: &Arc<Ticket>,
        index: usize,
    ) {
        let tickets = vec![(Arc::downgrade(ticket), index)];
        self.0.insert(id, Waiting { owed, tickets });
    }

    /// Has a repeat wait for the delivery in flight; `false` when there is none.
    ///
    /// Publishers that gave up are forgotten here, so that a message that is
    /// repeated for days does not collect them.
    pub(super) fn join(&mut self, id: MessageId, ticket: &Arc<Ticket>, index: usize) -> bool {
        let Some(waiting) = self.0.get_mut(&id) else {
            return false;
        };
        waiting
            .tickets
            .retain(|(ticket, _)| ticket.strong_count() > 0);
        waiting.tickets.push((Arc::downgrade(ticket), index));
        true
    }

    /// One durable queue is done with the message. The last one confirms it.
    pub(super) fn acknowledged(&mut self, id: MessageId, wakes: &mut Wakes) {
        let Some(waiting) = self.0.get_mut(&id) else {
            return;
        };
        waiting.owed -= 1;
        if waiting.owed > 0 {
            return;
        }
        if let Some(done) = self.0.remove(&id) {
            done.answer(&Outcome::Confirmed, wakes);
        }
    }

    /// Answers everyone who waits, and forgets all messages.
    pub(super) fn abandon(&mut self, outcome: &Outcome, wakes: &mut Wakes) {
        for (_, waiting) in self.0.drain() {
            waiting.answer(outcome, wakes);
        }
    }

    /// How many publish calls are remembered for a message.
    #[cfg(test)]
    pub(super) fn tickets(&self, id: MessageId) -> usize {
        self.0.get(&id).map_or(0, |waiting| waiting.tickets.len())
    }
}

impl Waiting {
    fn answer(self, outcome: &Outcome, wakes: &mut Wakes) {
        for (ticket, index) in self.tickets {
            if let Some(ticket) = ticket.upgrade() {
                ticket.answer(index, outcome.clone(), wakes);
            }
        }
    }
}
