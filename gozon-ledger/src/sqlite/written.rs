//! From changes to the JSON arrays that the statements read; `None` where there
//! is nothing to write.

use super::rows::micros;
use super::{hex, json};
use crate::LedgerError;
use crate::rules::Changes;

pub(super) fn transfers(changes: &Changes) -> Result<Option<String>, LedgerError> {
    some(changes.transfers.iter().map(|row| {
        let transfer = &row.transfer;
        let hash = row.request_hash.0.iter();
        let hash = hash.fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        (
            hex(transfer.id.0),
            transfer.kind.as_str(),
            transfer.kind.hold().map(|id| hex(id.0)),
            transfer.kind.original().map(|id| hex(id.0)),
            transfer.kind.expires_at().map(micros),
            &transfer.code,
            &transfer.reference,
            &transfer.metadata,
            hash,
            micros(row.recorded_at),
        )
    }))
}

pub(super) fn entries(changes: &Changes) -> Result<Option<String>, LedgerError> {
    some(changes.entries.iter().map(|row| {
        (
            hex(row.account.0),
            row.version,
            hex(row.transfer.0),
            row.amount,
            row.balance,
            row.pending_debits,
            row.pending_credits,
            micros(row.recorded_at),
        )
    }))
}

pub(super) fn reservations(changes: &Changes) -> Result<Option<String>, LedgerError> {
    some(changes.reservations.iter().map(|row| {
        (
            hex(row.change.account.0),
            row.number,
            hex(row.transfer.0),
            row.change.debits,
            row.change.credits,
            row.pending_debits,
            row.pending_credits,
            row.balance,
            row.version,
            micros(row.recorded_at),
        )
    }))
}

pub(super) fn opened(changes: &Changes) -> Result<Option<String>, LedgerError> {
    let opened = changes.opened.iter();
    some(opened.map(|row| (hex(row.transfer.0), row.expires_at.map(micros))))
}

pub(super) fn accounts(changes: &Changes) -> Result<String, LedgerError> {
    json(changes.accounts.iter().map(|row| {
        (
            hex(row.id.0),
            row.previous_version,
            row.version,
            row.debits,
            row.credits,
            row.previous_reservations,
            row.reservations,
            row.pending_debits,
            row.pending_credits,
            micros(row.changed_at),
        )
    }))
}

fn some<R: serde::Serialize>(
    rows: impl ExactSizeIterator<Item = R>,
) -> Result<Option<String>, LedgerError> {
    if rows.len() == 0 {
        return Ok(None);
    }
    json(rows).map(Some)
}
