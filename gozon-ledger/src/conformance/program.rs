//! One program, made from a seed: what a store answers and keeps must be what
//! the model answers and keeps.

use std::collections::BTreeMap;
use std::sync::Arc;

use gozon_core::Clock;
use time::{Duration, OffsetDateTime};
use tokio::task::JoinSet;

use super::kit::{account, assert_clean, id, rub};
use super::model::{History, Model, line, tell};
use super::{HandClock, Subject};
use crate::{Asset, Books, Entry, Kind, Leg, NewAccount, Side, Transfer, TransferId};

/// Every outcome, every balance, every line of every statement, and in the end
/// one hash of all of it, from transfers, holds, resolutions, reversals, repeats
/// and mistakes under a clock that goes forth and back.
pub async fn the_same_program_has_the_same_outcomes_and_history_everywhere(
    subject: &dyn Subject,
    clock: &HandClock,
) {
    let books = subject.books();
    let mut histories = Vec::new();
    for seed in 1..=3 {
        histories.push(hex(&run(books.as_ref(), clock, seed).await));
    }
    assert_eq!(histories, HISTORIES);
}

/// The hash of what seeds 1, 2 and 3 lead to. It changes with the program, and
/// with nothing else.
const HISTORIES: [&str; 3] = ["2e1ab7cdd9909da1", "e458d34f0cb3aeb5", "e23601b511073cc3"];

