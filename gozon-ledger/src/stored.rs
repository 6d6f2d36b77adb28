//! From rows to values; what both adapters share.

use time::OffsetDateTime;

use crate::rules::{Changes, Recorded};
use crate::{
    AccountId, Asset, Balance, LedgerError, Leg, RequestHash, Side, Status, Transfer, TransferId,
};

/// A row of a transfer joined with one of its entries.
pub(crate) struct TransferLine {
    pub(crate) id: TransferId,
    pub(crate) code: String,
    pub(crate) reference: String,
    pub(crate) metadata: String,
    pub(crate) request_hash: RequestHash,
    pub(crate) recorded_at: OffsetDateTime,
    pub(crate) leg: Option<(Leg, Balance)>,
}

/// Puts the rows of each transfer together; they come sorted by transfer.
pub(crate) fn collect(lines: impl IntoIterator<Item = TransferLine>) -> Vec<Recorded> {
    let mut all: Vec<Recorded> = Vec::new();
    for line in lines {
        if all.last().is_none_or(|last| last.transfer.id != line.id) {
            all.push(Recorded {
                transfer: Transfer {
                    id: line.id,
                    code: line.code,
                    reference: line.reference,
                    metadata: line.metadata,
                    legs: Vec::new(),
                },
                request_hash: line.request_hash,
                recorded_at: line.recorded_at,
                balances: Vec::new(),
            });
        }
        if let (Some(recorded), Some((leg, balance))) = (all.last_mut(), line.leg) {
            recorded.balances.push((leg.account, balance));
            recorded.transfer.legs.push(leg);
        }
    }
    all
}

pub(crate) fn stored_hash(bytes: &[u8]) -> RequestHash {
    // Another length is forged; zeros match nothing, and `verify` reports it.
    RequestHash(bytes.try_into().unwrap_or([0; 32]))
}

pub(crate) fn stored_asset(name: &str) -> Result<Asset, LedgerError> {
    Asset::new(name).map_err(|error| LedgerError::Corrupt(error.to_string()))
}

pub(crate) fn stored_side(text: &str) -> Result<Side, LedgerError> {
    Side::from_stored(text).ok_or_else(|| LedgerError::Corrupt(format!("normal side `{text}`")))
}

pub(crate) fn stored_status(
    account: AccountId,
    status: &str,
    frozen_both: bool,
) -> Result<Status, LedgerError> {
    Status::from_stored(status, frozen_both).ok_or_else(|| LedgerError::UnknownStatus {
        account,
        status: status.to_owned(),
    })
}

pub(crate) fn check_changed(updated: u64, account: AccountId) -> Result<(), LedgerError> {
    if updated == 1 {
        return Ok(());
    }
    Err(LedgerError::Corrupt(format!(
        "account {account} was locked and has changed since it was read"
    )))
}

pub(crate) fn check_updated(updated: u64, changes: &Changes) -> Result<(), LedgerError> {
    if usize::try_from(updated).is_ok_and(|updated| updated == changes.accounts.len()) {
        return Ok(());
    }
    Err(LedgerError::Corrupt(format!(
        "{updated} of {} locked accounts were at the version that was read",
        changes.accounts.len()
    )))
}
