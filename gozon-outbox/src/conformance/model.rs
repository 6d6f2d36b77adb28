//! The store beside a naive model of it, asked the same by dice.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use gozon_core::NewMessage;

use super::dice::Dice;
use super::relay::memory::Memory;
use super::{Bench, LONG, message, texts};
use crate::OutboxDatabase;
use crate::store::{Failure, Kept, KeptFrom, Lease, Leases, MemberId, Read, Row};

/// Questions that one seed asks.
const STEPS: usize = 300;
const KEYS: u64 = 12;

/// Two members take partitions from each other and read, hold, sweep, release,
/// delete and promote with whatever leases they believe to have.
pub async fn whatever_it_is_asked_it_answers_as_the_model<D: OutboxDatabase>(bench: &Bench<D>) {
    beside_the_model(bench, 0).await;
}

/// The same with another seed, on a fresh bench.
///
/// # Panics
/// With the seed, when the two differ.
pub async fn beside_the_model<D: OutboxDatabase>(bench: &Bench<D>, seed: u64) {
    Pair::new(bench, seed).await.run().await;
}

struct Pair<'a, D: OutboxDatabase> {
    bench: &'a Bench<D>,
    model: Memory,
    dice: Dice,
    seed: u64,
    /// What each member believes to own.
    leases: [Leases; 2],
    /// Messages that were read, by what they say: their numbers there and here.
    known: BTreeMap<String, [i64; 2]>,
    said: u64,
}

impl<'a, D: OutboxDatabase> Pair<'a, D> {
    async fn new(bench: &'a Bench<D>, seed: u64) -> Self {
        let partitions = bench.store.partitions().await.unwrap();
        let nothing = || Leases {
            member: MemberId::generate(),
            held: Vec::new(),
        };
        Self {
            bench,
            model: Memory::new(partitions),
            dice: Dice(seed),
            seed,
            leases: [nothing(), nothing()],
            known: BTreeMap::new(),
            said: 0,
        }
    }

    async fn run(mut self) {
        self.acquire(0).await;
        for step in 0..STEPS {
            let who = self.dice.index(2);
            let case = self.dice.roll(40);
            match case {
                0..8 => self.append().await,
                8..16 => self.read(who).await,
                16..21 => self.hold(who).await,
                21..23 => self.sweep(who).await,
                23..25 => self.unhold(who).await,
                25..29 => self.delete().await,
                29..31 => self.promote(who).await,
                31..35 => self.kept(who).await,
                35 => self.acquire(who).await,
                36 => self.release(who).await,
                37 => self.renew(who).await,
                _ => self.fetch().await,
            }
            let (there, here) = (self.bench.store.stats().await.unwrap(), self.model.stats());
            self.same(
                (there.pending, there.held, there.dead),
                (here.pending, here.held, here.dead),
                &format!("the counts after step {step} ({case})"),
            );
        }
    }

    fn same<T: PartialEq + std::fmt::Debug>(&self, store: T, model: T, what: &str) {
        assert!(
            store == model,
            "seed {}: {what}: the store has {store:?}, the model {model:?}",
            self.seed
        );
    }

    async fn append(&mut self) {
        let count = 1 + self.dice.roll(5);
        let mut messages: Vec<NewMessage> = Vec::new();
        for _ in 0..count {
            self.said += 1;
            let key = format!("k{}", self.dice.roll(KEYS));
            let said = message(Some(&key), &format!("{key}:{}.{}", self.seed, self.said));
            messages.push(match self.dice.roll(8) {
                0 => said.with_delay(Duration::ZERO),
                1 => said.with_delay(LONG),
                _ => said,
            });
        }
        for said in &messages {
            self.model.commit(self.model.draw(), said);
        }
        self.bench.append(&messages).await;
    }

    async fn read(&mut self, who: usize) {
        let mut read = Read {
            leases: self.leases[who].clone(),
            skip_keys: self.keys(),
            skip_seqs: Vec::new(),
            per_partition: self.limit(),
            per_key: self.limit(),
            limit: self.limit() * 8,
            bytes: 1 + self.dice.roll(400),
        };
        let skipped = self.some_known();
        read.skip_seqs = skipped.iter().map(|[there, _]| *there).collect();
        let there = self.bench.store.read(&read).await.unwrap();
        read.skip_seqs = skipped.iter().map(|[_, here]| *here).collect();
        let here = self.model.read(&read);
        self.same(texts(&there), texts(&here), "a read");
        self.learn(&there, &here);
    }

    fn learn(&mut self, there: &[Row], here: &[Row]) {
        let pairs = texts(there).into_iter().zip(there.iter().zip(here));
        self.known
            .extend(pairs.map(|(text, (there, here))| (text, [there.seq, here.seq])));
    }

    async fn hold(&mut self, who: usize) {
        let (mut there, mut here) = (Vec::new(), Vec::new());
        for [store, model] in self.some_known() {
            let failure = Failure {
                seq: store,
                dead: self.dice.roll(3) == 0,
                attempted: self.dice.roll(2) == 0,
                reason: "by dice".to_owned(),
                retry_in: LONG,
            };
            here.push(Failure {
                seq: model,
                ..failure.clone()
            });
            there.push(failure);
        }
        let leases = &self.leases[who];
        let standing = self.bench.store.hold(leases, &there).await.unwrap();
        self.same(
            sorted(standing),
            sorted(self.model.hold(leases, &here)),
            "a hold",
        );
    }

