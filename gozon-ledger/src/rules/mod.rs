//! What decides whether money moves, without any I/O.

mod changes;
mod counters;
mod form;
mod plan;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use time::OffsetDateTime;

use crate::{
    Account, AccountId, Kind, Limits, PostError, Posted, RequestHash, Transfer, TransferId,
};

pub use changes::{
    AccountRow, Changes, Decision, EntryRow, OpenHold, Recorded, ReservationRow, Reserved,
};
pub(crate) use form::{check_text, imbalance};
use plan::{Plan, Step, position};

/// The rules of the ledger, without any I/O: what is known (the accounts, which
/// transfer ids are taken, and what became of the transfers that are followed
/// on) and what follows for a batch of transfers.
///
/// Stores lock, load and persist; whether money moves is decided here alone.
#[derive(Debug, Default)]
pub struct Book {
    accounts: HashMap<AccountId, Account>,
    recorded: HashMap<TransferId, Recorded>,
    /// How each hold was resolved that was.
    resolved: HashMap<TransferId, Kind>,
    /// What was taken back of each transfer, per account.
    reversed: HashMap<TransferId, HashMap<AccountId, i64>>,
}

impl Book {
    /// A book that knows these accounts and these recorded transfers. What is
    /// missing does not exist.
    pub fn new(
        accounts: impl IntoIterator<Item = Account>,
        recorded: impl IntoIterator<Item = Recorded>,
    ) -> Self {
        let mut book = Self {
            accounts: accounts.into_iter().map(|a| (a.id, a)).collect(),
            ..Self::default()
        };
        for recorded in recorded {
            book.learn(recorded);
        }
        book
    }

    /// A book that ignores ceilings, to break a ledger in a test.
    #[cfg(any(test, feature = "conformance"))]
    pub(crate) fn without_ceilings(mut self) -> Self {
        for account in self.accounts.values_mut() {
            account.ceiling = None;
        }
        self
    }

    /// Decides the transfers in order, each on what the ones before it left.
    ///
    /// An id is resolved *before* anything is checked, so that an honest retry
    /// gets its first answer whatever happened to the accounts since.
    pub fn decide(
        mut self,
        transfers: &[Transfer],
        limits: &Limits,
        now: OffsetDateTime,
    ) -> Decision {
        let mut draft = Draft::default();
        let outcomes = transfers
            .iter()
            .map(|asked| {
                let transfer = self.complete(asked);
                let hash = RequestHash::of(&transfer);
                if let Some(recorded) = self.recorded.get(&transfer.id) {
                    return recorded.answer(&transfer, hash);
                }
                let plan = self.plan(asked, &transfer, limits, now)?;
                Ok(self.apply(transfer.into_owned(), hash, plan, &mut draft))
            })
            .collect();
        let changes = draft.finish(&self.accounts);
        Decision { outcomes, changes }
    }

    fn apply(
        &mut self,
        mut transfer: Transfer,
        request_hash: RequestHash,
        plan: Plan,
        draft: &mut Draft,
    ) -> Posted {
        let recorded_at = plan.recorded_at;
        let mut balances = Vec::with_capacity(plan.steps.len());
        let mut reserved = Vec::new();
        for step in plan.steps {
            reserved.extend(step.reserved);
            let account = draft.take(step, transfer.id, recorded_at);
            balances.push((account.id, account.balance()));
            self.accounts.insert(account.id, account);
        }
        let posted = Posted {
            replayed: false,
            balances: balances.clone(),
            recorded_at,
        };

        transfer.legs.sort_unstable();
        balances.sort_unstable_by_key(|(id, _)| *id);
        reserved.sort_unstable_by_key(|one: &Reserved| one.account);
        let recorded = Recorded {
            transfer,
            request_hash,
            recorded_at,
            balances,
            reserved,
        };
        draft.record(recorded.clone());
        // The batch may bring the same id again, or follow on it.
        self.learn(recorded);
        posted
    }

    fn learn(&mut self, recorded: Recorded) {
        let Transfer { kind, legs, .. } = &recorded.transfer;
        if let Some(hold) = kind.hold() {
            self.resolved.insert(hold, *kind);
        }
        if let Some(original) = kind.original() {
            let reversed = self.reversed.entry(original).or_default();
            for leg in legs {
                let sum = reversed.entry(leg.account).or_default();
                *sum = sum.saturating_add(leg.amount);
            }
        }
        self.recorded.insert(recorded.transfer.id, recorded);
    }
}

