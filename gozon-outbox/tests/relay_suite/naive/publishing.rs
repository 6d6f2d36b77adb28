//! What goes to the broker, and what its answers mean.

use std::sync::Arc;
use std::time::Duration;

use gozon_core::{Clock, Envelope, Outcome, SystemClock};
use gozon_outbox::store::{Failure, Row};
use tokio::time::{Instant, timeout};

use super::{Fault, Held, Naive};

impl Naive {
    /// Publishes what may be published.
    pub(super) fn publish(&mut self) {
        let mut busy = self.busy_keys();
        let may = self.readable().held;
        let waiting: Vec<i64> = self.waiting.keys().copied().collect();
        for seq in waiting {
            // A failure takes those behind it out.
            let Some(row) = self.waiting.get(&seq) else {
                continue;
            };
            let ours = may.iter().any(|lease| lease.partition == row.partition);
            let full = self.flying.len() >= self.config.max_in_flight;
            let alone = self.fault == Fault::OneAtATime && !self.flying.is_empty();
            if full || alone || !ours {
                continue;
            }
            if row.key.as_ref().is_some_and(|key| busy.contains(key)) {
                match self.fault {
                    Fault::WaitsInLine => break,
                    _ => continue,
                }
            }
            if !self.admits(&row.kind.clone()) {
                if self.fault != Fault::ParksNothing {
                    let row = self.waiting.remove(&seq).unwrap();
                    busy.extend(row.key.clone());
                    self.fail(row, false, false, "its type does not get through");
                }
                continue;
            }
            let row = self.waiting.remove(&seq).unwrap();
            if self.fault != Fault::TwoUnconfirmedPerKey {
                busy.extend(row.key.clone());
            }
            self.send(row);
        }
    }

    pub(super) fn send(&mut self, row: Row) {
        let mut envelope = match Envelope::from_stored(&row.attributes, row.data.clone()) {
            Ok(envelope) => envelope,
            Err(unreadable) => {
                match self.fault {
                    Fault::TrustsEveryRow => panic!("unreadable: {unreadable}"),
                    Fault::PassesTheUnreadable => {}
                    _ => self.fail(row, true, false, "unreadable"),
                }
                return;
            }
        };
        let now = SystemClock.now();
        let first = *self.first.entry(row.seq).or_insert(now);
        envelope.published_at = match self.fault {
            Fault::SaysNotWhen => None,
            Fault::SaysWhenFirst => Some(first),
            _ => Some(now),
        };
        if self.fault == Fault::DeletesBeforeConfirm {
            self.deletes.push(row.seq);
        }
        let limit = match self.fault {
            Fault::WaitsForAnswersForEver => Duration::from_secs(86_400),
            _ => self.config.publish_timeout,
        };
        let (publisher, seq) = (Arc::clone(&self.publisher), row.seq);
        self.flying.insert(seq, row);
        self.answers.spawn(async move {
            let batch = [envelope];
            let answer = timeout(limit, publisher.publish(&batch)).await;
            let outcome = answer.ok().and_then(|outcomes| outcomes.into_iter().next());
            let unknown = || Outcome::Unknown {
                reason: "no answer".to_owned(),
            };
            (seq, outcome.unwrap_or_else(unknown))
        });
    }

    pub(super) fn answered(&mut self, (seq, outcome): (i64, Outcome)) {
        let Some(row) = self.flying.remove(&seq) else {
            return;
        };
        // There may be room for more.
        self.next_read = Instant::now();
        let outcome = match (self.fault, outcome) {
            (Fault::TakesReturnedForConfirmed, Outcome::Returned { .. })
            | (Fault::TakesUnknownForConfirmed, Outcome::Unknown { .. })
            | (Fault::TakesNackedForConfirmed, Outcome::Nacked { .. })
            | (Fault::DropsTheRefused, Outcome::Refused { .. }) => Outcome::Confirmed,
            (Fault::RepeatsTheRefused, Outcome::Refused { reason }) => Outcome::Nacked { reason },
            (_, outcome) => outcome,
        };
        match outcome {
            Outcome::Confirmed => {
                self.breakers.remove(&row.kind);
                if let Some(held) = self.held.get_mut(&seq) {
                    held.delivered = true;
                }
                self.deletes.push(seq);
            }
            Outcome::Refused { .. } => self.fail(row, true, true, "refused"),
            Outcome::Nacked { .. } | Outcome::Returned { .. } | Outcome::Unknown { .. } => {
                let breaker = self.breakers.entry(row.kind.clone()).or_default();
                breaker.failures += 1;
                if breaker.failures >= 3 {
                    breaker.closed_until = Some(Instant::now() + Duration::from_secs(1));
                }
                let dead = self.fault == Fault::BuriesAfterFiveTries && row.attempts >= 4;
                self.fail(row, dead, true, "not confirmed");
            }
        }
    }

    /// Three failures without a confirmation close a type; then one message a
    /// second tests it.
    pub(super) fn admits(&mut self, kind: &str) -> bool {
        if self.fault == Fault::HasNoBreaker {
            return true;
        }
        let Some(breaker) = self.breakers.get_mut(kind) else {
            return true;
        };
        let Some(until) = breaker.closed_until else {
            return true;
        };
        let open = Instant::now() >= until;
        if open {
            breaker.closed_until = Some(Instant::now() + Duration::from_secs(1));
        }
        open
    }

    /// It is unsent, and nothing behind it may go.
    fn fail(&mut self, row: Row, dead: bool, attempted: bool, reason: &str) {
        let tried = row.attempts + u32::from(attempted);
        let retry_in =
            (self.config.retry_min * 2_u32.pow(tried.min(10))).min(self.config.retry_max);
        let due = Instant::now() + retry_in;
        let owned = self.owned.get(&row.partition);
        if !owned.is_some_and(|owned| owned.loaded && !owned.leaving) {
            return;
        }
        if self.fault == Fault::LetsSuccessorsThrough && !dead {
            // Its row stays among the ready, and its key is not known to be held.
            let later = Held {
                key: None,
                kind: row.kind,
                partition: row.partition,
                due,
                delivered: false,
            };
            self.held.insert(row.seq, later);
            return;
        }
        self.waiting
            .retain(|_, other| other.key.is_none() || other.key != row.key);
        self.failures.push(Failure {
            seq: row.seq,
            dead,
            attempted,
            reason: reason.to_owned(),
            retry_in,
        });
        let held = Held {
            key: row.key,
            kind: row.kind,
            partition: row.partition,
            due,
            delivered: false,
        };
        self.held.insert(row.seq, held);
    }
}
