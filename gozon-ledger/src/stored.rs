//! From rows to values; what both adapters share.

use time::OffsetDateTime;

use crate::rules::{Changes, Recorded, Reserved};
use crate::{
    AccountId, Asset, Balance, Kind, LedgerError, Leg, RequestHash, Side, Status, Transfer,
    TransferId,
};

/// A row of a transfer joined with one of its entries or reservations.
pub(crate) struct TransferLine {
    pub(crate) id: TransferId,
    pub(crate) kind: Kind,
    pub(crate) code: String,
    pub(crate) reference: String,
    pub(crate) metadata: String,
    pub(crate) request_hash: RequestHash,
    pub(crate) recorded_at: OffsetDateTime,
    pub(crate) part: Option<Part>,
}

/// What the transfer did to one account.
pub(crate) struct Part {
    pub(crate) account: AccountId,
    pub(crate) normal: Side,
    pub(crate) asset: Asset,
    /// What it posted, in the account's normal direction.
    pub(crate) amount: Option<i64>,
    /// By how much it changed the pending debits and credits.
    pub(crate) reserved: Option<(i64, i64)>,
    /// What the account held afterwards.
    pub(crate) balance: Balance,
}

/// Puts the rows of each transfer together; they come sorted by transfer and
/// account.
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
                    kind: line.kind,
                },
                request_hash: line.request_hash,
                recorded_at: line.recorded_at,
                balances: Vec::new(),
                reserved: Vec::new(),
            });
        }
        if let (Some(recorded), Some(part)) = (all.last_mut(), line.part) {
            add(recorded, part);
        }
    }
    all
}

fn add(recorded: &mut Recorded, part: Part) {
    let Part {
        account, normal, ..
    } = part;
    // A hold that was posted has both an entry and a release here, and both
    // tell the same balance.
    if recorded
        .balances
        .last()
        .is_none_or(|(last, _)| *last != account)
    {
        recorded.balances.push((account, part.balance));
    }
    if let Some(amount) = part.amount {
        let leg = Leg::of_entry(account, normal, part.asset.clone(), amount);
        recorded.transfer.legs.push(leg);
    }
    if let Some((debits, credits)) = part.reserved {
        if matches!(recorded.transfer.kind, Kind::Pending { .. }) {
            let leg = Leg::of_reservation(account, part.asset, debits, credits);
            recorded.transfer.legs.push(leg);
        }
        recorded.reserved.push(Reserved {
            account,
            debits,
            credits,
        });
    }
}

pub(crate) fn stored_kind(
    kind: &str,
    hold: Option<TransferId>,
    original: Option<TransferId>,
    expires_at: Option<OffsetDateTime>,
) -> Result<Kind, LedgerError> {
    match (kind, hold, original) {
        ("single", None, None) => Ok(Kind::Single),
        ("pending", None, None) => Ok(Kind::Pending { expires_at }),
        ("post", Some(hold), None) => Ok(Kind::Post { hold }),
        ("void", Some(hold), None) => Ok(Kind::Void { hold }),
        ("expire", Some(hold), None) => Ok(Kind::Expire { hold }),
        ("reversal", None, Some(original)) => Ok(Kind::Reversal { original }),
        _ => Err(LedgerError::Corrupt(format!(
            "a transfer of the kind `{kind}`"
        ))),
    }
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

pub(crate) fn check_resolved(found: u64, changes: &Changes) -> Result<(), LedgerError> {
    if usize::try_from(found).is_ok_and(|found| found == changes.resolved.len()) {
        return Ok(());
    }
    Err(LedgerError::Corrupt(format!(
        "{found} of {} holds that this batch resolves were open",
        changes.resolved.len()
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
