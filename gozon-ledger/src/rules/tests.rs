use proptest::prelude::*;
use time::{Duration, OffsetDateTime};

use super::{Book, Changes, Recorded};
use crate::conformance::model::{Model, tell};
use crate::conformance::program::Program;
use crate::{Account, Limits, NewAccount};

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
        pending_debits: 0,
        pending_credits: 0,
        version: 0,
        reservations: 0,
        changed_at: OffsetDateTime::UNIX_EPOCH,
    }
}

/// Applies what was decided, as a store would.
fn persist(accounts: &mut [Account], recorded: &mut Vec<Recorded>, by: Changes) {
    for row in by.accounts {
        let account = accounts.iter_mut().find(|a| a.id == row.id).unwrap();
        assert_eq!(account.version, row.previous_version);
        assert_eq!(account.reservations, row.previous_reservations);
        assert!(row.version + row.reservations > account.version + account.reservations);
        assert!(row.changed_at > account.changed_at);
        account.version = row.version;
        account.debits = row.debits;
        account.credits = row.credits;
        account.reservations = row.reservations;
        account.pending_debits = row.pending_debits;
        account.pending_credits = row.pending_credits;
        account.changed_at = row.changed_at;
    }
    recorded.extend(by.transfers);
}

fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::days(20_000) + Duration::seconds(seconds)
}

fn begin(seed: u64) -> (Program, Vec<Account>, Model) {
    let program = Program::new(seed, 0, at(0));
    let accounts = program.cast().iter().map(opened).collect();
    let mut model = Model::default();
    for new in program.cast() {
        model.open(&new, OffsetDateTime::UNIX_EPOCH);
    }
    (program, accounts, model)
}

proptest! {
    /// Whatever comes, in batches of whatever size, under whatever clock: every
    /// outcome is the model's, and money is neither made nor lost.
    #[test]
    fn the_rules_agree_with_the_naive_model(seed in any::<u64>(), turns in prop::collection::vec(-5..15_i64, 1..30)) {
        let (mut program, mut accounts, mut model) = begin(seed);
        let mut recorded = Vec::new();
        let mut clock = 0;

        for turn in turns {
            clock += turn;
            let batch = program.batch();
            let book = Book::new(accounts.clone(), recorded.clone());
            let decision = book.decide(&batch, &Limits::default(), at(clock));

            let told: Vec<String> = decision.outcomes.iter().map(tell).collect();
            let expected: Vec<String> = batch.iter().map(|one| model.post(one, at(clock))).collect();
            prop_assert_eq!(told, expected);
            persist(&mut accounts, &mut recorded, decision.changes);
        }

        for asset in ["RUB", "USD"] {
            let of_asset = || accounts.iter().filter(|a| a.asset.as_str() == asset);
            let debits: i128 = of_asset().map(|a| i128::from(a.debits)).sum();
            let credits: i128 = of_asset().map(|a| i128::from(a.credits)).sum();
            prop_assert_eq!(debits, credits);
            let debits: i128 = of_asset().map(|a| i128::from(a.pending_debits)).sum();
            let credits: i128 = of_asset().map(|a| i128::from(a.pending_credits)).sum();
            prop_assert_eq!(debits, credits);
        }
        for account in &accounts {
            let now = account.balance();
            prop_assert!(account.floor.is_none_or(|floor| now.available() >= floor));
            prop_assert!(account.ceiling.is_none_or(|ceiling| now.expected() <= ceiling));
        }
    }

    /// One batch or many, the outcomes are the same.
    #[test]
    fn how_transfers_are_batched_does_not_matter(seed in any::<u64>(), many in 2..120_usize) {
        let (mut program, mut accounts, _) = begin(seed);
        let batch: Vec<_> = (0..many).map(|_| program.transfer()).collect();
        let whole = Book::new(accounts.clone(), []).decide(&batch, &Limits::default(), at(0));

        let mut recorded = Vec::new();
        let mut single = Vec::new();
        let mut open = Vec::new();
        for one in batch.chunks(1) {
            let book = Book::new(accounts.clone(), recorded.clone());
            let decision = book.decide(one, &Limits::default(), at(0));
            single.extend(decision.outcomes.iter().map(tell));
            open.extend_from_slice(&decision.changes.opened);
            open.retain(|hold| !decision.changes.resolved.contains(&hold.transfer));
            persist(&mut accounts, &mut recorded, decision.changes);
        }

        let told: Vec<String> = whole.outcomes.iter().map(tell).collect();
        prop_assert_eq!(told, single);
        open.sort_unstable_by_key(|hold| hold.transfer);
        prop_assert_eq!(whole.changes.opened, open, "what one batch leaves open");
        prop_assert_eq!(whole.changes.resolved, []);
    }
}

#[test]
fn the_program_meets_every_kind_of_outcome() {
    // Or the agreement of model and rules would say little.
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..20 {
        let (mut program, _, mut model) = begin(seed);
        for n in 0..800 {
            let transfer = program.transfer();
            let told = model.post(&transfer, at(n / 8));
            let (how, rest) = told.split_once(": ").unwrap();
            let what = match how {
                "refused" => rest,
                _ => transfer.kind.as_str(),
            };
            seen.insert(format!("{how} {what}"));
        }
    }

    let kinds = ["expire", "pending", "post", "reversal", "single", "void"];
    for kind in kinds {
        for how in ["posted", "replayed"] {
            assert!(seen.remove(&format!("{how} {kind}")), "{how} {kind}");
        }
    }
    let expected = [
        "refused account_not_found",
        "refused already_reversed",
        "refused amount_overflow",
        "refused asset_mismatch",
        "refused exceeds_hold",
        "refused exceeds_original",
        "refused hold_already_posted",
        "refused hold_already_voided",
        "refused hold_expired",
        "refused hold_not_expired",
        "refused hold_not_found",
        "refused id_conflict",
        "refused insufficient_funds",
        "refused limit_exceeded",
        "refused non_positive_amount",
        "refused not_reversible",
        "refused same_account",
        "refused transfer_not_found",
        "refused unbalanced",
    ];
    assert_eq!(
        seen.iter().map(String::as_str).collect::<Vec<_>>(),
        expected
    );
}