fn hex(hash: &[u8; 32]) -> String {
    let bytes = hash[..8].iter();
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

async fn run(books: &dyn Books, clock: &HandClock, seed: u64) -> [u8; 32] {
    // Every seed has accounts of its own in the one ledger.
    let mut program = Program::new(seed, u128::from(seed) << 32, clock.now());
    let mut model = Model::default();
    let (mut expected, mut found) = (History::default(), History::default());
    for new in program.cast() {
        books.open_account(&new).await.unwrap();
        model.open(&new, clock.now());
    }

    for _ in 0..60 {
        clock.turn(i64::from(program.dice.below(9)) - 3);
        if program.dice.below(6) == 0 {
            let swept = sweep(&mut model, clock);
            assert_eq!(books.expire_due(2).await.unwrap(), swept, "seed {seed}");
        }
        let batch = program.batch();

        let outcomes = books.post(&batch).await.unwrap();

        let told: Vec<String> = outcomes.iter().map(tell).collect();
        let model_told = batch.iter().map(|one| model.post(one, clock.now()));
        let model_told: Vec<String> = model_told.collect();
        assert_eq!(told, model_told, "seed {seed}, batch {batch:?}");
        found.note(&told);
        expected.note(&model_told);
    }

    // Nothing is left to be swept in the run of the next seed.
    clock.turn(1_000);
    loop {
        let swept = sweep(&mut model, clock);
        assert_eq!(books.expire_due(2).await.unwrap(), swept, "seed {seed}");
        if swept == 0 {
            break;
        }
    }
    for n in model.accounts.keys() {
        let lines = kept(books, *n).await;
        let model_lines = model.history(*n);
        assert_eq!(lines, model_lines, "seed {seed}, account {n}");
        found.note(&lines);
        expected.note(&model_lines);
    }
    assert_clean(books).await;
    let found = found.hash();
    assert_eq!(found, expected.hash());
    found
}

fn sweep(model: &mut Model, clock: &HandClock) -> usize {
    let due = model.due(clock.now(), 2);
    let told = due.iter().map(|one| model.post(one, clock.now()));
    told.filter(|told| told.starts_with("posted")).count()
}

/// What the books say of an account, as [`Model::history`] tells it.
async fn kept(books: &dyn Books, n: u128) -> Vec<String> {
    let entries = books.statement(account(n), None, 1_000).await.unwrap();
    let mut lines: Vec<String> = entries.iter().rev().map(line_of).collect();
    let now = books.balance(account(n)).await.unwrap().unwrap();
    let (posted, version) = (now.posted, now.version);
    lines.push(format!(
        "{posted}+{}-{}@{version}",
        now.incoming, now.outgoing
    ));
    lines
}

fn line_of(entry: &Entry) -> String {
    let of = Transfer::new(entry.transfer, &*entry.code).with_reference(&*entry.reference);
    line(
        entry.amount.into(),
        entry.balance.into(),
        entry.recorded_at,
        &of,
    )
}

/// Several at once over the same accounts and the same ids: each id moves at
/// most once, each hold is resolved at most once, no unit is made or lost, and
/// what the accounts hold is exactly what the answers say was moved.
pub async fn programs_side_by_side_conserve_money(subject: &dyn Subject, clock: &HandClock) {
    let books = subject.books();
    let base = 77_u128 << 32;
    let start = clock.now();
    for new in Program::new(0, base, start).cast() {
        books.open_account(&new).await.unwrap();
    }
    let mut tasks = JoinSet::new();
    for seed in 0..4 {
        let (books, clock) = (Arc::clone(&books), clock.clone());
        tasks.spawn(async move {
            let mut program = Program::new(seed, base, start);
            let mut moved = Vec::new();
            for _ in 0..15 {
                clock.turn(i64::from(program.dice.below(5)) - 1);
                let batch = program.batch();
                let outcomes = books.post(&batch).await.unwrap();
                let all = batch.into_iter().zip(outcomes);
                let fresh = all.filter(|(_, one)| one.as_ref().is_ok_and(|one| !one.replayed));
                moved.extend(fresh.map(|(transfer, _)| transfer));
                books.expire_due(3).await.unwrap();
            }
            moved
        });
    }
    let moved: Vec<Transfer> = tasks.join_all().await.into_iter().flatten().collect();

    let mut seen: BTreeMap<TransferId, Transfer> = BTreeMap::new();
    for transfer in &moved {
        let twice = seen.insert(transfer.id, transfer.clone());
        assert!(twice.is_none(), "{transfer:?} moved twice");
    }
    let mut resolved: Vec<_> = moved.iter().filter_map(|one| one.kind.hold()).collect();
    resolved.sort_unstable();
    assert!(
        resolved.windows(2).all(|two| two[0] != two[1]),
        "{resolved:?}"
    );
    for new in Program::new(0, base, start).cast() {
        let legs = moved.iter().flat_map(|one| legs_of(one, &seen));
        let of_account = legs.filter(|leg| leg.account == new.id);
        let sum: i128 = of_account
            .map(|leg| {
                let amount = i128::from(leg.amount);
                if leg.side == new.normal {
                    amount
                } else {
                    -amount
                }
            })
            .sum();
        let now = books.balance(new.id).await.unwrap().unwrap();
        assert_eq!(i128::from(now.posted), sum, "{new:?}");
        assert!(new.floor.is_none_or(|floor| now.available() >= floor));
        assert!(new.ceiling.is_none_or(|ceiling| now.expected() <= ceiling));
    }
    assert_clean(books.as_ref()).await;
}

/// The legs that it moved, also where it left them to another transfer.
fn legs_of(transfer: &Transfer, all: &BTreeMap<TransferId, Transfer>) -> Vec<Leg> {
    match transfer.kind {
        Kind::Pending { .. } | Kind::Void { .. } | Kind::Expire { .. } => Vec::new(),
        Kind::Post { hold } if transfer.legs.is_empty() => all[&hold].legs.clone(),
        Kind::Reversal { original } if transfer.legs.is_empty() => {
            let mut legs = legs_of(&all[&original], all);
            for leg in &mut legs {
                leg.side = leg.side.opposite();
            }
            legs
        }
        Kind::Single | Kind::Post { .. } | Kind::Reversal { .. } => transfer.legs.clone(),
    }
}

/// Makes batches from a seed.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) dice: Dice,
    base: u128,
    start: OffsetDateTime,
}

impl Program {
    pub(crate) fn new(seed: u64, base: u128, start: OffsetDateTime) -> Self {
        Self {
            dice: Dice(seed),
            base,
            start,
        }
    }

