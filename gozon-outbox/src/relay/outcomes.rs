//! What the relay does about each answer of the broker.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use gozon_core::{Envelope, Outcome};
use tokio::time::Instant;
use tracing::{debug, error, info, warn};

use super::backoff::pause;
use super::engine::{Engine, Flight};
use super::jobs::Held;
use super::lanes::{LaneId, Message, Ticket};
use crate::metrics;
use crate::store::{Failure, Leases, Row, RowState};

/// How often a dead letter is looked at although nobody decided about it:
/// somebody may have repaired the table by hand.
const DEAD_RECHECK: Duration = Duration::from_secs(60);
/// What is kept of a reason; brokers may quote whole messages.
const REASON_CHARS: usize = 500;

impl Engine {
    pub(super) fn published(&mut self, flight: &Flight, outcomes: Vec<Outcome>) {
        let now = Instant::now();
        if let Some(kind) = &flight.test {
            self.breakers.tested(kind);
        }
        let mut outcomes = outcomes.into_iter();
        let mut confirmed: HashSet<&str> = HashSet::new();
        let mut failed: HashMap<&str, &'static str> = HashMap::new();
        for ticket in &flight.tickets {
            let outcome = outcomes.next().unwrap_or_else(|| Outcome::Unknown {
                reason: "the publisher gave no answer for this message".to_owned(),
            });
            metrics::relayed(label(&outcome), 1);
            match outcome {
                Outcome::Confirmed => {
                    confirmed.insert(&ticket.kind);
                    self.confirmed(ticket, now);
                }
                Outcome::Nacked { reason } => {
                    failed.insert(&ticket.kind, "nacked");
                    self.outage(ticket, reason, false, now);
                }
                Outcome::Unknown { reason } => {
                    failed.insert(&ticket.kind, "unknown");
                    self.outage(ticket, reason, true, now);
                }
                Outcome::Returned { reason } => {
                    error!(
                        message.kind = %ticket.kind, message.seq = ticket.seq, reason,
                        "the broker has no queue for a message; it is kept and repeated"
                    );
                    let (min, max) = (self.config.returned_min, self.config.returned_max);
                    let retry = pause(min, max, ticket.attempts + 1, ticket.seq);
                    failed.insert(&ticket.kind, "returned");
                    self.fail(ticket, false, false, reason, retry, now);
                }
                Outcome::Refused { reason } => {
                    error!(
                        message.kind = %ticket.kind, message.seq = ticket.seq, reason,
                        "the broker refuses a message for its own sake; it is dead and holds its key"
                    );
                    self.fail(ticket, true, false, reason, DEAD_RECHECK, now);
                }
            }
        }
        for kind in &confirmed {
            if self.breakers.confirmed(kind) {
                info!(
                    message.kind = kind,
                    "messages of this type get through again"
                );
                self.lanes.hasten(kind, usize::MAX, now);
            }
        }
        for (kind, how) in failed {
            if !confirmed.contains(kind) && self.breakers.failed(kind, now) {
                warn!(
                    message.kind = kind,
                    how, "messages of this type do not get through"
                );
            }
        }
        if self.lanes.take_hungry() {
            self.nudged = true;
        }
    }

    fn confirmed(&mut self, ticket: &Ticket, now: Instant) {
        self.lanes.confirmed(ticket);
        if self.todo.deletes.is_empty() {
            self.next.delete = now + self.config.delete_linger;
        }
        // Right even if the partition is no longer ours: confirmed is confirmed.
        self.todo.deletes.push((ticket.lane.clone(), ticket.seq));
    }

    fn outage(&mut self, ticket: &Ticket, reason: String, alone: bool, now: Instant) {
        debug!(message.kind = %ticket.kind, message.seq = ticket.seq, reason, "not confirmed");
        let (min, max) = (self.config.retry_min, self.config.retry_max);
        let retry = pause(min, max, ticket.attempts + 1, ticket.seq);
        self.fail(ticket, false, alone, reason, retry, now);
    }

