//! The poster on a server with many writers.

use std::time::Duration;

use gozon_ledger::{
    AccountId, Asset, Ledger, LedgerConfig, NewAccount, PostError, Poster, PosterConfig,
    PosterError, Side, Transfer, TransferId,
};
use gozon_sqlx::{Db, Postgres};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

fn account(n: u128) -> AccountId {
    AccountId(Uuid::from_u128(n))
}

fn transfer(id: u128, from: u128, to: u128, amount: i64) -> Transfer {
    let rub = Asset::new("RUB").unwrap();
    Transfer::new(TransferId(Uuid::from_u128(id)), "payment")
        .debit(account(from), &rub, amount)
        .credit(account(to), &rub, amount)
}

async fn ledger(users: u128) -> (Db<Postgres>, Ledger<Postgres>) {
    let (db, ledger) = super::open(LedgerConfig::default()).await;
    let rub = Asset::new("RUB").unwrap();
    let bank = NewAccount::new(account(0), rub.clone(), Side::Debit, "bank");
    ledger.open_account(&bank).await.unwrap();
    for n in 1..=users {
        let new = NewAccount::new(account(n), rub.clone(), Side::Credit, "user").with_floor(0);
        ledger.open_account(&new).await.unwrap();
    }
    (db, ledger)
}

fn start(
    ledger: &Ledger<Postgres>,
    config: PosterConfig,
) -> (Poster, CancellationToken, JoinHandle<()>) {
    let poster = Poster::new(ledger.clone(), config).unwrap();
    let shutdown = CancellationToken::new();
    let run = tokio::spawn({
        let (poster, shutdown) = (poster.clone(), shutdown.clone());
        async move { poster.run(shutdown).await }
    });
    (poster, shutdown, run)
}

async fn balance(ledger: &Ledger<Postgres>, n: u128) -> i64 {
    ledger.balance(account(n)).await.unwrap().unwrap().posted
}

/// 64 tasks pay from one account and top it up, until each has had its say;
/// two posters and direct posts compete for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_tasks_on_one_guarded_account_never_break_its_floor() {
    const CALLS: u128 = 40;
    let (_db, ledger) = ledger(2).await;
    ledger.post(&[transfer(1, 0, 1, 2_000)]).await.unwrap();
    let config = PosterConfig {
        deadline: Duration::from_secs(60),
        ..PosterConfig::default()
    };
    let (here, stop_here, run_here) = start(&ledger, config.clone());
    let (there, stop_there, run_there) = start(&ledger, config);

    let mut tasks = JoinSet::new();
    for task in 0..64_u128 {
        let poster = if task % 2 == 0 { &here } else { &there }.clone();
        tasks.spawn(async move {
            let (mut paid, mut topped_up) = (0, 0);
            for call in 0..CALLS {
                let id = (task + 1) << 32 | call;
                let amount = i64::try_from(call % 7 + 1).unwrap();
                if call % 8 == 7 {
                    let posted = poster.post(transfer(id, 0, 1, amount)).await.unwrap();
                    assert!(!posted.replayed);
                    topped_up += amount;
                    continue;
                }
                match poster.post(transfer(id, 1, 2, amount)).await {
                    Ok(posted) => {
                        assert!(posted.balance_of(account(1)).unwrap().posted >= 0);
                        paid += amount;
                    }
                    Err(PosterError::Refused(PostError::InsufficientFunds {
                        available,
                        needed,
                        ..
                    })) => assert!(available >= 0 && available < needed),
                    Err(other) => panic!("{other:?}"),
                }
            }
            (paid, topped_up)
        });
    }
    let (paid, topped_up) = tasks
        .join_all()
        .await
        .into_iter()
        .fold((0, 0), |(a, b), (x, y)| (a + x, b + y));
    stop_here.cancel();
    stop_there.cancel();
    run_here.await.unwrap();
    run_there.await.unwrap();

    // More was asked for than there was, so the floor was met.
    assert!(paid > 2_000 && paid <= 2_000 + topped_up, "{paid}");
    assert_eq!(balance(&ledger, 1).await, 2_000 + topped_up - paid);
    assert_eq!(balance(&ledger, 2).await, paid);
    assert_eq!(balance(&ledger, 0).await, 2_000 + topped_up);
    assert!(ledger.verify().await.unwrap().is_clean());
}

