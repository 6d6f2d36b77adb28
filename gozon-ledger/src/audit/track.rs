//! One account, followed from entry to entry and from reservation to reservation.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::Finding;
use crate::store::{AuditEntry, AuditReservation};
use crate::{Account, Side, Status};

/// How far the entries of one account were followed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Track {
    pub(super) account: Account,
    next_version: i64,
    balance: i64,
    #[serde(with = "wide")]
    debits: i128,
    #[serde(with = "wide")]
    credits: i128,
    last: Option<OffsetDateTime>,
    next_number: i64,
    pending_debits: i64,
    pending_credits: i64,
    last_reservation: Option<OffsetDateTime>,
}

impl Track {
    pub(super) fn new(account: Account) -> Self {
        Self {
            account,
            next_version: 1,
            balance: 0,
            debits: 0,
            credits: 0,
            last: None,
            next_number: 1,
            pending_debits: 0,
            pending_credits: 0,
            last_reservation: None,
        }
    }

    pub(super) fn follow_reservation(&mut self, row: &AuditReservation) -> Vec<Finding> {
        let (account, number) = (row.change.account, row.number);
        let mut findings = Vec::new();
        if number != self.next_number {
            findings.push(Finding::ReservationGap {
                account,
                expected: self.next_number,
                found: number,
            });
        }
        self.next_number = number.saturating_add(1);
        let sums = (
            self.pending_debits.checked_add(row.change.debits),
            self.pending_credits.checked_add(row.change.credits),
        );
        let late = self
            .last_reservation
            .is_none_or(|last| row.recorded_at > last);
        if sums != (Some(row.pending_debits), Some(row.pending_credits)) || !late {
            findings.push(Finding::PendingBroken { account, number });
        }
        // Goes on from what is written, so that one fault is one finding.
        self.pending_debits = row.pending_debits;
        self.pending_credits = row.pending_credits;
        self.last_reservation = Some(row.recorded_at);
        findings
    }

    pub(super) fn follow(&mut self, entry: &AuditEntry) -> Vec<Finding> {
        let (account, version) = (entry.account, entry.version);
        let mut findings = Vec::new();
        if version != self.next_version {
            findings.push(Finding::VersionGap {
                account,
                expected: self.next_version,
                found: version,
            });
        }
        // Goes on from what is written, so that one fault is one finding.
        self.next_version = version.saturating_add(1);
        if self.balance.checked_add(entry.amount) != Some(entry.balance) {
            findings.push(Finding::BalanceBroken {
                account,
                version,
                found: entry.balance,
            });
        }
        self.balance = entry.balance;
        if self.last.is_some_and(|last| entry.recorded_at <= last) {
            findings.push(Finding::TimeBroken { account, version });
        }
        self.last = Some(entry.recorded_at);
        let amount = i128::from(entry.amount);
        if (amount > 0) == (self.account.normal == Side::Debit) {
            self.debits += amount.abs();
        } else {
            self.credits += amount.abs();
        }
        findings
    }

    pub(super) fn finish(self) -> Vec<Finding> {
        let account = self.account.id;
        let held = self.account.balance();
        let mut findings = Vec::new();
        if self.next_version != held.version + 1 {
            findings.push(Finding::VersionGap {
                account,
                expected: self.next_version,
                found: held.version + 1,
            });
        }
        let counters = (
            i128::from(self.account.debits),
            i128::from(self.account.credits),
        );
        if counters != (self.debits, self.credits) || held.posted != self.balance {
            findings.push(Finding::CountersDiffer { account });
        }
        if self.next_number != self.account.reservations.saturating_add(1) {
            findings.push(Finding::ReservationGap {
                account,
                expected: self.next_number,
                found: self.account.reservations.saturating_add(1),
            });
        }
        let pending = (self.account.pending_debits, self.account.pending_credits);
        if pending != (self.pending_debits, self.pending_credits) {
            findings.push(Finding::PendingDiffer { account });
        }
        let floor = self.account.floor;
        let below = floor.is_some_and(|floor| held.available() < floor);
        let above = self
            .account
            .ceiling
            .is_some_and(|top| held.expected() > top);
        if below || above {
            findings.push(Finding::LimitBroken {
                account,
                balance: held.posted,
            });
        }
        let empty = (held.posted, pending) == (0, (0, 0));
        if self.account.status == Status::Closed && !empty {
            findings.push(Finding::ClosedWithBalance {
                account,
                balance: held.posted,
            });
        }
        findings
    }
}

/// As text: not every reader of a cursor has integers this wide.
mod wide {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(sum: &i128, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(sum)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<i128, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(de::Error::custom)
    }
}
