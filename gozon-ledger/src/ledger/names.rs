//! What a batch needs under lock, and whether it has it.

use std::collections::HashSet;

use crate::rules::Recorded;
use crate::{Account, AccountId, LedgerError, Transfer, TransferId};

/// What a batch names, each without repeats and sorted by id.
pub(super) struct Names {
    /// The accounts of its legs.
    pub(super) accounts: Vec<AccountId>,
    /// Its own transfers.
    pub(super) ids: Vec<TransferId>,
    /// The transfers that they follow on.
    pub(super) named: Vec<TransferId>,
}

impl Names {
    pub(super) fn of(transfers: &[Transfer]) -> Self {
        let legs = transfers.iter().flat_map(|transfer| &transfer.legs);
        Self {
            accounts: distinct(legs.map(|leg| leg.account)),
            ids: distinct(transfers.iter().map(|transfer| transfer.id)),
            named: distinct(
                transfers
                    .iter()
                    .filter_map(|transfer| transfer.kind.named()),
            ),
        }
    }
}

/// What a batch follows on must be decided under the locks of its accounts. A
/// transfer that was recorded after the accounts to be locked were read, and
/// before the transfers were, is the one case where they are not; to lock them
/// now would break the order of locks.
pub(super) fn check_locked(
    locked: &[Account],
    recorded: &[Recorded],
    named: &[TransferId],
) -> Result<(), LedgerError> {
    if named.is_empty() {
        return Ok(());
    }
    let locked: HashSet<AccountId> = locked.iter().map(|account| account.id).collect();
    for one in recorded {
        let all = one
            .balances
            .iter()
            .all(|(account, _)| locked.contains(account));
        if !all && named.binary_search(&one.transfer.id).is_ok() {
            return Err(LedgerError::Overtaken {
                transfer: one.transfer.id,
            });
        }
    }
    Ok(())
}

fn distinct<T: Ord>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut all: Vec<T> = all.collect();
    all.sort_unstable();
    all.dedup();
    all
}
