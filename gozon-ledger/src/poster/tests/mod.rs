//! A ledger that the tests hold in their hands, and callers of a poster on it.

mod batching;
mod ends;
mod failures;
mod limits;

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use gozon_core::ErrorClass;
use gozon_sqlx::DbError;
use time::OffsetDateTime;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{PostBatch, Poster, PosterConfig, PosterError};
use crate::{AccountId, Asset, LedgerError, Outcomes, PostError, Posted, Transfer, TransferId};

type Failure = fn() -> LedgerError;

/// A ledger whose transactions commit when the test lets them.
#[derive(Clone)]
struct Slow(Arc<Inner>);

struct Inner {
    /// One permit per transaction.
    gate: Semaphore,
    begun: Mutex<Vec<Vec<u128>>>,
    /// How the next transactions fail, whoever is in them.
    failures: Mutex<VecDeque<Failure>>,
    /// How many of the next transactions forget their last outcome.
    forgetful: Mutex<usize>,
    /// Transfers with which no transaction succeeds.
    poison: Mutex<(HashSet<u128>, Failure)>,
}

impl Slow {
    fn shut() -> Self {
        Self(Arc::new(Inner {
            gate: Semaphore::new(0),
            begun: Mutex::default(),
            failures: Mutex::default(),
            forgetful: Mutex::default(),
            poison: Mutex::new((HashSet::new(), guarded)),
        }))
    }

    fn open() -> Self {
        let slow = Self::shut();
        slow.release(1_000);
        slow
    }

    fn release(&self, transactions: usize) {
        self.0.gate.add_permits(transactions);
    }

    fn begun(&self) -> Vec<Vec<u128>> {
        self.0.begun.lock().unwrap().clone()
    }

    fn poison(&self, transfer: u128, error: Failure) {
        let mut poison = self.0.poison.lock().unwrap();
        poison.0.insert(transfer);
        poison.1 = error;
    }

    fn forget_last(&self, transactions: usize) {
        *self.0.forgetful.lock().unwrap() = transactions;
    }

    fn fail_next(&self, failures: impl IntoIterator<Item = Failure>) {
        self.0.failures.lock().unwrap().extend(failures);
    }
}

#[async_trait]
impl PostBatch for Slow {
    async fn post_batch(&self, transfers: &[Transfer]) -> Result<Outcomes, LedgerError> {
        let ids: Vec<u128> = transfers.iter().map(|one| one.id.0.as_u128()).collect();
        self.0.begun.lock().unwrap().push(ids.clone());
        self.0.gate.acquire().await.unwrap().forget();
        if let Some(failure) = self.0.failures.lock().unwrap().pop_front() {
            return Err(failure());
        }
        let poison = self.0.poison.lock().unwrap();
        if ids.iter().any(|id| poison.0.contains(id)) {
            return Err((poison.1)());
        }
        let mut outcomes: Outcomes = transfers.iter().map(outcome).collect();
        let mut forgetful = self.0.forgetful.lock().unwrap();
        if *forgetful > 0 {
            *forgetful -= 1;
            outcomes.pop();
        }
        Ok(outcomes)
    }
}

/// Each transfer's own: its id is its time.
fn outcome(transfer: &Transfer) -> Result<Posted, PostError> {
    if transfer.code == "refused" {
        let account = AccountId(transfer.id.0);
        return Err(PostError::AccountNotFound { account });
    }
    Ok(Posted {
        replayed: false,
        balances: Vec::new(),
        recorded_at: time_of(transfer.id.0.as_u128()),
    })
}

fn time_of(id: u128) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(id).unwrap())
}

fn contention() -> LedgerError {
    LedgerError::Contention(DbError::TaskLost("a deadlock".to_owned()))
}

fn guarded() -> LedgerError {
    LedgerError::Guarded(DbError::Unsuitable("a constraint".to_owned()))
}

fn outage() -> LedgerError {
    LedgerError::Db(DbError::Sqlx(sqlx::Error::PoolTimedOut))
}

fn panics() -> LedgerError {
    panic!("the ledger panics")
}

fn transfer(n: u128) -> Transfer {
    let rub = Asset::new("RUB").unwrap();
    Transfer::new(TransferId(Uuid::from_u128(n)), "payment")
        .debit(AccountId(Uuid::from_u128(1)), &rub, 5)
        .credit(AccountId(Uuid::from_u128(2)), &rub, 5)
}

fn poster(ledger: &Slow, config: PosterConfig) -> Poster {
    Poster::new(ledger.clone(), config).unwrap()
}

type Call = JoinHandle<Result<Posted, PosterError>>;

/// Calls from tasks of their own, in order, until each waits or is answered.
async fn call(poster: &Poster, ids: impl IntoIterator<Item = u128>) -> Vec<Call> {
    let mut calls = Vec::new();
    for id in ids {
        let poster = poster.clone();
        calls.push(tokio::spawn(async move { poster.post(transfer(id)).await }));
        // One thread: what was spawned runs until it waits.
        tokio::task::yield_now().await;
    }
    calls
}

fn start(poster: &Poster) -> (CancellationToken, JoinHandle<()>) {
    let (poster, shutdown) = (poster.clone(), CancellationToken::new());
    let token = shutdown.clone();
    let run = tokio::spawn(async move { poster.run(token).await });
    (shutdown, run)
}

/// Returns when so many transactions have begun.
async fn until_begun(ledger: &Slow, transactions: usize) {
    while ledger.begun().len() < transactions {
        tokio::task::yield_now().await;
    }
}

async fn answers(calls: Vec<Call>) -> Vec<Result<Posted, PosterError>> {
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap());
    }
    answers
}

fn is_own(answer: &Result<Posted, PosterError>, id: u128) -> bool {
    answer.as_ref().unwrap().recorded_at == time_of(id)
}
