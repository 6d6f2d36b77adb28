//! What the books hold.

use std::collections::{BTreeMap, BTreeSet};

use time::OffsetDateTime;

use crate::rules::{EntryRow, Recorded, ReservationRow};
use crate::{Account, AccountId, AccountState, NewAccount, RecordedChange, Status, TransferId};

#[derive(Debug, Default, Clone)]
pub(crate) struct State {
    pub(crate) accounts: BTreeMap<AccountId, Account>,
    pub(super) details: BTreeMap<AccountId, Details>,
    pub(super) changes: BTreeMap<(AccountId, OffsetDateTime), RecordedChange>,
    pub(crate) transfers: BTreeMap<TransferId, Recorded>,
    pub(crate) entries: BTreeMap<(AccountId, i64), EntryRow>,
    pub(crate) reservations: BTreeMap<(AccountId, i64), ReservationRow>,
    pub(crate) open_holds: BTreeMap<TransferId, Option<OffsetDateTime>>,
    /// What a broken ledger keeps of the transfers that it refused.
    pub(super) refused: BTreeSet<TransferId>,
    /// The accounts for which a broken ledger does not wait.
    pub(super) taken: BTreeSet<AccountId>,
}

/// What the rules do not need to know of an account.
#[derive(Debug, Clone)]
pub(super) struct Details {
    pub(super) code: String,
    pub(super) metadata: String,
    pub(super) opened_at: OffsetDateTime,
}

impl State {
    /// Adds an account that holds nothing.
    pub(super) fn open(&mut self, account: &NewAccount, opened_at: OffsetDateTime) {
        let details = Details {
            code: account.code.clone(),
            metadata: account.metadata.clone(),
            opened_at,
        };
        self.details.insert(account.id, details);
        let opened = Account {
            id: account.id,
            asset: account.asset.clone(),
            normal: account.normal,
            status: Status::Open,
            floor: account.floor,
            ceiling: account.ceiling,
            debits: 0,
            credits: 0,
            pending_debits: 0,
            pending_credits: 0,
            version: 0,
            reservations: 0,
            changed_at: opened_at,
        };
        self.accounts.insert(account.id, opened);
    }

    /// All that is known of the account.
    pub(super) fn account(&self, id: AccountId) -> Option<AccountState> {
        let account = self.accounts.get(&id)?;
        let details = self.details.get(&id)?;
        Some(AccountState {
            id,
            asset: account.asset.clone(),
            normal: account.normal,
            code: details.code.clone(),
            status: account.status,
            floor: account.floor,
            ceiling: account.ceiling,
            metadata: details.metadata.clone(),
            balance: account.balance(),
            opened_at: details.opened_at,
            changed_at: account.changed_at,
        })
    }
}
