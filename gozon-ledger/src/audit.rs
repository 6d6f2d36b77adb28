//! The checks behind `verify`, without any I/O.

use std::collections::BTreeMap;

use serde::Serialize;
use time::OffsetDateTime;

use crate::rules::{Recorded, imbalance};
use crate::store::{AssetTotals, AuditEntry, Stray};
use crate::{Account, AccountId, Asset, RequestHash, Side, TransferId};

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
    /// The transfer's entries do not balance in some asset, or are fewer than two.
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
    /// The balance is below the floor or above the ceiling.
    LimitBroken {
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
    /// The entry's account or transfer does not exist, or the transfer has
    /// another time.
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
            Self::TimeBroken { .. } => "time_broken",
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
#[derive(Debug)]
struct Track {
    account: Account,
    next_version: i64,
    balance: i64,
    debits: i128,
    credits: i128,
    last: Option<OffsetDateTime>,
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
        let Some(track) = self.page.get_mut(&entry.account) else {
            return; // Opened since.
        };
        let read = track.account.version;
        if entry.version > read && entry.version <= entry.account_version {
            return; // Posted since.
        }
        self.report.entries += 1;
        for finding in track.follow(entry) {
            self.find(finding);
        }
    }

    /// The accounts' entries are all seen.
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
        if transfer.legs.len() < 2 || imbalance(&transfer.legs).is_some() {
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

    /// Notes an entry that belongs to nothing.
    pub fn stray(&mut self, stray: &Stray) {
        self.find(Finding::StrayEntry {
            account: stray.account,
            version: stray.version,
            transfer: stray.transfer,
        });
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
        }
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
        let below = self.account.floor.is_some_and(|floor| held.posted < floor);
        let above = self.account.ceiling.is_some_and(|top| held.posted > top);
        if below || above {
            findings.push(Finding::LimitBroken {
                account,
                balance: held.posted,
            });
        }
        findings
    }
}
