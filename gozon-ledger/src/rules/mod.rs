//! What decides whether money moves, without any I/O.

mod changes;
mod form;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use time::{Duration, OffsetDateTime};

use crate::{
    Account, AccountId, Leg, Limits, PostError, Posted, RequestHash, Side, Status, Transfer,
    TransferId,
};

pub use changes::{AccountRow, Changes, Decision, EntryRow, Recorded, TransferRow};
use form::check_form;
pub(crate) use form::{check_text, imbalance};

/// The rules of the ledger, without any I/O: what is known (the accounts, and
/// which transfer ids are taken) and what follows for a batch of transfers.
///
/// Stores lock, load and persist; whether money moves is decided here alone.
#[derive(Debug, Default)]
pub struct Book {
    accounts: HashMap<AccountId, Account>,
    recorded: HashMap<TransferId, Recorded>,
}

impl Book {
    /// A book that knows these accounts and these recorded transfers. What is
    /// missing does not exist.
    pub fn new(
        accounts: impl IntoIterator<Item = Account>,
        recorded: impl IntoIterator<Item = Recorded>,
    ) -> Self {
        Self {
            accounts: accounts.into_iter().map(|a| (a.id, a)).collect(),
            recorded: recorded.into_iter().map(|r| (r.transfer.id, r)).collect(),
        }
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
        let mut changes = Changes::default();
        let mut touched = BTreeMap::new();
        let outcomes = transfers
            .iter()
            .map(|transfer| {
                let hash = RequestHash::of(transfer);
                if let Some(recorded) = self.recorded.get(&transfer.id) {
                    return recorded.answer(transfer, hash);
                }
                let moved = self.check(transfer, limits)?;
                Ok(self.apply(transfer, hash, moved, now, &mut changes, &mut touched))
            })
            .collect();

        changes.transfers.sort_unstable_by_key(|row| row.id);
        changes.accounts = touched
            .into_iter()
            .filter_map(|(id, previous_version)| {
                let account = self.accounts.get(&id)?;
                Some(AccountRow {
                    id,
                    previous_version,
                    version: account.version,
                    debits: account.debits,
                    credits: account.credits,
                    changed_at: account.changed_at,
                })
            })
            .collect();
        Decision { outcomes, changes }
    }

    /// What the accounts would be after `transfer`, in the order of its legs.
    fn check(&self, transfer: &Transfer, limits: &Limits) -> Result<Vec<Account>, PostError> {
        check_form(transfer, limits)?;
        let mut moved = Vec::with_capacity(transfer.legs.len());
        for leg in &transfer.legs {
            let account = self
                .accounts
                .get(&leg.account)
                .ok_or(PostError::AccountNotFound {
                    account: leg.account,
                })?;
            if account.asset != leg.asset {
                return Err(PostError::AssetMismatch {
                    account: leg.account,
                    actual: account.asset.clone(),
                    given: leg.asset.clone(),
                });
            }
            account.admit(leg.side)?;
            moved.push(account.moved_by(leg)?);
        }
        Ok(moved)
    }

    fn apply(
        &mut self,
        transfer: &Transfer,
        request_hash: RequestHash,
        mut moved: Vec<Account>,
        now: OffsetDateTime,
        changes: &mut Changes,
        touched: &mut BTreeMap<AccountId, i64>,
    ) -> Posted {
        // Later than everything that its accounts have seen, even if the clock
        // went back or another machine's runs ahead: time never contradicts
        // the order of versions.
        let recorded_at = moved
            .iter()
            .map(|account| account.changed_at + Duration::MICROSECOND)
            .fold(now, Ord::max);
        let mut balances = Vec::with_capacity(moved.len());
        for (account, leg) in moved.iter_mut().zip(&transfer.legs) {
            touched.entry(account.id).or_insert(account.version);
            account.version += 1;
            account.changed_at = recorded_at;
            let balance = account.balance();
            balances.push((account.id, balance));
            changes.entries.push(EntryRow {
                account: account.id,
                version: balance.version,
                transfer: transfer.id,
                amount: leg.amount_in(account.normal),
                balance: balance.posted,
                recorded_at,
            });
        }
        for account in moved {
            self.accounts.insert(account.id, account);
        }
        changes.transfers.push(TransferRow {
            id: transfer.id,
            code: transfer.code.clone(),
            reference: transfer.reference.clone(),
            metadata: transfer.metadata.clone(),
            request_hash,
            recorded_at,
        });
        // The batch may bring the same id again.
        self.recorded.insert(
            transfer.id,
            Recorded {
                transfer: transfer.clone(),
                request_hash,
                recorded_at,
                balances: balances.clone(),
            },
        );
        Posted {
            replayed: false,
            balances,
            recorded_at,
        }
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
        let place = |id: AccountId| transfer.legs.iter().position(|leg| leg.account == id);
        balances.sort_by_key(|(id, _)| place(*id));
        Ok(Posted {
            replayed: true,
            balances,
            recorded_at: self.recorded_at,
        })
    }

    fn first_difference(&self, other: &Transfer) -> &'static str {
        if self.transfer.code != other.code {
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

impl Account {
    /// Refuses what the account's status does not allow.
    fn admit(&self, side: Side) -> Result<(), PostError> {
        let account = self.id;
        if self.status == Status::Closed {
            return Err(PostError::AccountClosed { account });
        }
        if self.status.is_frozen_for(side) {
            return Err(PostError::AccountFrozen { account, side });
        }
        Ok(())
    }

    /// The account with the leg's amount added, its version not yet raised.
    fn moved_by(&self, leg: &Leg) -> Result<Self, PostError> {
        let mut moved = self.clone();
        let counter = match leg.side {
            Side::Debit => &mut moved.debits,
            Side::Credit => &mut moved.credits,
        };
        *counter = counter
            .checked_add(leg.amount)
            .ok_or(PostError::AmountOverflow { account: self.id })?;
        let (before, after) = (self.balance().posted, moved.balance().posted);
        if let Some(floor) = self.floor
            && after < floor
        {
            return Err(PostError::InsufficientFunds {
                account: self.id,
                available: before.saturating_sub(floor),
                needed: leg.amount,
            });
        }
        if let Some(ceiling) = self.ceiling
            && after > ceiling
        {
            return Err(PostError::LimitExceeded {
                account: self.id,
                room: ceiling.saturating_sub(before),
                amount: leg.amount,
            });
        }
        Ok(moved)
    }
}

impl Leg {
    /// The amount with the sign that it has for an account of this normal side.
    /// Amounts are above 0, so the negation cannot overflow.
    fn amount_in(&self, normal: Side) -> i64 {
        if self.side == normal {
            self.amount
        } else {
            -self.amount
        }
    }
}