/// What the batch writes, as far as it is decided.
#[derive(Debug, Default)]
struct Draft {
    changes: Changes,
    /// The numbers that were loaded: version and reservations.
    touched: BTreeMap<AccountId, (i64, i64)>,
}

impl Draft {
    /// Notes what the step writes; the account as it then is.
    fn take(&mut self, step: Step, transfer: TransferId, recorded_at: OffsetDateTime) -> Account {
        let mut account = step.account;
        let numbers = (account.version, account.reservations);
        self.touched.entry(account.id).or_insert(numbers);
        account.changed_at = recorded_at;
        if step.posted.is_some() {
            account.version += 1;
        }
        let balance = account.balance();
        if let Some(amount) = step.posted {
            self.changes.entries.push(EntryRow {
                account: account.id,
                version: balance.version,
                transfer,
                amount,
                balance: balance.posted,
                pending_debits: account.pending_debits,
                pending_credits: account.pending_credits,
                recorded_at,
            });
        }
        if let Some(change) = step.reserved {
            account.reservations += 1;
            self.changes.reservations.push(ReservationRow {
                number: account.reservations,
                transfer,
                change,
                pending_debits: account.pending_debits,
                pending_credits: account.pending_credits,
                balance: balance.posted,
                version: balance.version,
                recorded_at,
            });
        }
        account
    }

    fn record(&mut self, recorded: Recorded) {
        let Transfer { id, kind, .. } = recorded.transfer;
        if let Kind::Pending { expires_at } = kind {
            self.changes.opened.push(OpenHold {
                transfer: id,
                expires_at,
            });
        }
        if let Some(hold) = kind.hold() {
            // A hold that this very batch placed was never open for others.
            let before = self.changes.opened.len();
            self.changes.opened.retain(|one| one.transfer != hold);
            if self.changes.opened.len() == before {
                self.changes.resolved.push(hold);
            }
        }
        self.changes.transfers.push(recorded);
    }

    fn finish(mut self, accounts: &HashMap<AccountId, Account>) -> Changes {
        self.changes
            .transfers
            .sort_unstable_by_key(|row| row.transfer.id);
        self.changes.opened.sort_unstable_by_key(|one| one.transfer);
        self.changes.resolved.sort_unstable();
        let rows = self
            .touched
            .into_iter()
            .filter_map(|(id, (version, number))| {
                let account = accounts.get(&id)?;
                Some(AccountRow {
                    id,
                    previous_version: version,
                    version: account.version,
                    debits: account.debits,
                    credits: account.credits,
                    previous_reservations: number,
                    reservations: account.reservations,
                    pending_debits: account.pending_debits,
                    pending_credits: account.pending_credits,
                    changed_at: account.changed_at,
                })
            });
        self.changes.accounts = rows.collect();
        self.changes
    }
}

impl Recorded {
    /// What the id's second coming gets.
    fn answer(&self, transfer: &Transfer, hash: RequestHash) -> Result<Posted, PostError> {
        if hash != self.request_hash {
            return Err(PostError::IdConflict {
                transfer: transfer.id,
                differs: self.first_difference(transfer),
            });
        }
        let mut balances = self.balances.clone();
        balances.sort_by_key(|(id, _)| position(&transfer.legs, *id));
        Ok(Posted {
            replayed: true,
            balances,
            recorded_at: self.recorded_at,
        })
    }

    fn first_difference(&self, other: &Transfer) -> &'static str {
        let (mine, theirs) = (self.transfer.kind, other.kind);
        if mine.as_str() != theirs.as_str() {
            "kind"
        } else if mine.hold() != theirs.hold() {
            "hold"
        } else if mine.original() != theirs.original() {
            "original"
        } else if mine.expires_at() != theirs.expires_at() {
            "expiry"
        } else if self.transfer.code != other.code {
            "code"
        } else if self.transfer.reference != other.reference {
            "reference"
        } else if self.transfer.metadata != other.metadata {
            "metadata"
        } else {
            "legs"
        }
    }
}

/// Times are kept, compared and hashed in the width that every store has.
fn whole_micros(time: OffsetDateTime) -> OffsetDateTime {
    let nanos = time.nanosecond() / 1_000 * 1_000;
    time.replace_nanosecond(nanos).unwrap_or(time)
}
