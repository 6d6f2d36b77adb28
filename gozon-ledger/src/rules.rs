//! What decides whether money moves, without any I/O.

use std::collections::{BTreeMap, HashMap, HashSet};

use time::{Duration, OffsetDateTime};

use crate::{
    Account, AccountId, Balance, Leg, Limits, PostError, Posted, RequestHash, Side, Transfer,
    TransferId,
};

/// The rules of the ledger, without any I/O: what is known (the accounts, and
/// which transfer ids are taken) and what follows for a batch of transfers.
///
/// Stores lock, load and persist; whether money moves is decided here alone.
#[derive(Debug, Default)]
pub struct Book {
    accounts: HashMap<AccountId, Account>,
    recorded: HashMap<TransferId, Recorded>,
}

/// A transfer that stands in the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// What was asked for; its legs in the order of their account ids.
    pub transfer: Transfer,
    /// The hash that was stored with it.
    pub request_hash: RequestHash,
    /// When it was recorded.
    pub recorded_at: OffsetDateTime,
    /// What each of its accounts held right after it.
    pub balances: Vec<(AccountId, Balance)>,
}

/// What becomes of a batch.
#[derive(Debug)]
pub struct Decision {
    /// One per transfer, in order.
    pub outcomes: Vec<Result<Posted, PostError>>,
    /// What must be written, all of it or nothing.
    pub changes: Changes,
}

/// What a batch writes.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Changes {
    /// New transfers, sorted by id: two batches that bring the same new ids
    /// meet them in the same order and cannot deadlock on them.
    pub transfers: Vec<TransferRow>,
    /// New entries.
    pub entries: Vec<EntryRow>,
    /// Changed accounts, sorted by id.
    pub accounts: Vec<AccountRow>,
}

/// A new transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferRow {
    /// Its id.
    pub id: TransferId,
    /// Its code.
    pub code: String,
    /// Its reference.
    pub reference: String,
    /// Its metadata.
    pub metadata: String,
    /// The hash of the request.
    pub request_hash: RequestHash,
    /// When.
    pub recorded_at: OffsetDateTime,
}

/// A new entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRow {
    /// Whose.
    pub account: AccountId,
    /// The account's version that it makes.
    pub version: i64,
    /// By which transfer.
    pub transfer: TransferId,
    /// In the account's normal direction.
    pub amount: i64,
    /// What the account then holds.
    pub balance: i64,
    /// When.
    pub recorded_at: OffsetDateTime,
}

/// An account's new counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// Which.
    pub id: AccountId,
    /// The version that was loaded; if the row has another one, an update was lost.
    pub previous_version: i64,
    /// The new version.
    pub version: i64,
    /// The new sum of debits.
    pub debits: i64,
    /// The new sum of credits.
    pub credits: i64,
    /// When the last entry was recorded.
    pub changed_at: OffsetDateTime,
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

/// All that can be said without knowing the accounts.
fn check_form(transfer: &Transfer, limits: &Limits) -> Result<(), PostError> {
    check_text("code", &transfer.code, 1, Limits::CODE_BYTES)?;
    check_text("reference", &transfer.reference, 0, Limits::REFERENCE_BYTES)?;
    check_text("metadata", &transfer.metadata, 0, limits.max_metadata_bytes)?;
    if transfer.legs.len() < 2 || transfer.legs.len() > limits.max_legs {
        return Err(PostError::LegCount {
            legs: transfer.legs.len(),
            limit: limits.max_legs,
        });
    }
    let mut seen = HashSet::with_capacity(transfer.legs.len());
    for leg in &transfer.legs {
        if leg.amount <= 0 {
            return Err(PostError::NonPositiveAmount {
                account: leg.account,
                amount: leg.amount,
            });
        }
        if !seen.insert(leg.account) {
            return Err(PostError::SameAccount {
                account: leg.account,
            });
        }
    }
    match imbalance(&transfer.legs) {
        None => Ok(()),
        Some((asset, debits, credits)) => Err(PostError::Unbalanced {
            asset: asset.clone(),
            debits,
            credits,
        }),
    }
}

/// The first asset, by name, whose debits and credits differ, with both sums.
pub(crate) fn imbalance(legs: &[Leg]) -> Option<(&crate::Asset, i128, i128)> {
    let mut sums: BTreeMap<&crate::Asset, (i128, i128)> = BTreeMap::new();
    for leg in legs {
        let (debits, credits) = sums.entry(&leg.asset).or_default();
        // Cannot overflow: 2^63 legs of 2^63 each would still fit.
        match leg.side {
            Side::Debit => *debits += i128::from(leg.amount),
            Side::Credit => *credits += i128::from(leg.amount),
        }
    }
    sums.into_iter()
        .find(|(_, (debits, credits))| debits != credits)
        .map(|(asset, (debits, credits))| (asset, debits, credits))
}

/// NUL is refused because PostgreSQL cannot store it: one such text would fail
/// the whole batch in the database.
pub(crate) fn check_text(
    field: &'static str,
    text: &str,
    min: usize,
    max: usize,
) -> Result<(), PostError> {
    if (min..=max).contains(&text.len()) && !text.contains('\0') {
        return Ok(());
    }
    Err(PostError::InvalidText { field, min, max })
}
