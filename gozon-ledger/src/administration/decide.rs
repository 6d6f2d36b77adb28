use time::{Duration, OffsetDateTime};

use super::{AccountChange, ChangeError, ChangeRow, RecordedChange};
use crate::rules::check_text;
use crate::{Account, Limits, Status};

/// What a change makes of an account; `None` if it is so already.
///
/// `account` and `metadata` are the newest, under the account's lock.
pub(crate) fn decide(
    account: &Account,
    metadata: &str,
    change: &AccountChange,
    reason: &str,
    limits: &Limits,
    now: OffsetDateTime,
) -> Result<Option<ChangeRow>, ChangeError> {
    let id = account.id;
    let now_held = account.balance();
    let held = now_held.posted;
    check_reason(reason)?;
    let mut next = account.clone();
    let mut text = metadata.to_owned();
    match change {
        AccountChange::Freeze(sides) => next.status = account.status.with_frozen(*sides),
        AccountChange::Unfreeze(sides) => next.status = account.status.without_frozen(*sides),
        AccountChange::Close => next.status = Status::Closed,
        AccountChange::Floor(limit) => next.floor = *limit,
        AccountChange::Ceiling(limit) => next.ceiling = *limit,
        AccountChange::Metadata(new) => text.clone_from(new),
    }
    if account.status == Status::Closed {
        // Closing it again is the one change that finds itself done.
        return match change {
            AccountChange::Close => Ok(None),
            _ => Err(ChangeError::AccountClosed { account: id }),
        };
    }
    if next.status == Status::Closed && held != 0 {
        return Err(ChangeError::BalanceNotZero {
            account: id,
            balance: held,
        });
    }
    if next.status == Status::Closed && (now_held.incoming, now_held.outgoing) != (0, 0) {
        return Err(ChangeError::HoldsOpen { account: id });
    }
    // What holds were promised stays possible.
    let (least, most) = (now_held.available(), now_held.expected());
    if let Some(floor) = next.floor.filter(|floor| *floor > least) {
        return Err(ChangeError::FloorAboveBalance {
            account: id,
            balance: least,
            floor,
        });
    }
    if let Some(ceiling) = next.ceiling.filter(|ceiling| *ceiling < most) {
        return Err(ChangeError::CeilingBelowBalance {
            account: id,
            balance: most,
            ceiling,
        });
    }
    let max = limits.max_metadata_bytes;
    if check_text("metadata", &text, 0, max).is_err() {
        let field = "metadata";
        return Err(ChangeError::InvalidText { field, max });
    }
    if next == *account && text == metadata {
        return Ok(None);
    }
    // Later than everything that the account has seen, so that its history and
    // its entries have one order.
    next.changed_at = now.max(account.changed_at + Duration::MICROSECOND);
    let recorded = RecordedChange {
        changed_at: next.changed_at,
        kind: change.kind().to_owned(),
        value: change.value(),
        reason: reason.to_owned(),
    };
    Ok(Some(ChangeRow {
        account: next,
        metadata: text,
        previous_changed_at: account.changed_at,
        recorded,
    }))
}

fn check_reason(reason: &str) -> Result<(), ChangeError> {
    let max = Limits::REASON_BYTES;
    let field = "reason";
    check_text(field, reason, 0, max).map_err(|_| ChangeError::InvalidText { field, max })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::{AccountId, Asset, Frozen, Side};

    fn account(balance: i64, status: Status) -> Account {
        Account {
            id: AccountId(Uuid::from_u128(1)),
            asset: Asset::new("RUB").unwrap(),
            normal: Side::Credit,
            status,
            floor: (balance >= 0).then_some(0),
            ceiling: None,
            debits: 0,
            credits: balance,
            pending_debits: 0,
            pending_credits: 0,
            version: 1,
            reservations: 0,
            changed_at: OffsetDateTime::UNIX_EPOCH,
        }
    }

    fn change() -> impl Strategy<Value = AccountChange> {
        let sides = || prop::sample::select(vec![Frozen::Debits, Frozen::Credits, Frozen::Both]);
        let limit = || prop::option::of(-100..100_i64);
        prop_oneof![
            sides().prop_map(AccountChange::Freeze),
            sides().prop_map(AccountChange::Unfreeze),
            Just(AccountChange::Close),
            limit().prop_map(AccountChange::Floor),
            limit().prop_map(AccountChange::Ceiling),
            "[a-c]?".prop_map(AccountChange::Metadata),
        ]
    }

    proptest! {
        /// In any order: what was done is found done, time rises, the limits
        /// hold, and a closed account is empty and stays as it is.
        #[test]
        fn changes_in_any_order_keep_the_rules(
            balance in 0..3_i64,
            changes in prop::collection::vec(change(), 1..30),
        ) {
            let mut now = account(balance, Status::Open);
            let mut metadata = String::new();
            for change in changes {
                let limits = Limits::default();
                let decide = |account: &Account, metadata: &str| {
                    decide(account, metadata, &change, "why", &limits, OffsetDateTime::UNIX_EPOCH)
                };
                let Ok(Some(row)) = decide(&now, &metadata) else { continue };

                prop_assert!(now.status != Status::Closed);
                prop_assert!(row.account.changed_at > now.changed_at);
                (now, metadata) = (row.account, row.metadata);
                prop_assert_eq!(decide(&now, &metadata), Ok(None));
                let held = now.balance().posted;
                prop_assert!(now.floor.is_none_or(|floor| floor <= held));
                prop_assert!(now.ceiling.is_none_or(|top| top >= held));
                prop_assert!(now.status != Status::Closed || held == 0);
            }
        }
    }
}
