//! The checks behind `verify`, without any I/O.

mod follow_ups;
mod report;
mod track;

use std::collections::BTreeMap;

use crate::rules::{Recorded, imbalance};
use crate::store::{AssetTotals, AuditEntry, AuditReservation};
use crate::{Account, AccountId, Kind, RequestHash, TransferId};

pub use report::{Finding, Report};
pub(crate) use track::Track;

/// The checks, without any I/O: whoever reads the books feeds it.
#[derive(Debug)]
pub struct Audit {
    report: Report,
    max_findings: usize,
    /// The accounts of the current page.
    page: BTreeMap<AccountId, Track>,
}

impl Audit {
    /// An audit that collects so many findings.
    pub fn new(max_findings: usize) -> Self {
        Self {
            report: Report::default(),
            max_findings,
            page: BTreeMap::new(),
        }
    }

    /// Goes on following the accounts that another audit left open.
    pub(crate) fn resume(max_findings: usize, open: Vec<Track>) -> Self {
        let page = open.into_iter().map(|track| (track.account.id, track));
        Self {
            page: page.collect(),
            ..Self::new(max_findings)
        }
    }

    /// What was found, and the accounts that are still followed.
    pub(crate) fn pause(self) -> (Report, Vec<Track>) {
        (self.report, self.page.into_values().collect())
    }

    /// Begins to follow these accounts; their entries come next.
    pub fn open(&mut self, accounts: Vec<Account>) {
        self.page = accounts
            .into_iter()
            .map(|account| (account.id, Track::new(account)))
            .collect();
    }

    /// Follows one entry; per account they come in the order of their versions.
    /// What happened after the account was read is left for the next audit.
    pub fn entry(&mut self, entry: &AuditEntry) {
        if entry.account_version.is_none() || entry.transfer_at != Some(entry.recorded_at) {
            self.find(Finding::StrayEntry {
                account: entry.account,
                version: entry.version,
                transfer: entry.transfer,
            });
        }
        let (Some(track), Some(newest)) =
            (self.page.get_mut(&entry.account), entry.account_version)
        else {
            return; // Opened since, or there is no such account.
        };
        let read = track.account.version;
        if entry.version > read && entry.version <= newest {
            return; // Posted since.
        }
        self.report.entries += 1;
        for finding in track.follow(entry) {
            self.find(finding);
        }
    }

    /// Follows one reservation; per account they come in the order of their
    /// numbers, before or after the entries.
    pub fn reservation(&mut self, reservation: &AuditReservation) {
        let (account, number) = (reservation.change.account, reservation.number);
        let newest = reservation.account_reservations;
        if newest.is_none() || reservation.transfer_at != Some(reservation.recorded_at) {
            self.find(Finding::StrayEntry {
                account,
                version: number,
                transfer: reservation.transfer,
            });
        }
        let (Some(track), Some(newest)) = (self.page.get_mut(&account), newest) else {
            return; // Opened since, or there is no such account.
        };
        let read = track.account.reservations;
        if number > read && number <= newest {
            return; // Placed or resolved since.
        }
        for finding in track.follow_reservation(reservation) {
            self.find(finding);
        }
    }

    /// The accounts' entries and reservations are all seen.
    pub fn close(&mut self) {
        for (_, track) in std::mem::take(&mut self.page) {
            self.report.accounts += 1;
            for finding in track.finish() {
                self.find(finding);
            }
        }
    }

    /// Checks one transfer with all its entries.
    pub fn transfer(&mut self, recorded: &Recorded) {
        self.report.transfers += 1;
        let transfer = &recorded.transfer;
        let sound = match transfer.kind {
            Kind::Void { .. } | Kind::Expire { .. } => transfer.legs.is_empty(),
            Kind::Single | Kind::Pending { .. } | Kind::Post { .. } | Kind::Reversal { .. } => {
                transfer.legs.len() >= 2 && imbalance(&transfer.legs).is_none()
            }
        };
        if !sound {
            self.find(Finding::TransferUnbalanced {
                transfer: transfer.id,
            });
        }
        if RequestHash::of(transfer) != recorded.request_hash {
            self.find(Finding::HashMismatch {
                transfer: transfer.id,
            });
        }
    }

    /// Checks what `transfer` resolves or takes back, if anything. `group` holds
    /// that, and all that resolves it or takes it back.
    pub fn follow_up(&mut self, transfer: &Recorded, group: &[Recorded]) {
        for finding in follow_ups::check(transfer, group) {
            self.find(finding);
        }
    }

    /// Notes a hold that is listed as open and is not, or the other way round.
    pub fn open_hold(&mut self, hold: TransferId) {
        self.find(Finding::OpenHoldBroken { hold });
    }

    /// Checks the sums of one asset.
    pub fn asset(&mut self, totals: AssetTotals) {
        if totals.debits != totals.credits {
            self.find(Finding::AssetUnbalanced {
                asset: totals.asset,
                // As text: not every reader of JSON has integers this wide.
                debits: totals.debits.to_string(),
                credits: totals.credits.to_string(),
            });
        }
    }

    /// What was found.
    pub fn finish(self) -> Report {
        self.report
    }

    fn find(&mut self, finding: Finding) {
        if self.report.findings.len() < self.max_findings {
            self.report.findings.push(finding);
        } else {
            self.report.truncated = true;
        }
    }
}
