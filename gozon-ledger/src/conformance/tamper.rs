use super::tamper_holds::HoldTamper;
use crate::AccountId;
use crate::memory::MemoryLedger;

/// A change behind the ledger's back. The account is credit-normal and has at
/// least three entries, each from a transfer of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tamper {
    /// The second entry's amount grows by 1.
    Amount(AccountId),
    /// The second entry's running balance grows by 1.
    RunningBalance(AccountId),
    /// The second entry goes away.
    RemoveEntry(AccountId),
    /// The third entry, the last, goes away.
    RemoveLastEntry(AccountId),
    /// The third entry is followed by a copy of itself.
    AddEntry(AccountId),
    /// Both counters grow by 1, so that the balance stays.
    BothCounters(AccountId),
    /// The credit counter grows by 1.
    OneCounter(AccountId),
    /// The version grows by 1.
    Version(AccountId),
    /// The floor is raised above the balance.
    Floor(AccountId),
    /// The ceiling is lowered below the balance.
    Ceiling(AccountId),
    /// The third entry's time becomes the first one's.
    Time(AccountId),
    /// The third entry's transfer gets another code.
    Code(AccountId),
    /// … another reference.
    Reference(AccountId),
    /// … other metadata.
    Metadata(AccountId),
    /// … goes away, its entries stay.
    RemoveTransfer(AccountId),
    /// … loses its entries, and stays.
    RemoveEntries(AccountId),
    /// The account goes away, its entries stay.
    RemoveAccount(AccountId),
    /// The account is closed, with what it holds.
    Closed(AccountId),
    /// Something about its holds and reversals.
    OfHolds(AccountId, HoldTamper),
}

/// Makes a [`Tamper`] of one kind.
type Kind = fn(AccountId) -> Tamper;

/// Every kind, with what `verify` must answer, among other things.
pub(super) const ALL: [(Kind, &str); 18] = [
    (Tamper::Amount, "balance_broken"),
    (Tamper::RunningBalance, "balance_broken"),
    (Tamper::RemoveEntry, "version_gap"),
    (Tamper::RemoveLastEntry, "version_gap"),
    (Tamper::AddEntry, "version_gap"),
    (Tamper::BothCounters, "counters_differ"),
    (Tamper::OneCounter, "asset_unbalanced"),
    (Tamper::Version, "version_gap"),
    (Tamper::Floor, "limit_broken"),
    (Tamper::Ceiling, "limit_broken"),
    (Tamper::Time, "time_broken"),
    (Tamper::Code, "hash_mismatch"),
    (Tamper::Reference, "hash_mismatch"),
    (Tamper::Metadata, "hash_mismatch"),
    (Tamper::RemoveTransfer, "stray_entry"),
    (Tamper::RemoveEntries, "transfer_unbalanced"),
    (Tamper::RemoveAccount, "stray_entry"),
    (Tamper::Closed, "closed_with_balance"),
];

const THIRD: &str =
    "(SELECT transfer_id FROM gozon_ledger_entries WHERE account_id = $1 AND version = 3)";

impl Tamper {
    /// The account that it is about.
    pub fn account(self) -> AccountId {
        match self {
            Self::Amount(id)
            | Self::RunningBalance(id)
            | Self::RemoveEntry(id)
            | Self::RemoveLastEntry(id)
            | Self::AddEntry(id)
            | Self::BothCounters(id)
            | Self::OneCounter(id)
            | Self::Version(id)
            | Self::Floor(id)
            | Self::Ceiling(id)
            | Self::Time(id)
            | Self::Code(id)
            | Self::Reference(id)
            | Self::Metadata(id)
            | Self::RemoveTransfer(id)
            | Self::RemoveEntries(id)
            | Self::RemoveAccount(id)
            | Self::Closed(id)
            | Self::OfHolds(id, _) => id,
        }
    }

    /// What must be out of the way before [`Tamper::sql`] can do its work, in SQL
    /// that both databases read: the index that keeps a hold from being resolved
    /// twice. Besides, the check constraints of the accounts, which PostgreSQL
    /// can drop ([`Tamper::GUARDS`]) and SQLite ignore.
    pub const UNIQUE_GUARD: &'static str = "DROP INDEX IF EXISTS gozon_ledger_transfers_pending";

    /// The check constraints that guard the limits.
    pub const GUARDS: [&'static str; 4] = [
        "gozon_ledger_accounts_floor",
        "gozon_ledger_accounts_ceiling",
        "gozon_ledger_accounts_available",
        "gozon_ledger_accounts_expected",
    ];