    /// The accounts of the program: two without limits, and some with.
    pub(crate) fn cast(&self) -> Vec<NewAccount> {
        let open = |n: u128, asset: &Asset, side| {
            NewAccount::new(account(self.base + n), asset.clone(), side, "cast")
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

    pub(crate) fn batch(&mut self) -> Vec<Transfer> {
        let size = 1 + self.dice.below(12);
        (0..size).map(|_| self.transfer()).collect()
    }

    /// Mostly sound, sometimes not; ids repeat, with equal and with other
    /// content.
    pub(crate) fn transfer(&mut self) -> Transfer {
        let number = self.dice.below(300);
        // Most ids always mean the same transfer.
        if self.dice.below(8) > 0 {
            return self.usual(number);
        }
        let mut other = Dice(u64::from(self.dice.below(1_000_000)));
        let near = number / 10 * 10 + self.dice.below(10);
        let followed = [near, self.dice.below(300)][usize::from(self.dice.below(4) == 0)];
        self.numbered(number, followed, &mut other)
    }

    fn usual(&self, number: u32) -> Transfer {
        let tens = number / 10 * 10;
        let followed = match number % 10 {
            3 => tens + 2,
            6 => tens + 5,
            8 if number % 20 == 8 => tens + 3,
            9 => tens + 4,
            _ => tens,
        };
        let mut own = Dice(u64::from(number) * 7_919 + 1);
        self.numbered(number, followed, &mut own)
    }

    fn numbered(&self, number: u32, followed: u32, dice: &mut Dice) -> Transfer {
        let id = |number: u32| id(self.base + u128::from(number));
        let follow = Transfer::new(id(number), "program");
        match number % 10 {
            2 | 4 | 5 => {
                let ends = number % 10 == 4 || dice.below(2) == 0;
                let soon = self.start + Duration::seconds(i64::from(dice.below(80)));
                let hold = self.moving(number, dice).with_reference("hold");
                hold.pending(ends.then_some(soon))
            }
            3 | 6 => self
                .part(follow, followed, false, dice)
                .posting(id(followed)),
            7 | 8 => self
                .part(follow, followed, true, dice)
                .reversing(id(followed)),
            9 if dice.below(2) == 0 => follow.voiding(id(followed)),
            9 => follow.expiring(id(followed)),
            _ => self.moving(number, dice).with_reference("order"),
        }
    }

    fn moving(&self, number: u32, dice: &mut Dice) -> Transfer {
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
        if dice.below(40) == 0 {
            // One of these fits into the accounts without limits, two do not.
            (from, to, amount) = (1, 5, i64::MAX / 2 + 10);
        }
        let transfer = Transfer::new(id(self.base + u128::from(number)), "program")
            .debit(account(self.base + from), &asset(from), amount)
            .credit(account(self.base + to), &asset(to), amount);
        if dice.below(5) > 0 || amount < 2 {
            return transfer;
        }
        // Split the credit, now and then with a unit lost.
        let third = pick(dice);
        let mut split = transfer;
        split.legs[1].amount = amount - 1;
        let rest = 1 + i64::from(dice.below(6) / 5);
        split.credit(account(self.base + third), &asset(third), rest)
    }

    /// Half of the time all of it, else the first two legs of what is followed,
    /// with an amount that may be too much.
    fn part(&self, mut follow: Transfer, of: u32, back: bool, dice: &mut Dice) -> Transfer {
        if dice.below(2) == 0 {
            return follow;
        }
        let mut legs = self.usual(of).legs;
        if legs.is_empty() {
            legs = self.usual(of / 10 * 10 + 2).legs;
        }
        let most = legs.iter().map(|leg| leg.amount).min().unwrap_or(1);
        let amount = 1 + i64::from(dice.below(80)).min(most);
        legs.truncate(2);
        for leg in &mut legs {
            leg.amount = amount;
            if back {
                leg.side = leg.side.opposite();
            }
        }
        follow.legs = legs;
        follow
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
