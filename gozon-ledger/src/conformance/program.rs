//! One program, made from a seed, and a model so simple that it can be read.

use std::collections::BTreeMap;

use super::kit::{account, id, rub};
use super::{HandClock, Subject};
use crate::{Asset, Books, Leg, NewAccount, PostError, Posted, Side, Transfer};

/// What the store must answer is what the model answers; what accounts then
/// hold and what their statements show as well.
pub async fn the_same_program_has_the_same_outcomes_everywhere(
    subject: &dyn Subject,
    clock: &HandClock,
) {
    let books = subject.books();
    for seed in 1..=3 {
        run(books.as_ref(), clock, seed).await;
    }
}

async fn run(books: &dyn Books, clock: &HandClock, seed: u64) {
    let mut dice = Dice(seed);
    let mut model = Model::default();
    // Every seed has accounts of its own in the one ledger.
    let base = u128::from(seed) << 32;
    for new in cast(base) {
        books.open_account(&new).await.unwrap();
        model.open(&new);
    }

    for _ in 0..60 {
        clock.turn(i64::from(dice.below(7)) - 3);
        let size = 1 + dice.below(12);
        let batch: Vec<_> = (0..size)
            .map(|_| random_transfer(&mut dice, base))
            .collect();

        let outcomes = books.post(&batch).await.unwrap();

        let told: Vec<String> = outcomes.iter().map(tell).collect();
        let expected: Vec<String> = batch.iter().map(|one| model.post(one)).collect();
        assert_eq!(told, expected, "seed {seed}, batch {batch:?}");
    }

    for (n, state) in &model.accounts {
        let balance = books.balance(account(*n)).await.unwrap().unwrap();
        assert_eq!(i128::from(balance.posted), state.balance());
        let lines = books.statement(account(*n), None, 1_000).await.unwrap();
        let mut shown: Vec<i64> = lines.iter().map(|line| line.amount).collect();
        shown.reverse();
        assert_eq!(shown, state.entries);
    }
    let report = books.verify().await.unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
}

/// An outcome in one line, without the time.
pub(crate) fn tell(outcome: &Result<Posted, PostError>) -> String {
    match outcome {
        Err(refused) => format!("refused: {}", refused.kind()),
        Ok(posted) => {
            let mut balances: Vec<_> = posted.balances.clone();
            balances.sort_unstable_by_key(|(id, _)| *id);
            let balances: Vec<String> = balances
                .iter()
                .map(|(id, balance)| {
                    let n = id.0.as_u128() & 0xFFFF;
                    format!("{n}={}@{}", balance.posted, balance.version)
                })
                .collect();
            let how = if posted.replayed {
                "replayed"
            } else {
                "posted"
            };
            format!("{how}: {}", balances.join(" "))
        }
    }
}

/// The accounts of the program: two without limits, and some with.
pub(crate) fn cast(base: u128) -> Vec<NewAccount> {
    let open = |n: u128, asset: &Asset, side| {
        NewAccount::new(account(base + n), asset.clone(), side, "cast")
    };
    let (rub, usd) = (rub(), Asset::new("USD").unwrap());
    vec![
        open(1, &rub, Side::Debit),
        open(2, &rub, Side::Credit).with_floor(0).with_ceiling(500),
        open(3, &rub, Side::Credit).with_floor(0),
        open(4, &rub, Side::Debit)
            .with_floor(-100)
            .with_ceiling(100),
        open(5, &rub, Side::Credit),
        open(6, &usd, Side::Debit),
        open(7, &usd, Side::Credit).with_floor(0),
    ]
}

/// Mostly sound, sometimes not; ids repeat, with equal and with other content.
pub(crate) fn random_transfer(dice: &mut Dice, base: u128) -> Transfer {
    let number = dice.below(300);
    // Most ids always mean the same transfer.
    let mut own = Dice(u64::from(number) * 7_919 + 1);
    let dice = if dice.below(10) == 0 { dice } else { &mut own };
    let usd = Asset::new("USD").unwrap();
    let mistaken = dice.below(20) == 0;
    let asset = |n: u128| {
        if n >= 6 || mistaken {
            usd.clone()
        } else {
            rub()
        }
    };
    let pick = |dice: &mut Dice| u128::from(1 + dice.below(8));
    let (mut from, mut to) = (pick(dice), pick(dice));
    let mut amount = i64::from(dice.below(160)) - 5;
    if dice.below(60) == 0 {
        // One of these fits into the accounts without limits, two do not.
        (from, to, amount) = (1, 5, i64::MAX / 2 + 10);
    }
    let transfer = Transfer::new(id(base + u128::from(number)), "program")
        .debit(account(base + from), &asset(from), amount)
        .credit(account(base + to), &asset(to), amount);
    if dice.below(5) > 0 || amount < 2 {
        return transfer;
    }
    // Split the credit, now and then with a unit lost.
    let third = pick(dice);
    let mut split = transfer;
    split.legs[1].amount = amount - 1;
    let rest = 1 + i64::from(dice.below(6) / 5);
    split.credit(account(base + third), &asset(third), rest)
}

