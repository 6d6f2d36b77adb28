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
    /// Transfers with which no transaction succeeds.
    poison: Mutex<(HashSet<u128>, Failure)>,
}

impl Slow {
    fn shut() -> Self {
        Self(Arc::new(Inner {
            gate: Semaphore::new(0),
            begun: Mutex::default(),
            failures: Mutex::default(),
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
        Ok(transfers.iter().map(outcome).collect())
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

#[tokio::test(start_paused = true)]
async fn while_one_transaction_commits_the_next_batch_collects() {
    let ledger = Slow::shut();
    let poster = poster(&ledger, PosterConfig::default());
    let (_shutdown, _run) = start(&poster);

    let first = call(&poster, [1]).await;
    until_begun(&ledger, 1).await;
    let rest = call(&poster, 2..=10).await;
    ledger.release(2);

    let answers = answers(first.into_iter().chain(rest).collect()).await;
    assert_eq!(ledger.begun(), [vec![1], (2..=10).collect::<Vec<_>>()]);
    for (id, answer) in (1..).zip(&answers) {
        assert!(is_own(answer, id), "{id}: {answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_poster_posts_a_single_transfer_at_once() {
    let ledger = Slow::open();
    let poster = poster(&ledger, PosterConfig::default());
    let (_shutdown, _run) = start(&poster);
    let before = Instant::now();

    poster.post(transfer(1)).await.unwrap();

    // The clock is paused: it moves only if someone waits for time to pass.
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_batch_keeps_its_limit_and_the_order_of_the_calls() {
    let ledger = Slow::shut();
    let config = PosterConfig {
        max_batch: 4,
        ..PosterConfig::default()
    };
    let poster = poster(&ledger, config);
    let calls = call(&poster, 1..=2).await;
    let group = tokio::spawn({
        let poster = poster.clone();
        async move { poster.post_group((3..=5).map(transfer).collect()).await }
    });
    tokio::task::yield_now().await;
    let more = call(&poster, [6]).await;

    let (_shutdown, _run) = start(&poster);
    ledger.release(10);
    answers(calls.into_iter().chain(more).collect()).await;
    let outcomes = group.await.unwrap().unwrap();

    assert_eq!(ledger.begun(), [vec![1, 2], vec![3, 4, 5, 6]]);
    assert_eq!(outcomes.len(), 3, "its own outcomes alone");
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_is_answered_as_overload_at_once() {
    let ledger = Slow::shut();
    let config = PosterConfig {
        queue_groups: 3,
        ..PosterConfig::default()
    };
    let poster = poster(&ledger, config);
    let waiting = call(&poster, 1..=3).await;
    let before = Instant::now();

    let refused = poster.post(transfer(4)).await.unwrap_err();

    assert!(
        matches!(refused, PosterError::Overloaded { groups: 3, legs: 6 }),
        "{refused:?}"
    );
    assert_eq!(refused.class(), ErrorClass::Retry);
    assert_eq!(before.elapsed(), Duration::ZERO);
    let (_shutdown, _run) = start(&poster);
    ledger.release(10);
    assert!(answers(waiting).await.iter().all(Result::is_ok));
    assert!(
        poster.post(transfer(4)).await.is_ok(),
        "there is room again"
    );
    assert_eq!(ledger.begun(), [vec![1, 2, 3], vec![4]]);
}

#[tokio::test(start_paused = true)]
async fn a_queue_full_of_legs_is_full() {
    let config = PosterConfig {
        queue_legs: 5,
        max_batch: 2,
        ..PosterConfig::default()
    };
    let poster = poster(&Slow::shut(), config);
    let _waiting = call(&poster, 1..=2).await;

    let full = poster.post(transfer(3)).await.unwrap_err();
    let wide = poster.post_group((3..=5).map(transfer).collect()).await;
    let empty = poster.post_group(Vec::new()).await;

    assert_eq!(full.kind(), "overloaded");
    let wide = wide.unwrap_err();
    assert_eq!((wide.kind(), wide.class()), ("too_large", ErrorClass::Bug));
    assert_eq!(empty.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_its_callers_alone() {
    let ledger = Slow::open();
    let poster = poster(&ledger, PosterConfig::default());
    let refused = Transfer {
        code: "refused".to_owned(),
        ..transfer(2)
    };
    let calls = call(&poster, [1, 3]).await;
    let (_shutdown, _run) = start(&poster);

    let refusal = poster.post(refused).await.unwrap_err();

    assert!(matches!(
        refusal,
        PosterError::Refused(PostError::AccountNotFound { .. })
    ));
    assert_eq!(refusal.class(), ErrorClass::Reject);
    assert!(answers(calls).await.iter().all(Result::is_ok));
    assert_eq!(ledger.begun(), [[1, 3, 2]]);
}

#[tokio::test(start_paused = true)]
async fn contention_is_tried_again_after_growing_pauses_and_no_caller_hears_of_it() {
    let ledger = Slow::open();
    let poster = poster(&ledger, PosterConfig::default());
    ledger.fail_next([contention as Failure; 2]);
    let calls = call(&poster, 1..=2).await;
    let before = Instant::now();
    let (_shutdown, _run) = start(&poster);

    assert!(answers(calls).await.iter().all(Result::is_ok));

    assert_eq!(ledger.begun(), [[1, 2], [1, 2], [1, 2]]);
    // 10 ms and 20 ms, each shortened by a half at most.
    assert!(before.elapsed() >= Duration::from_millis(15));
    assert!(before.elapsed() <= Duration::from_millis(35));
}

#[tokio::test(start_paused = true)]
async fn a_contention_that_stays_fails_the_group_that_causes_it_and_no_neighbour() {
    let ledger = Slow::open();
    let poster = poster(&ledger, PosterConfig::default());
    ledger.poison(2, contention);
    let calls = call(&poster, 1..=3).await;
    let (_shutdown, _run) = start(&poster);

    let answers = answers(calls).await;

    assert!(is_own(&answers[0], 1) && is_own(&answers[2], 3));
    let failed = answers[1].as_ref().unwrap_err();
    assert_eq!(failed.kind(), "failed");
    assert_eq!(failed.class(), ErrorClass::Retry);
    let (together, alone) = (vec![1, 2, 3], vec![2]);
    let expected = [
        [vec![together; 3], vec![vec![1]]].concat(),
        [vec![alone; 3], vec![vec![3]]].concat(),
    ];
    assert_eq!(ledger.begun(), expected.concat());
}

#[tokio::test(start_paused = true)]
async fn a_poisoned_group_fails_alone_and_at_once() {
    let ledger = Slow::open();
    let poster = poster(&ledger, PosterConfig::default());
    ledger.poison(1, guarded);
    let calls = call(&poster, 1..=3).await;
    let (_shutdown, _run) = start(&poster);

    let answers = answers(calls).await;

    let failed = answers[0].as_ref().unwrap_err();
    assert_eq!(failed.class(), ErrorClass::Bug);
    assert!(is_own(&answers[1], 2) && is_own(&answers[2], 3));
    assert_eq!(ledger.begun(), [vec![1, 2, 3], vec![1], vec![2], vec![3]]);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_everyones_and_is_not_tried_for_each() {
    let ledger = Slow::open();
    let poster = poster(&ledger, PosterConfig::default());
    ledger.fail_next([outage as Failure]);
    let calls = call(&poster, 1..=3).await;
    let (_shutdown, _run) = start(&poster);

    for answer in answers(calls).await {
        assert_eq!(answer.unwrap_err().class(), ErrorClass::Retry);
    }
    assert_eq!(ledger.begun(), [[1, 2, 3]]);

    assert!(poster.post(transfer(4)).await.is_ok(), "it goes on");
}

/// The second group alone finds the database gone: the third is not tried.
#[tokio::test(start_paused = true)]
async fn an_outage_while_groups_are_posted_one_by_one_ends_that_too() {
    let ledger = Slow::open();
    let poster = poster(&ledger, PosterConfig::default());
    ledger.poison(1, guarded);
    let failures: [Failure; 3] = [guarded, guarded, outage];
    ledger.fail_next(failures);
    let calls = call(&poster, 1..=3).await;
    let (_shutdown, _run) = start(&poster);

    let answers = answers(calls).await;

    let classes = answers.iter().map(|one| one.as_ref().unwrap_err().class());
    let expected = [ErrorClass::Bug, ErrorClass::Retry, ErrorClass::Retry];
    assert!(classes.eq(expected));
    assert_eq!(ledger.begun(), [vec![1, 2, 3], vec![1], vec![2]]);
}

#[tokio::test(start_paused = true)]
async fn a_group_whose_deadline_passes_while_it_waits_is_not_posted() {
    let ledger = Slow::shut();
    let poster = poster(&ledger, PosterConfig::default());
    let (_shutdown, _run) = start(&poster);
    let patient = call(&poster, [1]).await;
    until_begun(&ledger, 1).await;
    let before = Instant::now();
    let soon = Duration::from_millis(50);

    let late = poster.post_group_within(vec![transfer(2)], soon).await;

    assert_eq!(late.unwrap_err().kind(), "timed_out");
    assert_eq!(before.elapsed(), soon);
    ledger.release(10);
    assert!(answers(patient).await[0].is_ok());
    poster.post(transfer(3)).await.unwrap();
    assert_eq!(ledger.begun(), [[1], [3]]);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_passes_in_the_middle_of_the_transaction_leaves_it_alone() {
    let ledger = Slow::shut();
    let poster = poster(&ledger, PosterConfig::default());
    let calls = call(&poster, 1..=2).await;
    let (_shutdown, _run) = start(&poster);

    for answer in answers(calls).await {
        let error = answer.unwrap_err();
        assert_eq!(
            (error.kind(), error.class()),
            ("timed_out", ErrorClass::Retry)
        );
    }

    ledger.release(10);
    poster.post(transfer(3)).await.unwrap();
    assert_eq!(ledger.begun(), [vec![1, 2], vec![3]]);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_disturbs_no_one() {
    let ledger = Slow::shut();
    let poster = poster(&ledger, PosterConfig::default());
    let (_shutdown, _run) = start(&poster);
    let in_flight = call(&poster, [1]).await;
    until_begun(&ledger, 1).await;
    let waiting = call(&poster, 2..=4).await;

    for gone in in_flight.iter().chain([&waiting[1]]) {
        gone.abort();
    }
    tokio::task::yield_now().await;
    ledger.release(10);

    for (id, call) in (2..).zip(waiting) {
        match call.await {
            Ok(answer) => assert!(is_own(&answer, id)),
            Err(aborted) => assert!(aborted.is_cancelled() && id == 3),
        }
    }
    // The first one's transaction had begun; the third had not.
    assert_eq!(ledger.begun(), [vec![1], vec![2, 4]]);
}

#[tokio::test(start_paused = true)]
async fn shutdown_posts_what_waits_and_admits_no_one() {
    let ledger = Slow::shut();
    let config = PosterConfig {
        max_batch: 2,
        ..PosterConfig::default()
    };
    let poster = poster(&ledger, config);
    let (shutdown, run) = start(&poster);
    let calls = call(&poster, 1..=5).await;
    until_begun(&ledger, 1).await;

    shutdown.cancel();
    tokio::task::yield_now().await;
    let refused = poster.post(transfer(6)).await.unwrap_err();
    ledger.release(10);
    run.await.unwrap();

    assert_eq!(
        (refused.kind(), refused.class()),
        ("stopped", ErrorClass::Retry)
    );
    assert!(answers(calls).await.iter().all(Result::is_ok));
    assert_eq!(ledger.begun().concat(), [1, 2, 3, 4, 5]);
    // A second run finds nothing to do and ends.
    poster.run(CancellationToken::new()).await;
}

#[tokio::test(start_paused = true)]
async fn a_drain_has_an_end_and_everyone_an_answer() {
    let ledger = Slow::shut();
    let config = PosterConfig {
        max_batch: 1,
        drain: Duration::from_secs(2),
        ..PosterConfig::default()
    };
    let poster = poster(&ledger, config);
    let (shutdown, run) = start(&poster);
    let calls = call(&poster, 1..=2).await;
    until_begun(&ledger, 1).await;
    let before = Instant::now();

    shutdown.cancel();
    run.await.unwrap();

    assert_eq!(before.elapsed(), Duration::from_secs(2));
    let answers = answers(calls).await;
    let kinds = answers.iter().map(|one| one.as_ref().unwrap_err().kind());
    assert!(kinds.eq(["lost", "stopped"]));
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_panics_ends_the_run_and_leaves_no_one_waiting() {
    let ledger = Slow::open();
    let config = PosterConfig {
        max_batch: 1,
        ..PosterConfig::default()
    };
    let poster = poster(&ledger, config);
    ledger.fail_next([panics as Failure]);
    let calls = call(&poster, 1..=2).await;
    assert_eq!(poster.waiting(), 2);

    let (_shutdown, run) = start(&poster);

    assert!(run.await.unwrap_err().is_panic());
    let answers = answers(calls).await;
    let kinds = answers.iter().map(|one| one.as_ref().unwrap_err().kind());
    assert!(kinds.eq(["lost", "stopped"]));
    let later = poster.post(transfer(3)).await.unwrap_err();
    assert_eq!(later.kind(), "stopped");
}

#[test]
fn a_setting_that_cannot_work_is_named() {
    let config = PosterConfig {
        drain: Duration::ZERO,
        ..PosterConfig::default()
    };

    assert_eq!(config.validate().unwrap_err().field, "poster.drain");
    assert!(PosterConfig::default().validate().is_ok());
}