/// An account that someone keeps locked for longer than the lock timeout fails
/// those who need it, and no one who was in a batch with them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_a_lock_in_vain_does_not_fail_its_neighbours() {
    let url = gozon_tests::servers::postgres_database().await.unwrap();
    let settings = gozon_sqlx::postgres::PoolSettings {
        lock_timeout: Duration::from_millis(200),
        ..gozon_sqlx::postgres::PoolSettings::default()
    };
    let db = gozon_sqlx::postgres::connect(&url, &settings)
        .await
        .unwrap();
    let ledger = Ledger::new(db.clone(), LedgerConfig::default()).unwrap();
    ledger.migrate().await.unwrap();
    let rub = Asset::new("RUB").unwrap();
    for n in 1..=4 {
        let new = NewAccount::new(account(n), rub.clone(), Side::Credit, "user");
        ledger.open_account(&new).await.unwrap();
    }
    let mut other = db.begin().await.unwrap();
    ledger
        .post_in(&mut other, &[transfer(1, 1, 2, 1)])
        .await
        .unwrap();

    // All of them wait before the run begins, so they are one batch.
    let poster = Poster::new(ledger.clone(), PosterConfig::default()).unwrap();
    let calls = [(10, 3, 4), (11, 1, 2), (12, 4, 3)].map(|(id, from, to)| {
        let poster = poster.clone();
        async move { poster.post(transfer(id, from, to, 5)).await }
    });
    let shutdown = CancellationToken::new();
    let callers = async {
        let [a, b, c] = calls;
        let answers = tokio::join!(a, b, c);
        shutdown.cancel();
        answers
    };
    let ((before, stuck, after), ()) = tokio::join!(callers, poster.run(shutdown.clone()));
    other.commit().await.unwrap();

    assert!(before.is_ok() && after.is_ok(), "{before:?} {after:?}");
    let stuck = stuck.unwrap_err();
    assert_eq!(stuck.kind(), "failed");
    assert_eq!(stuck.class(), gozon_core::ErrorClass::Retry);
    let again = ledger.post(&[transfer(11, 1, 2, 5)]).await.unwrap();
    assert!(!again[0].as_ref().unwrap().replayed);
    assert!(ledger.verify().await.unwrap().is_clean());
}

/// Both posters bring the same new ids at the same moment, on accounts that
/// share no lock: one of each pair moves, no caller hears of the contention.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_posters_that_meet_on_the_same_ids_both_answer() {
    let (_db, ledger) = ledger(0).await;
    let rub = Asset::new("RUB").unwrap();
    for n in 1..=4 {
        let new = NewAccount::new(account(n), rub.clone(), Side::Credit, "user");
        ledger.open_account(&new).await.unwrap();
    }
    let (here, stop_here, run_here) = start(&ledger, PosterConfig::default());
    let (there, stop_there, run_there) = start(&ledger, PosterConfig::default());

    let mut tasks = JoinSet::new();
    for id in 1..=200 {
        for (poster, from, to) in [(&here, 1, 2), (&there, 3, 4)] {
            let poster = poster.clone();
            tasks.spawn(async move { poster.post(transfer(id, from, to, 1)).await });
        }
    }
    let answers = tasks.join_all().await;
    stop_here.cancel();
    stop_there.cancel();
    run_here.await.unwrap();
    run_there.await.unwrap();

    let posted = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(posted, 200);
    for answer in answers.iter().filter_map(|one| one.as_ref().err()) {
        assert!(
            matches!(answer, PosterError::Refused(PostError::IdConflict { .. })),
            "{answer:?}"
        );
    }
    assert!(ledger.verify().await.unwrap().is_clean());
}
