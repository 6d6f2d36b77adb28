use proptest::prelude::*;
use time::OffsetDateTime;

use super::{Book, Changes, Recorded};
use crate::conformance::program::{Dice, Model, cast, random_transfer, tell};
use crate::{Account, Limits, NewAccount, RequestHash, Transfer};

fn opened(new: &NewAccount) -> Account {
    Account {
        id: new.id,
        asset: new.asset.clone(),
        normal: new.normal,
        status: crate::Status::Open,
        floor: new.floor,
        ceiling: new.ceiling,
        debits: 0,
        credits: 0,
        version: 0,
        changed_at: OffsetDateTime::UNIX_EPOCH,
    }
}

/// Applies what was decided, as a store would.
fn persist(
    accounts: &mut [Account],
    recorded: &mut Vec<Recorded>,
    batch: &[Transfer],
    by: Changes,
) {
    for row in by.accounts {
        let account = accounts.iter_mut().find(|a| a.id == row.id).unwrap();
        assert_eq!(account.version, row.previous_version);
        assert!(row.version > row.previous_version);
        assert!(row.changed_at > account.changed_at);
        account.version = row.version;
        account.debits = row.debits;
        account.credits = row.credits;
        account.changed_at = row.changed_at;
    }
    for row in by.transfers {
        let same = |one: &&Transfer| RequestHash::of(one) == row.request_hash;
        let entries = by.entries.iter().filter(|one| one.transfer == row.id);
        recorded.push(Recorded {
            transfer: batch.iter().find(same).unwrap().clone(),
            request_hash: row.request_hash,
            recorded_at: row.recorded_at,
            balances: entries
                .map(|one| {
                    let balance = crate::Balance {
                        posted: one.balance,
                        version: one.version,
                    };
                    (one.account, balance)
                })
                .collect(),
        });
    }
}

proptest! {
    /// Whatever comes, in batches of whatever size: every outcome is the
    /// model's, and money is neither made nor lost.
    #[test]
    fn the_rules_agree_with_the_naive_model(seed in any::<u64>(), sizes in prop::collection::vec(1..20_usize, 1..20)) {
        let mut dice = Dice(seed);
        let mut model = Model::default();
        let mut accounts: Vec<Account> = cast(0).iter().map(opened).collect();
        cast(0).iter().for_each(|new| model.open(new));
        let mut recorded = Vec::new();

        for size in sizes {
            let batch: Vec<_> = (0..size).map(|_| random_transfer(&mut dice, 0)).collect();
            let book = Book::new(accounts.clone(), recorded.clone());
            let decision = book.decide(&batch, &Limits::default(), OffsetDateTime::UNIX_EPOCH);

            let told: Vec<String> = decision.outcomes.iter().map(tell).collect();
            let expected: Vec<String> = batch.iter().map(|one| model.post(one)).collect();
            prop_assert_eq!(told, expected);
            persist(&mut accounts, &mut recorded, &batch, decision.changes);
        }

        for asset in ["RUB", "USD"] {
            let of_asset = || accounts.iter().filter(|a| a.asset.as_str() == asset);
            let debits: i128 = of_asset().map(|a| i128::from(a.debits)).sum();
            let credits: i128 = of_asset().map(|a| i128::from(a.credits)).sum();
            prop_assert_eq!(debits, credits);
        }
        for account in &accounts {
            let held = account.balance().posted;
            prop_assert!(account.floor.is_none_or(|floor| held >= floor));
            prop_assert!(account.ceiling.is_none_or(|ceiling| held <= ceiling));
        }
    }

    /// One batch or many, the outcomes are the same.
    #[test]
    fn how_transfers_are_batched_does_not_matter(seed in any::<u64>(), many in 2..60_usize) {
        let mut dice = Dice(seed);
        let batch: Vec<_> = (0..many).map(|_| random_transfer(&mut dice, 0)).collect();
        let mut accounts: Vec<Account> = cast(0).iter().map(opened).collect();
        let now = OffsetDateTime::UNIX_EPOCH;
        let whole = Book::new(accounts.clone(), []).decide(&batch, &Limits::default(), now);

        let mut recorded = Vec::new();
        let mut single = Vec::new();
        for one in batch.chunks(1) {
            let book = Book::new(accounts.clone(), recorded.clone());
            let decision = book.decide(one, &Limits::default(), now);
            single.extend(decision.outcomes.iter().map(tell));
            persist(&mut accounts, &mut recorded, one, decision.changes);
        }

        let whole: Vec<String> = whole.outcomes.iter().map(tell).collect();
        prop_assert_eq!(whole, single);
    }
}

#[test]
fn the_program_meets_every_kind_of_outcome() {
    // Or the agreement of model and rules would say little.
    let mut dice = Dice(1);
    let mut model = Model::default();
    cast(0).iter().for_each(|new| model.open(new));
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..5_000 {
        let told = model.post(&random_transfer(&mut dice, 0));
        let kind = told.split(&['=', '@'][..]).next().unwrap();
        let kind = kind.trim_end_matches(|c: char| c.is_ascii_digit() || c == ' ');
        seen.insert(kind.to_owned());
    }

    let expected = [
        "posted:",
        "refused: account_not_found",
        "refused: amount_overflow",
        "refused: asset_mismatch",
        "refused: id_conflict",
        "refused: insufficient_funds",
        "refused: limit_exceeded",
        "refused: non_positive_amount",
        "refused: same_account",
        "refused: unbalanced",
        "replayed:",
    ];
    assert_eq!(
        seen.iter().map(String::as_str).collect::<Vec<_>>(),
        expected
    );
}