    fn fail(
        &mut self,
        ticket: &Ticket,
        dead: bool,
        alone: bool,
        reason: String,
        retry_in: Duration,
        now: Instant,
    ) {
        if !self.territory.owns(ticket.partition) {
            // Its next owner finds it where it was.
            self.lanes.forgotten(ticket);
            return;
        }
        self.lanes.failed(ticket, dead, alone);
        let kept = reason.chars().filter(|c| *c != '\0').take(REASON_CHARS);
        let failure = Failure {
            seq: ticket.seq,
            dead,
            attempted: true,
            reason: kept.collect(),
            retry_in,
        };
        self.write_hold(ticket, failure, now);
    }

    /// Its type is not getting through: it waits in the table, not in memory.
    pub(super) fn parked(&mut self, ticket: &Ticket, now: Instant) {
        let failure = Failure {
            seq: ticket.seq,
            dead: false,
            attempted: false,
            reason: "messages of this type do not get through".to_owned(),
            retry_in: pause(self.config.retry_max, self.config.retry_max, 1, ticket.seq),
        };
        self.write_hold(ticket, failure, now);
    }

    fn write_hold(&mut self, ticket: &Ticket, failure: Failure, now: Instant) {
        self.todo.holds.push(Held {
            lane: ticket.lane.clone(),
            due: now + failure.retry_in,
            failure,
        });
    }

    /// What cannot be read cannot be published: dead when its turn comes.
    pub(super) fn unreadable(&mut self, ticket: &Ticket, reason: String) {
        error!(
            message.kind = %ticket.kind, message.seq = ticket.seq, reason,
            "a message in the outbox is not readable; it is dead and holds its key"
        );
        metrics::relayed("dead", 1);
        self.fail(ticket, true, false, reason, DEAD_RECHECK, Instant::now());
    }

    pub(super) fn deleted(&mut self, deletes: Vec<(LaneId, i64)>) {
        for (lane, seq) in deletes {
            if self.lanes.deleted(&lane, seq) {
                self.release_key(&lane);
            }
        }
    }

    fn release_key(&mut self, lane: &LaneId) {
        if let LaneId::Key(key) = lane
            && self.lanes.may_release(key)
        {
            self.todo.releases.push(Arc::clone(key));
        }
    }

    /// The failures are in the table, those of partitions that are still ours.
    pub(super) fn held(&mut self, holds: Vec<Held>, asked: &Leases, standing: &[i32]) {
        let held = asked.held.iter();
        let lost: Vec<_> = held
            .filter(|lease| !standing.contains(&lease.partition))
            .collect();
        for lease in &lost {
            self.lanes.leave(lease.partition);
            self.territory.lose(**lease);
        }
        if !lost.is_empty() {
            warn!(count = lost.len(), "partition leases lost");
            metrics::lease_changes("lost", lost.len());
            self.publish_territory();
        }
        for held in holds {
            self.lanes.written(&held.lane, held.due);
        }
    }

    /// Held messages whose time has come: those that still exist are published.
    pub(super) fn fetched(&mut self, asked: &[(LaneId, i64)], rows: Option<Vec<Row>>) {
        let Some(rows) = rows else {
            for (lane, _) in asked {
                self.lanes.put_off(lane, self.next.store);
            }
            return;
        };
        let mut rows: HashMap<i64, Row> = rows.into_iter().map(|row| (row.seq, row)).collect();
        let recheck = Instant::now() + DEAD_RECHECK;
        for (lane, seq) in asked {
            match rows.remove(seq) {
                None => {
                    if self.lanes.gone(lane) {
                        self.release_key(lane);
                    }
                }
                Some(row) if row.state == RowState::Dead => self.lanes.put_off(lane, recheck),
                Some(row) => self.lanes.retry(message(row)),
            }
        }
    }
}

pub(super) fn message(row: Row) -> Message {
    Message {
        ticket: Ticket {
            lane: LaneId::of(row.key.as_deref(), row.seq),
            seq: row.seq,
            partition: row.partition,
            kind: row.kind,
            attempts: row.attempts,
            bytes: row.data.len(),
        },
        envelope: Envelope::from_stored(&row.attributes, row.data)
            .map_err(|unreadable| unreadable.to_string()),
    }
}

fn label(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Confirmed => "confirmed",
        Outcome::Nacked { .. } => "nacked",
        Outcome::Returned { .. } => "returned",
        Outcome::Unknown { .. } => "unknown",
        Outcome::Refused { .. } => "dead",
    }
}
