use std::collections::HashSet;
use std::sync::Arc;

use super::bus::Wakes;
use super::routing::{Owned, QueueId, Routing, closed};
use super::ticket::Ticket;
use crate::{Envelope, Outcome, SubscriptionKind};

impl Routing {
    /// Puts what fits into the queues and takes its index out of `unplaced`.
    ///
    /// A message goes into all its queues or into none. One that does not fit
    /// keeps back the later ones that share a queue with it, so that a consumer
    /// sees the slice's order; the rest goes on.
    pub(super) fn place(
        &mut self,
        batch: &[Envelope],
        unplaced: &mut Vec<usize>,
        ticket: &Arc<Ticket>,
        wakes: &mut Wakes,
    ) {
        let mut blocked = HashSet::new();
        unplaced.retain(|&index| {
            let Some(envelope) = batch.get(index) else {
                return false;
            };
            !self.place_one(envelope, index, ticket, &mut blocked, wakes)
        });
        self.crowd.retain(|waiting| {
            waiting.strong_count() > 0 && !std::ptr::eq(waiting.as_ptr(), Arc::as_ptr(ticket))
        });
        if !unplaced.is_empty() {
            self.crowd.push(Arc::downgrade(ticket));
        }
    }

    fn place_one(
        &mut self,
        envelope: &Envelope,
        index: usize,
        ticket: &Arc<Ticket>,
        blocked: &mut HashSet<QueueId>,
        wakes: &mut Wakes,
    ) -> bool {
        if self.closed {
            ticket.answer(index, closed(), wakes);
            return true;
        }
        if self.in_flight.join(envelope.id, ticket, index) {
            return true;
        }
        let Some(route) = self.routes.get(&envelope.kind) else {
            let reason = format!("no subscription to {} is declared", envelope.kind);
            ticket.answer(index, Outcome::Returned { reason }, wakes);
            return true;
        };
        let is_full = |id| {
            self.queues.get(id).is_some_and(|owned| {
                owned.kind == SubscriptionKind::Durable && !owned.queue.has_room()
            })
        };
        if route.iter().any(|id| blocked.contains(id) || is_full(id)) {
            blocked.extend(route);
            return false;
        }
        let shared = Arc::new(envelope.clone());
        let mut owed = 0;
        for id in route {
            let Some(Owned { kind, queue }) = self.queues.get_mut(id) else {
                continue;
            };
            match kind {
                SubscriptionKind::Durable => {
                    queue.push(Arc::clone(&shared), wakes);
                    owed += 1;
                }
                SubscriptionKind::Broadcast => queue.push_or_lag(Arc::clone(&shared), wakes),
            }
        }
        if owed == 0 {
            ticket.answer(index, Outcome::Confirmed, wakes);
        } else {
            self.in_flight.insert(shared.id, owed, ticket, index);
        }
        true
    }
}
