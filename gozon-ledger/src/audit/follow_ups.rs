//! Resolutions against their holds, reversals against their originals.

use super::Finding;
use crate::rules::Recorded;
use crate::{Kind, TransferId};

/// What is wrong with `transfer` as a resolution or a reversal. `group` holds
/// what it names and all that names the same.
pub(super) fn check(transfer: &Recorded, group: &[Recorded]) -> Vec<Finding> {
    let Some(named) = transfer.transfer.kind.named() else {
        return Vec::new();
    };
    let id = transfer.transfer.id;
    let followed = group.iter().find(|one| one.transfer.id == named);
    let Some(followed) = followed.filter(|one| fits(transfer, one)) else {
        return vec![Finding::NothingFollowed {
            transfer: id,
            named,
        }];
    };
    let mut findings = Vec::new();
    if transfer.transfer.kind.hold().is_some() {
        if !keeps_to_hold(transfer, followed) {
            findings.push(Finding::ResolutionBroken { transfer: id });
        }
        let mut all = resolutions(group, named);
        if all.next() == Some(id) && all.next().is_some() {
            findings.push(Finding::ResolvedTwice { hold: named });
        }
    } else if reversals(group, named).next() == Some(id) && is_over_reversed(followed, group) {
        findings.push(Finding::OverReversed { transfer: named });
    }
    findings
}

/// Only a hold can be resolved, only what moved money can be taken back.
fn fits(transfer: &Recorded, followed: &Recorded) -> bool {
    let is_hold = matches!(followed.transfer.kind, Kind::Pending { .. });
    let moved = matches!(followed.transfer.kind, Kind::Single | Kind::Post { .. });
    if transfer.transfer.kind.hold().is_some() {
        is_hold
    } else {
        moved
    }
}

fn keeps_to_hold(resolution: &Recorded, hold: &Recorded) -> bool {
    let released = hold.reserved.len() == resolution.reserved.len()
        && hold
            .reserved
            .iter()
            .zip(&resolution.reserved)
            .all(|(held, back)| {
                let sums = (
                    held.debits.checked_add(back.debits),
                    held.credits.checked_add(back.credits),
                );
                held.account == back.account && sums == (Some(0), Some(0))
            });
    let within = resolution.transfer.legs.iter().all(|leg| {
        hold.transfer.legs.iter().any(|held| {
            held.account == leg.account && held.side == leg.side && held.amount >= leg.amount
        })
    });
    let end = hold.transfer.kind.expires_at();
    let over = end.is_some_and(|end| resolution.recorded_at >= end);
    let expires = matches!(resolution.transfer.kind, Kind::Expire { .. });
    released && within && over == expires
}

/// The group's resolutions of this hold; the group is sorted by id.
fn resolutions(group: &[Recorded], hold: TransferId) -> impl Iterator<Item = TransferId> {
    let all = group.iter().map(|one| &one.transfer);
    all.filter(move |one| one.kind.hold() == Some(hold))
        .map(|one| one.id)
}

fn reversals(group: &[Recorded], original: TransferId) -> impl Iterator<Item = TransferId> {
    let all = group.iter().map(|one| &one.transfer);
    all.filter(move |one| one.kind.original() == Some(original))
        .map(|one| one.id)
}

fn is_over_reversed(original: &Recorded, group: &[Recorded]) -> bool {
    let of_this = |one: &&Recorded| one.transfer.kind.original() == Some(original.transfer.id);
    let taken = group
        .iter()
        .filter(of_this)
        .flat_map(|one| &one.transfer.legs);
    let mut left: Vec<_> = original
        .transfer
        .legs
        .iter()
        .map(|leg| (leg, i128::from(leg.amount)))
        .collect();
    for leg in taken {
        let mut legs = left.iter_mut();
        let turned = legs.find(|(one, _)| one.account == leg.account && one.side != leg.side);
        match turned {
            Some((_, left)) => *left -= i128::from(leg.amount),
            None => return true,
        }
    }
    left.iter().any(|(_, left)| *left < 0)
}