    async fn sweep(&mut self, who: usize) {
        let keys = self.keys();
        let leases = &self.leases[who];
        self.bench.store.sweep(leases, &keys).await.unwrap();
        self.model.sweep(leases, &keys);
    }

    async fn unhold(&mut self, who: usize) {
        let keys = self.keys();
        let leases = &self.leases[who];
        let standing = self.bench.store.unhold(leases, &keys).await.unwrap();
        self.same(
            sorted(standing),
            sorted(self.model.unhold(leases, &keys)),
            "an unhold",
        );
    }

    async fn delete(&mut self) {
        let some = self.some_known();
        let [there, here] =
            [0, 1].map(|side| some.iter().map(|seqs| seqs[side]).collect::<Vec<_>>());
        self.bench.store.delete(&there).await.unwrap();
        self.model.delete(&here);
    }

    async fn promote(&mut self, who: usize) {
        let max = self.limit();
        let leases = &self.leases[who];
        let promoted = self.bench.store.promote(leases, max).await.unwrap();
        self.same(promoted, self.model.promote(leases, max), "a promotion");
    }

    async fn kept(&mut self, who: usize) {
        let held = self.leases[who].held.iter();
        let from: Vec<KeptFrom> = held
            .map(|lease| KeptFrom {
                partition: lease.partition,
                after: None,
            })
            .collect();
        let seen = |mut kept: Vec<Kept>| {
            kept.sort_by_key(|kept| kept.key.clone());
            let seen = kept.into_iter().map(|kept| {
                let waits = kept.retry_in > Duration::ZERO;
                (kept.key, kept.partition, kept.attempts, kept.dead, waits)
            });
            seen.collect::<Vec<_>>()
        };
        let there = self.bench.store.kept(&from, 1_000).await.unwrap();
        self.same(
            seen(there),
            seen(self.model.kept(&from, 1_000)),
            "what is kept",
        );
    }

    async fn acquire(&mut self, who: usize) {
        let (max, alone) = (1 + self.dice.roll(64), self.dice.roll(3) > 0);
        let max = u32::try_from(max).unwrap();
        let member = self.leases[who].member;
        let there = self.bench.store.acquire(member, LONG, max, alone).await;
        let here = self.model.acquire(member, LONG, max, alone);
        self.same(by_partition(there.unwrap()), here.clone(), "an acquisition");
        // What it had of these is another lease now.
        let leases = &mut self.leases[who].held;
        leases.retain(|lease| here.iter().all(|new| new.partition != lease.partition));
        leases.extend(here);
    }

    async fn renew(&mut self, who: usize) {
        let member = self.leases[who].member;
        let there = self.bench.store.renew(member, LONG).await.unwrap();
        let here = self.model.renew(member, LONG);
        self.same(by_partition(there), here.clone(), "a renewal");
        if self.dice.roll(2) == 0 {
            self.leases[who].held = here;
        }
    }

    async fn release(&mut self, who: usize) {
        let mut given = self.leases[who].clone();
        given.held.retain(|_| self.dice.roll(10) == 0);
        self.bench.store.release(&given).await.unwrap();
        self.model.release(&given);
        let free = self.bench.store.free().await.unwrap();
        self.same(free, self.model.free(), "the free leases");
    }

    async fn fetch(&mut self) {
        let some = self.some_known();
        let [there, here] =
            [0, 1].map(|side| some.iter().map(|seqs| seqs[side]).collect::<Vec<_>>());
        let seen = |rows: Vec<Row>, seqs: &[i64]| {
            let rows: HashMap<i64, Row> = rows.into_iter().map(|row| (row.seq, row)).collect();
            let seen = seqs.iter().map(|seq| {
                let row = rows.get(seq)?;
                Some((row.state, row.attempts, row.data.clone()))
            });
            seen.collect::<Vec<_>>()
        };
        let rows = self.bench.store.fetch(&there).await.unwrap();
        let rows = seen(rows, &there);
        self.same(rows, seen(self.model.fetch(&here), &here), "a fetch");
    }

    fn some_known(&mut self) -> Vec<[i64; 2]> {
        let mut some: Vec<[i64; 2]> = self.known.values().copied().collect();
        some.retain(|_| self.dice.roll(4) == 0);
        some
    }

    fn keys(&mut self) -> Vec<String> {
        let mut keys: Vec<String> = (0..KEYS).map(|key| format!("k{key}")).collect();
        keys.retain(|_| self.dice.roll(4) == 0);
        keys
    }

    fn limit(&mut self) -> u32 {
        u32::try_from(1 + self.dice.roll(6)).unwrap()
    }
}

fn sorted(mut partitions: Vec<i32>) -> Vec<i32> {
    partitions.sort_unstable();
    partitions
}

fn by_partition(mut leases: Vec<Lease>) -> Vec<Lease> {
    leases.sort_unstable_by_key(|lease| lease.partition);
    leases
}