/// The ledger, written as naively as possible, in wide integers.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) accounts: BTreeMap<u128, ModelAccount>,
    posted: BTreeMap<u128, (Transfer, String)>,
}

#[derive(Debug)]
pub(crate) struct ModelAccount {
    asset: Asset,
    debit_normal: bool,
    floor: Option<i64>,
    ceiling: Option<i64>,
    debits: i128,
    credits: i128,
    entries: Vec<i64>,
}

impl ModelAccount {
    pub(crate) fn balance(&self) -> i128 {
        if self.debit_normal {
            self.debits - self.credits
        } else {
            self.credits - self.debits
        }
    }
}

impl Model {
    pub(crate) fn open(&mut self, new: &NewAccount) {
        let state = ModelAccount {
            asset: new.asset.clone(),
            debit_normal: new.normal == Side::Debit,
            floor: new.floor,
            ceiling: new.ceiling,
            debits: 0,
            credits: 0,
            entries: Vec::new(),
        };
        self.accounts.insert(new.id.0.as_u128(), state);
    }

    /// Posts it and tells what [`tell`] tells of the real outcome.
    pub(crate) fn post(&mut self, transfer: &Transfer) -> String {
        let key = transfer.id.0.as_u128();
        if let Some((original, told)) = self.posted.get(&key) {
            let sorted = |transfer: &Transfer| {
                let mut transfer = transfer.clone();
                transfer.legs.sort();
                transfer
            };
            return if sorted(original) == sorted(transfer) {
                format!("replayed: {told}")
            } else {
                "refused: id_conflict".to_owned()
            };
        }
        if let Some(refusal) = self.refusal(transfer) {
            return format!("refused: {refusal}");
        }
        let mut told = BTreeMap::new();
        for leg in &transfer.legs {
            let n = leg.account.0.as_u128();
            let state = self.accounts.get_mut(&n).unwrap();
            let before = state.balance();
            add(state, leg);
            let moved = i64::try_from(state.balance() - before).unwrap();
            state.entries.push(moved);
            let line = format!("{}={}@{}", n & 0xFFFF, state.balance(), state.entries.len());
            told.insert(n, line);
        }
        let told = told.into_values().collect::<Vec<_>>().join(" ");
        self.posted.insert(key, (transfer.clone(), told.clone()));
        format!("posted: {told}")
    }

    fn refusal(&self, transfer: &Transfer) -> Option<&'static str> {
        let legs = &transfer.legs;
        if legs.len() < 2 {
            return Some("leg_count");
        }
        for (i, leg) in legs.iter().enumerate() {
            if leg.amount <= 0 {
                return Some("non_positive_amount");
            }
            if legs[..i].iter().any(|other| other.account == leg.account) {
                return Some("same_account");
            }
        }
        for asset in legs.iter().map(|leg| &leg.asset) {
            let sum: i128 = legs
                .iter()
                .filter(|leg| leg.asset == *asset)
                .map(|leg| match leg.side {
                    Side::Debit => i128::from(leg.amount),
                    Side::Credit => -i128::from(leg.amount),
                })
                .sum();
            if sum != 0 {
                return Some("unbalanced");
            }
        }
        legs.iter().find_map(|leg| self.leg_refusal(leg))
    }

    fn leg_refusal(&self, leg: &Leg) -> Option<&'static str> {
        let Some(state) = self.accounts.get(&leg.account.0.as_u128()) else {
            return Some("account_not_found");
        };
        if state.asset != leg.asset {
            return Some("asset_mismatch");
        }
        let amount = i128::from(leg.amount);
        let (debits, credits) = match leg.side {
            Side::Debit => (state.debits + amount, state.credits),
            Side::Credit => (state.debits, state.credits + amount),
        };
        if debits.max(credits) > i128::from(i64::MAX) {
            return Some("amount_overflow");
        }
        let after = if state.debit_normal {
            debits - credits
        } else {
            credits - debits
        };
        if state.floor.is_some_and(|floor| after < i128::from(floor)) {
            return Some("insufficient_funds");
        }
        if state.ceiling.is_some_and(|top| after > i128::from(top)) {
            return Some("limit_exceeded");
        }
        None
    }
}

fn add(state: &mut ModelAccount, leg: &Leg) {
    match leg.side {
        Side::Debit => state.debits += i128::from(leg.amount),
        Side::Credit => state.credits += i128::from(leg.amount),
    }
}

/// SplitMix64: the same numbers everywhere, forever.
#[derive(Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, n: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        u32::try_from((z ^ (z >> 31)) % u64::from(n)).unwrap()
    }
}
