//! What a transfer would do, kind by kind.

use std::borrow::Cow;
use std::collections::HashMap;

use time::{Duration, OffsetDateTime};

use super::changes::{Recorded, Reserved};
use super::form::{check_legs, check_texts};
use super::{Book, whole_micros};
use crate::{Account, AccountId, Kind, Leg, Limits, PostError, Transfer, TransferId};

/// What a transfer would do.
#[derive(Debug)]
pub(super) struct Plan {
    /// In the order in which the outcome names the accounts.
    pub(super) steps: Vec<Step>,
    pub(super) recorded_at: OffsetDateTime,
}

/// … to one account.
#[derive(Debug)]
pub(super) struct Step {
    /// As it would be, its numbers and its time not yet raised.
    pub(super) account: Account,
    /// What it would post, in the account's normal direction.
    pub(super) posted: Option<i64>,
    /// What it would reserve or release.
    pub(super) reserved: Option<Reserved>,
}

impl Book {
    /// The transfer as it is recorded: with all that its caller left to the
    /// transfer that it follows on. That one never changes, so a repeat is
    /// completed alike.
    pub(super) fn complete<'t>(&self, asked: &'t Transfer) -> Cow<'t, Transfer> {
        if asked.kind == Kind::Single {
            return Cow::Borrowed(asked);
        }
        let mut transfer = asked.clone();
        if let Kind::Pending { expires_at } = &mut transfer.kind {
            *expires_at = expires_at.map(whole_micros);
        }
        let named = transfer.kind.named().and_then(|id| self.recorded.get(&id));
        let Some(Recorded {
            transfer: named, ..
        }) = named
        else {
            return Cow::Owned(transfer);
        };
        if transfer.reference.is_empty() {
            transfer.reference.clone_from(&named.reference);
        }
        if transfer.legs.is_empty() {
            transfer.legs = match transfer.kind {
                Kind::Post { .. } => named.legs.clone(),
                Kind::Reversal { .. } => named.legs.iter().map(Leg::turned).collect(),
                Kind::Single | Kind::Pending { .. } | Kind::Void { .. } | Kind::Expire { .. } => {
                    Vec::new()
                }
            };
        }
        Cow::Owned(transfer)
    }

    /// What `transfer`, completed, would do; `asked` is what came.
    pub(super) fn plan(
        &self,
        asked: &Transfer,
        transfer: &Transfer,
        limits: &Limits,
        now: OffsetDateTime,
    ) -> Result<Plan, PostError> {
        check_texts(transfer, limits)?;
        match transfer.kind {
            Kind::Single => {
                check_legs(&transfer.legs, limits)?;
                self.moving(&transfer.legs, now)
            }
            Kind::Pending { expires_at } => {
                check_legs(&transfer.legs, limits)?;
                self.holding(transfer, expires_at, now)
            }
            Kind::Post { hold } => {
                let held = self.hold(hold)?;
                if !asked.legs.is_empty() {
                    check_legs(&transfer.legs, limits)?;
                }
                self.resolving(held, &transfer.legs, transfer.kind, now)
            }
            Kind::Void { hold } | Kind::Expire { hold } => {
                if !transfer.legs.is_empty() {
                    return Err(PostError::UnexpectedLegs {
                        legs: transfer.legs.len(),
                    });
                }
                self.resolving(self.hold(hold)?, &[], transfer.kind, now)
            }
            Kind::Reversal { original } => {
                let taken_back = self.original(original)?;
                if !asked.legs.is_empty() {
                    check_legs(&transfer.legs, limits)?;
                }
                self.check_left(taken_back, &transfer.legs)?;
                self.moving(&transfer.legs, now)
            }
        }
    }

    fn moving(&self, legs: &[Leg], now: OffsetDateTime) -> Result<Plan, PostError> {
        let steps = legs.iter().map(|leg| {
            let account = self.account_of(leg)?;
            account.admit(leg.side)?;
            Ok(Step {
                account: account.moved_by(leg)?,
                posted: Some(leg.amount_in(account.normal)),
                reserved: None,
            })
        });
        Ok(Plan::at(now, steps.collect::<Result<_, PostError>>()?))
    }

    fn holding(
        &self,
        transfer: &Transfer,
        expires_at: Option<OffsetDateTime>,
        now: OffsetDateTime,
    ) -> Result<Plan, PostError> {
        let steps = transfer.legs.iter().map(|leg| {
            let account = self.account_of(leg)?;
            account.admit(leg.side)?;
            Ok(Step {
                account: account.reserved_by(leg)?,
                posted: None,
                reserved: Some(leg.reservation()),
            })
        });
        let plan = Plan::at(now, steps.collect::<Result<_, PostError>>()?);
        if is_over(expires_at, plan.recorded_at) {
            return Err(PostError::HoldExpired { hold: transfer.id });
        }
        Ok(plan)
    }

    /// Releases everything that is held and posts `legs`.
    fn resolving(
        &self,
        held: &Recorded,
        legs: &[Leg],
        how: Kind,
        now: OffsetDateTime,
    ) -> Result<Plan, PostError> {
        let hold = held.transfer.id;
        match self.resolved.get(&hold) {
            None | Some(Kind::Single | Kind::Pending { .. } | Kind::Reversal { .. }) => {}
            Some(Kind::Post { .. }) => return Err(PostError::HoldAlreadyPosted { hold }),
            Some(Kind::Void { .. }) => return Err(PostError::HoldAlreadyVoided { hold }),
            Some(Kind::Expire { .. }) => return Err(PostError::HoldExpired { hold }),
        }
        for leg in legs {
            let of_leg = held
                .transfer
                .legs
                .iter()
                .find(|one| one.account == leg.account);
            let same = of_leg.filter(|one| one.side == leg.side && one.asset == leg.asset);
            let held = same.map_or(0, |one| one.amount);
            if leg.amount > held {
                return Err(PostError::ExceedsHold {
                    account: leg.account,
                    held,
                    amount: leg.amount,
                });
            }
        }

        let order = |one: &&Leg| position(legs, one.account);
        let mut of_hold: Vec<&Leg> = held.transfer.legs.iter().collect();
        of_hold.sort_by_key(order);
        let steps = of_hold.into_iter().map(|reserved| {
            let account = self.account_of(reserved)?;
            let released = account.released_of(reserved);
            let leg = legs.iter().find(|leg| leg.account == reserved.account);
            // A freeze stops what moves, and nothing that is given back.
            leg.map_or(Ok(()), |leg| account.admit(leg.side))?;
            Ok(Step {
                account: match leg {
                    Some(leg) => released.with_posted(leg)?,
                    None => released,
                },
                posted: leg.map(|leg| leg.amount_in(account.normal)),
                reserved: Some(reserved.release()),
            })
        });
        let plan = Plan::at(now, steps.collect::<Result<_, PostError>>()?);

        // By the time that will stand in the books, which is taken under the
        // locks: whoever reads them later comes to the same verdict.
        let over = is_over(held.transfer.kind.expires_at(), plan.recorded_at);
        match how {
            Kind::Expire { .. } if !over => Err(PostError::HoldNotExpired { hold }),
            Kind::Post { .. } | Kind::Void { .. } if over => Err(PostError::HoldExpired { hold }),
            _ => Ok(plan),
        }
    }

    /// Whether the legs are what is left of the original, or a part of that.
    fn check_left(&self, original: &Recorded, legs: &[Leg]) -> Result<(), PostError> {
        let nothing = HashMap::new();
        let before = self.reversed.get(&original.transfer.id).unwrap_or(&nothing);
        let left = |one: &Leg| {
            let taken = before.get(&one.account).copied().unwrap_or_default();
            one.amount.saturating_sub(taken)
        };
        if original.transfer.legs.iter().all(|one| left(one) <= 0) {
            return Err(PostError::AlreadyReversed {
                transfer: original.transfer.id,
            });
        }
        for leg in legs {
            let mut of_original = original.transfer.legs.iter();
            let turned = of_original.find(|one| {
                one.account == leg.account && one.side != leg.side && one.asset == leg.asset
            });
            let left = turned.map_or(0, left);
            if leg.amount > left {
                return Err(PostError::ExceedsOriginal {
                    account: leg.account,
                    left,
                    amount: leg.amount,
                });
            }
        }
        Ok(())
    }

    fn hold(&self, hold: TransferId) -> Result<&Recorded, PostError> {
        let found = self.recorded.get(&hold);
        found
            .filter(|found| matches!(found.transfer.kind, Kind::Pending { .. }))
            .ok_or(PostError::HoldNotFound { hold })
    }

    fn original(&self, transfer: TransferId) -> Result<&Recorded, PostError> {
        let found = self.recorded.get(&transfer);
        let found = found.ok_or(PostError::TransferNotFound { transfer })?;
        match found.transfer.kind {
            Kind::Single | Kind::Post { .. } => Ok(found),
            kind @ (Kind::Pending { .. }
            | Kind::Void { .. }
            | Kind::Expire { .. }
            | Kind::Reversal { .. }) => Err(PostError::NotReversible {
                transfer,
                kind: kind.as_str(),
            }),
        }
    }

    fn account_of(&self, leg: &Leg) -> Result<&Account, PostError> {
        let account = self.accounts.get(&leg.account);
        let account = account.ok_or(PostError::AccountNotFound {
            account: leg.account,
        })?;
        if account.asset != leg.asset {
            return Err(PostError::AssetMismatch {
                account: leg.account,
                actual: account.asset.clone(),
                given: leg.asset.clone(),
            });
        }
        Ok(account)
    }
}

impl Plan {
    /// Later than everything that its accounts have seen, even if the clock
    /// went back or another machine's runs ahead: time never contradicts the
    /// order of versions.
    fn at(now: OffsetDateTime, steps: Vec<Step>) -> Self {
        let recorded_at = steps
            .iter()
            .map(|step| step.account.changed_at + Duration::MICROSECOND)
            .fold(whole_micros(now), Ord::max);
        Self { steps, recorded_at }
    }
}

/// Where the account stands among the legs; last if nowhere.
pub(super) fn position(legs: &[Leg], account: AccountId) -> usize {
    let found = legs.iter().position(|leg| leg.account == account);
    found.unwrap_or(usize::MAX)
}

fn is_over(expires_at: Option<OffsetDateTime>, time: OffsetDateTime) -> bool {
    expires_at.is_some_and(|end| time >= end)
}
