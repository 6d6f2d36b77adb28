//! The chart of accounts: which ledger accounts the shop has, and their ids.

use gozon_ledger::{AccountId, Asset, NewAccount, Side};
use uuid::Uuid;

/// Ids of accounts and transfers derive from names within this namespace, so
/// that every instance, and every repeat, arrives at the same id.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f2b_1c53_9a0e_4d7a_8f61_2d3c_71b0_e5a4);

/// The highest balance of a user: 2^53 − 1, so that JavaScript reads every
/// balance exactly.
pub(crate) const CEILING: i64 = 9_007_199_254_740_991;
/// The transfer code of a top-up.
pub(crate) const TOPUP: &str = "topup";
/// The transfer code of a payment.
pub(crate) const PAYMENT: &str = "payment";

/// What the account is called that payments go to.
pub(crate) const REVENUE: &str = "revenue";

/// The id that `kind` and `name` have for ever.
pub(crate) fn derived(kind: &str, name: &str) -> Uuid {
    Uuid::new_v5(&NAMESPACE, format!("{kind}:{name}").as_bytes())
}

/// The account that a user pays from.
pub(crate) fn account_of(user: &str) -> AccountId {
    AccountId(derived("user", user))
}

/// Where the money of top-ups comes from.
pub(crate) fn funding() -> AccountId {
    AccountId(derived("system", "funding"))
}

/// Where the money of payments goes.
pub(crate) fn revenue() -> AccountId {
    AccountId(derived("system", REVENUE))
}

/// A user's account: never below zero, never above [`CEILING`].
pub(crate) fn user_account(user: &str, asset: &Asset) -> NewAccount {
    NewAccount::new(account_of(user), asset.clone(), Side::Credit, "user")
        .with_floor(0)
        .with_ceiling(CEILING)
}

/// The shop's own accounts, without limits.
pub(crate) fn system_accounts(asset: &Asset) -> [NewAccount; 2] {
    [
        NewAccount::new(funding(), asset.clone(), Side::Debit, "funding"),
        NewAccount::new(revenue(), asset.clone(), Side::Credit, REVENUE),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_never_change() {
        // Money is stored under these ids. If this fails, the change is wrong.
        assert_eq!(account_of("1"), account_of("1"));
        assert_ne!(account_of("1"), account_of("2"));
        assert_ne!(derived("user", "funding"), funding().0);
    }
}
