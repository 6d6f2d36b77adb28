use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::audit::{Report, Track};
use crate::store::EntryRange;
use crate::{AccountId, TransferId};

/// How much one slice of `verify` may do. It ends after the page that uses up
/// either; at least one page is read, so that every slice gets on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyBudget {
    /// Accounts, entries and transfers to read; 0 counts as 1. Default 10,000.
    ///
    /// One step counts little and reads more: at its beginning a round sums the
    /// counters of all accounts, in one statement, since sums of parts that were
    /// read at different moments prove nothing.
    pub rows: u64,
    /// How long to read: no step begins after it, and one that runs, of a few
    /// statements, is not cut short. Zero: one step, whatever it takes. Default 1 s.
    pub time: Duration,
}

impl VerifyBudget {
    /// No limit: everything in one slice.
    pub(crate) const WHOLE: Self = Self {
        rows: u64::MAX,
        time: Duration::MAX,
    };
}

impl Default for VerifyBudget {
    fn default() -> Self {
        Self {
            rows: 10_000,
            time: Duration::from_secs(1),
        }
    }
}

/// Where the next slice of `verify` goes on. The default begins a round.
///
/// It can be kept (serde) and used by another process, however much later. It
/// holds what was read of the accounts whose entries are being followed, at most
/// a hundred. One that a later version of the program cannot read is worth
/// nothing: begin a new round.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct VerifyCursor {
    pub(super) stage: Stage,
    pub(crate) open: Vec<Track>,
    pub(super) progress: VerifyProgress,
}

impl VerifyCursor {
    /// What this round has checked so far.
    pub fn progress(&self) -> VerifyProgress {
        self.progress
    }
}

/// What a round has checked so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyProgress {
    /// Accounts.
    pub accounts: u64,
    /// Entries; they are checked together with their accounts.
    pub entries: u64,
    /// Transfers; they come after all accounts.
    pub transfers: u64,
    /// Findings.
    pub findings: u64,
}

impl VerifyProgress {
    pub(super) fn with(self, report: &Report) -> Self {
        let findings = u64::try_from(report.findings.len()).unwrap_or(u64::MAX);
        Self {
            accounts: self.accounts.saturating_add(report.accounts),
            entries: self.entries.saturating_add(report.entries),
            transfers: self.transfers.saturating_add(report.transfers),
            findings: self.findings.saturating_add(findings),
        }
    }
}

/// What one slice has found.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifySlice {
    /// Of this slice alone: each thing is checked in one slice of a round.
    pub report: Report,
    /// Where the next slice goes on; `None` at the end of the round.
    pub next: Option<VerifyCursor>,
}

/// One statement, or two, of a round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Stage {
    /// Sums the counters of each asset.
    #[default]
    Assets,
    /// Begins to follow the next accounts.
    Accounts { from: AccountId },
    /// Follows their entries.
    Entries(Window),
    /// Follows their reservations.
    Reservations(Window),
    /// Checks the next transfers.
    Transfers { from: TransferId },
}

/// The part of all ids that the followed accounts cover, and how far in it
/// their entries or reservations were followed. Windows lie side by side, so
/// that an entry of an account that does not exist is in one of them too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Window {
    first: AccountId,
    from: AccountId,
    from_version: i64,
    last: AccountId,
}

impl Window {
    pub(super) fn new(first: AccountId, last: AccountId) -> Self {
        Self {
            first,
            from: first,
            from_version: i64::MIN,
            last,
        }
    }

    /// The same accounts from the beginning.
    pub(super) fn again(self) -> Self {
        Self::new(self.first, self.last)
    }

    pub(super) fn range(self) -> EntryRange {
        EntryRange {
            from: self.from,
            from_version: self.from_version,
            last: self.last,
        }
    }

    /// What comes after this row; `None` if nothing can.
    pub(super) fn after(self, account: AccountId, version: i64) -> Option<Self> {
        let (from, from_version) = match version.checked_add(1) {
            Some(next) => (account, next),
            None => (AccountId(next_id(account.0)?), i64::MIN),
        };
        (from <= self.last).then_some(Self {
            from,
            from_version,
            ..self
        })
    }

    /// Where the next window begins; `None` if this was the last.
    pub(super) fn next(self) -> Option<AccountId> {
        next_id(self.last.0).map(AccountId)
    }
}

/// The next id in the order of both databases, which is that of the bytes.
pub(super) fn next_id(id: Uuid) -> Option<Uuid> {
    id.as_u128().checked_add(1).map(Uuid::from_u128)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_ends_also_behind_the_last_number_and_the_last_id() {
        let id = |n| AccountId(Uuid::from_u128(n));
        let window = Window::new(id(5), id(6));

        let next = window.after(id(5), 7).unwrap().range();
        assert_eq!((next.from, next.from_version), (id(5), 8));
        let next = window.after(id(5), i64::MAX).unwrap().range();
        assert_eq!((next.from, next.from_version), (id(6), i64::MIN));
        assert!(window.after(id(6), i64::MAX).is_none());
        assert_eq!(window.next(), Some(id(7)));
        let last = Window::new(id(5), AccountId(Uuid::max()));
        assert!(last.after(AccountId(Uuid::max()), i64::MAX).is_none());
        assert_eq!(last.next(), None);
    }
}
