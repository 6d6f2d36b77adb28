use std::collections::{BTreeMap, HashSet};

use crate::{Asset, Leg, Limits, PostError, Side, Transfer};

/// Whether a database can keep the texts.
pub(super) fn check_texts(transfer: &Transfer, limits: &Limits) -> Result<(), PostError> {
    check_text("code", &transfer.code, 1, Limits::CODE_BYTES)?;
    check_text("reference", &transfer.reference, 0, Limits::REFERENCE_BYTES)?;
    check_text("metadata", &transfer.metadata, 0, limits.max_metadata_bytes)
}

/// All that can be said of legs without knowing the accounts.
pub(super) fn check_legs(legs: &[Leg], limits: &Limits) -> Result<(), PostError> {
    if legs.len() < 2 || legs.len() > limits.max_legs {
        return Err(PostError::LegCount {
            legs: legs.len(),
            limit: limits.max_legs,
        });
    }
    let mut seen = HashSet::with_capacity(legs.len());
    for leg in legs {
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
    match imbalance(legs) {
        None => Ok(()),
        Some((asset, debits, credits)) => Err(PostError::Unbalanced {
            asset: asset.clone(),
            debits,
            credits,
        }),
    }
}

/// The first asset, by name, whose debits and credits differ, with both sums.
pub(crate) fn imbalance(legs: &[Leg]) -> Option<(&Asset, i128, i128)> {
    let mut sums: BTreeMap<&Asset, (i128, i128)> = BTreeMap::new();
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