    /// In SQL that both databases read; `$1` is the account.
    pub fn sql(self) -> String {
        let (entries, accounts, transfers) = (
            "gozon_ledger_entries",
            "gozon_ledger_accounts",
            "gozon_ledger_transfers",
        );
        let entry = |set: &str, version: i64| {
            format!("UPDATE {entries} SET {set} WHERE account_id = $1 AND version = {version}")
        };
        let account = |set: &str| format!("UPDATE {accounts} SET {set} WHERE id = $1");
        let transfer = |set: &str| format!("UPDATE {transfers} SET {set} WHERE id = {THIRD}");
        match self {
            Self::Amount(_) => entry("amount = amount + 1", 2),
            Self::RunningBalance(_) => entry("balance = balance + 1", 2),
            Self::RemoveEntry(_) => {
                format!("DELETE FROM {entries} WHERE account_id = $1 AND version = 2")
            }
            Self::RemoveLastEntry(_) => {
                format!("DELETE FROM {entries} WHERE account_id = $1 AND version = 3")
            }
            Self::AddEntry(_) => format!(
                "INSERT INTO {entries} (account_id, version, transfer_id, amount, balance, recorded_at) \
                 SELECT account_id, 4, transfer_id, amount, balance + amount, recorded_at \
                 FROM {entries} WHERE account_id = $1 AND version = 3"
            ),
            Self::BothCounters(_) => account("debits = debits + 1, credits = credits + 1"),
            Self::OneCounter(_) => account("credits = credits + 1"),
            Self::Version(_) => account("version = version + 1"),
            Self::Floor(_) => account("floor = credits + 1"),
            Self::Ceiling(_) => account("ceiling = 1"),
            Self::Time(_) => entry(
                &format!("recorded_at = (SELECT min(recorded_at) FROM {entries})"),
                3,
            ),
            Self::Code(_) => transfer("code = 'other'"),
            Self::Reference(_) => transfer("reference = 'other'"),
            Self::Metadata(_) => transfer("metadata = 'other'"),
            Self::RemoveTransfer(_) => format!("DELETE FROM {transfers} WHERE id = {THIRD}"),
            Self::RemoveEntries(_) => {
                format!("DELETE FROM {entries} WHERE transfer_id = {THIRD}")
            }
            Self::RemoveAccount(_) => format!("DELETE FROM {accounts} WHERE id = $1"),
            Self::Closed(_) => account("status = 'closed'"),
            Self::OfHolds(_, how) => how.sql(),
        }
    }
}

/// Does to the ledger in memory what [`Tamper::sql`] does to a database.
pub fn tamper_memory(ledger: &MemoryLedger, how: Tamper) {
    let id = how.account();
    let mut state = ledger.state();
    let state = &mut *state;
    if let Tamper::OfHolds(_, how) = how {
        how.memory(id, state);
        return;
    }
    let third = state.entries[&(id, 3)].clone();
    let transfer = state.transfers.get_mut(&third.transfer).unwrap();
    let account = state.accounts.get_mut(&id).unwrap();
    let second = state.entries.get_mut(&(id, 2)).unwrap();
    match how {
        Tamper::Amount(_) => second.amount += 1,
        Tamper::RunningBalance(_) => second.balance += 1,
        Tamper::RemoveEntry(_) => {
            state.entries.remove(&(id, 2));
        }
        Tamper::RemoveLastEntry(_) => {
            state.entries.remove(&(id, 3));
        }
        Tamper::AddEntry(_) => {
            let mut fourth = third;
            fourth.version = 4;
            fourth.balance += fourth.amount;
            state.entries.insert((id, 4), fourth);
        }
        Tamper::BothCounters(_) => {
            account.debits += 1;
            account.credits += 1;
        }
        Tamper::OneCounter(_) => account.credits += 1,
        Tamper::Version(_) => account.version += 1,
        Tamper::Floor(_) => account.floor = Some(account.credits + 1),
        Tamper::Ceiling(_) => account.ceiling = Some(1),
        Tamper::Time(_) => {
            let first = state.entries[&(id, 1)].recorded_at;
            state.entries.get_mut(&(id, 3)).unwrap().recorded_at = first;
        }
        Tamper::Code(_) => transfer.transfer.code = "other".to_owned(),
        Tamper::Reference(_) => transfer.transfer.reference = "other".to_owned(),
        Tamper::Metadata(_) => transfer.transfer.metadata = "other".to_owned(),
        Tamper::RemoveTransfer(_) => {
            state.transfers.remove(&third.transfer);
        }
        Tamper::RemoveEntries(_) => {
            state
                .entries
                .retain(|_, entry| entry.transfer != third.transfer);
        }
        Tamper::RemoveAccount(_) => {
            state.accounts.remove(&id);
        }
        Tamper::Closed(_) => account.status = crate::Status::Closed,
        Tamper::OfHolds(..) => {}
    }
}
