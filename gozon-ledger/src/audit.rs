//! The checks behind `verify`, without any I/O.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::rules::{Recorded, imbalance};
use crate::store::{AssetTotals, AuditEntry, AuditReservation};
use crate::{Account, AccountId, Asset, Kind, RequestHash, Side, Status, TransferId};

mod follow_ups;

/// What `verify` found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Accounts that were checked.
    pub accounts: u64,
    /// Entries that were checked.
    pub entries: u64,
    /// Transfers that were checked.
    pub transfers: u64,
    /// What does not agree; empty is the only good answer.
    pub findings: Vec<Finding>,
    /// There are more findings than were collected.
    pub truncated: bool,
}

impl Report {
    /// Everything agrees.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Something in the books does not agree with something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Finding {
    /// Over all accounts of the asset, debits and credits differ.
    AssetUnbalanced {
        /// Which.
        asset: Asset,
        /// Sum of all debits.
        debits: String,
        /// Sum of all credits.
        credits: String,
    },
    /// The transfer's legs do not balance in some asset, or are fewer than two;
    /// or there are some where there should be none.
    TransferUnbalanced {
        /// Which.
        transfer: TransferId,
    },
    /// The transfer, as it now stands, is not what was asked for.
    HashMismatch {
        /// Which.
        transfer: TransferId,
    },
    /// The account's entries are not numbered 1, 2, 3, … up to its version.
    VersionGap {
        /// Which account.
        account: AccountId,
        /// The number that should come next.
        expected: i64,
        /// The number that does; at the end, one above the account's version.
        found: i64,
    },
    /// The running balance is not the one before plus the amount.
    BalanceBroken {
        /// Which account.
        account: AccountId,
        /// At which entry.
        version: i64,
        /// What the entry says.
        found: i64,
    },
    /// The account's counters are not the sums of its entries.
    CountersDiffer {
        /// Which account.
        account: AccountId,
    },
    /// What is available is below the floor, or what is expected above the
    /// ceiling.
    LimitBroken {
        /// Which account.
        account: AccountId,
        /// What it holds.
        balance: i64,
    },
    /// The account is closed, and holds something or awaits something.
    ClosedWithBalance {
        /// Which account.
        account: AccountId,
        /// What it holds.
        balance: i64,
    },
    /// The entry is not later than the one before it.
    TimeBroken {
        /// Which account.
        account: AccountId,
        /// At which entry.
        version: i64,
    },
    /// The account's reservations are not numbered 1, 2, 3, … up to their
    /// number.
    ReservationGap {
        /// Which account.
        account: AccountId,
        /// The number that should come next.
        expected: i64,
        /// The number that does; at the end, one above the account's number.
        found: i64,
    },
    /// What is pending is not what was pending before plus the change.
    PendingBroken {
        /// Which account.
        account: AccountId,
        /// At which reservation.
        number: i64,
    },
    /// The account's pending counters are not the sums of its reservations.
    PendingDiffer {
        /// Which account.
        account: AccountId,
    },
    /// What the transfer resolves or takes back does not exist, or is nothing
    /// that can be.
    NothingFollowed {
        /// The resolution or reversal.
        transfer: TransferId,
        /// What it names.
        named: TransferId,
    },
    /// The hold was resolved more than once.
    ResolvedTwice {
        /// Which.
        hold: TransferId,
    },
    /// The resolution posts more than was held, or releases something else, or
    /// came at the wrong time.
    ResolutionBroken {
        /// Which.
        transfer: TransferId,
    },
    /// More of the transfer was taken back than it moved.
    OverReversed {
        /// The transfer that was taken back.
        transfer: TransferId,
    },
    /// The hold is listed as open and is not, or the other way round, or with
    /// another expiry.
    OpenHoldBroken {
        /// Which.
        hold: TransferId,
    },
    /// The account or transfer of the entry or reservation does not exist, or
    /// the transfer has another time.
    StrayEntry {
        /// The account it names.
        account: AccountId,
        /// Its number.
        version: i64,
        /// The transfer it names.
        transfer: TransferId,
    },
}

impl Finding {
    /// One word for logs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::AssetUnbalanced { .. } => "asset_unbalanced",
            Self::TransferUnbalanced { .. } => "transfer_unbalanced",
            Self::HashMismatch { .. } => "hash_mismatch",
            Self::VersionGap { .. } => "version_gap",
            Self::BalanceBroken { .. } => "balance_broken",
            Self::CountersDiffer { .. } => "counters_differ",
            Self::LimitBroken { .. } => "limit_broken",
            Self::ClosedWithBalance { .. } => "closed_with_balance",
            Self::TimeBroken { .. } => "time_broken",
            Self::ReservationGap { .. } => "reservation_gap",
            Self::PendingBroken { .. } => "pending_broken",
            Self::PendingDiffer { .. } => "pending_differ",
            Self::NothingFollowed { .. } => "nothing_followed",
            Self::ResolvedTwice { .. } => "resolved_twice",
            Self::ResolutionBroken { .. } => "resolution_broken",
            Self::OverReversed { .. } => "over_reversed",
            Self::OpenHoldBroken { .. } => "open_hold_broken",
            Self::StrayEntry { .. } => "stray_entry",
        }
    }
}

/// The checks, without any I/O: whoever reads the books feeds it.
#[derive(Debug)]
pub struct Audit {
    report: Report,
    max_findings: usize,
    /// The accounts of the current page.
    page: BTreeMap<AccountId, Track>,
}

/// How far the entries of one account were followed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Track {
    account: Account,
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

impl Track {
    fn new(account: Account) -> Self {
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

    fn follow_reservation(&mut self, row: &AuditReservation) -> Vec<Finding> {
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

    fn follow(&mut self, entry: &AuditEntry) -> Vec<Finding> {
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

    fn finish(self) -> Vec<Finding> {
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
