//! Two transactions, stopped and let go at exact points.

use std::time::Duration;

use gozon_core::ErrorClass;
use gozon_ledger::{
    AccountId, Asset, Ledger, LedgerConfig, LedgerError, NewAccount, Side, Transfer, TransferId,
};
use gozon_sqlx::{Db, Postgres};
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

async fn four_accounts() -> (Db<Postgres>, Ledger<Postgres>) {
    let (db, ledger) = super::open(LedgerConfig::default()).await;
    let rub = Asset::new("RUB").unwrap();
    for n in 1..=4 {
        let new = NewAccount::new(account(n), rub.clone(), Side::Credit, "user");
        ledger.open_account(&new).await.unwrap();
    }
    (db, ledger)
}

/// Returns when so many sessions of this database wait for a lock.
async fn waiting(db: &Db<Postgres>, sessions: i64) {
    let question = "SELECT count(*) FROM pg_stat_activity \
                    WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let seen = async {
        while sqlx::query_scalar::<_, i64>(question)
            .fetch_one(db.reader())
            .await
            .unwrap()
            < sessions
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), seen)
        .await
        .expect("no session waits for a lock");
}

/// A statement that takes locks reads *other* tables as they were before it
/// waited. Looked up in it, or before it, the id would seem free, and the write
/// would fail where a replay is due.
#[tokio::test]
async fn ids_are_looked_up_after_the_wait_for_the_accounts() {
    let (db, ledger) = four_accounts().await;
    let mut first = db.begin().await.unwrap();
    ledger
        .post_in(&mut first, &[transfer(1, 1, 2, 5)])
        .await
        .unwrap();
    let mut second = db.begin().await.unwrap();
    let late = tokio::spawn({
        let ledger = ledger.clone();
        async move { ledger.post_in(&mut second, &[transfer(1, 1, 2, 5)]).await }
    });
    waiting(&db, 1).await;

    first.commit().await.unwrap();

    let outcomes = late.await.unwrap().unwrap();
    assert!(outcomes[0].as_ref().unwrap().replayed);
}

/// The accounts are locked in one order whatever the order of the legs, so that
/// not even one deadlock needs to be repeated away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_in_opposite_orders_need_no_second_attempt() {
    let (_db, ledger) = super::open(LedgerConfig {
        attempts: 1,
        ..LedgerConfig::default()
    })
    .await;
    let rub = Asset::new("RUB").unwrap();
    for n in 1..=20 {
        let new = NewAccount::new(account(n), rub.clone(), Side::Credit, "user");
        ledger.open_account(&new).await.unwrap();
    }
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..40_u128 {
        let up = (1..20).map(|n| transfer(task * 100 + n, n, n + 1, 1));
        let mut batch: Vec<_> = up.collect();
        if task % 2 == 0 {
            batch.reverse();
        }
        let ledger = ledger.clone();
        tasks.spawn(async move { ledger.post(&batch).await.map(|all| all.len()) });
    }

    for posted in tasks.join_all().await {
        assert_eq!(posted.unwrap(), 19);
    }
}

/// The accounts differ, so no lock held the second back before it wrote.
#[tokio::test]
async fn an_id_that_was_taken_meanwhile_is_worth_a_retry() {
    let (db, ledger) = four_accounts().await;
    let mut first = db.begin().await.unwrap();
    ledger
        .post_in(&mut first, &[transfer(1, 1, 2, 5)])
        .await
        .unwrap();
    let mut second = db.begin().await.unwrap();
    let late = tokio::spawn({
        let ledger = ledger.clone();
        async move { ledger.post_in(&mut second, &[transfer(1, 3, 4, 5)]).await }
    });
    waiting(&db, 1).await;

    first.commit().await.unwrap();

    let error = late.await.unwrap().unwrap_err();
    assert!(matches!(error, LedgerError::Contention(_)), "{error:?}");
    assert_eq!(error.class(), ErrorClass::Retry);
    let again = ledger.post(&[transfer(1, 3, 4, 5)]).await.unwrap();
    assert_eq!(again[0].as_ref().unwrap_err().kind(), "id_conflict");
    assert!(ledger.verify().await.unwrap().is_clean());
}

/// Whoever breaks the advice to post once per transaction gets a deadlock; one
/// of the two goes on and the other is told to repeat.
#[tokio::test]
async fn a_deadlock_of_two_careless_callers_is_worth_a_retry() {
    let (db, ledger) = four_accounts().await;
    let (mut a, mut b) = (db.begin().await.unwrap(), db.begin().await.unwrap());
    ledger
        .post_in(&mut a, &[transfer(1, 1, 2, 5)])
        .await
        .unwrap();
    ledger
        .post_in(&mut b, &[transfer(2, 3, 4, 5)])
        .await
        .unwrap();

    let other = tokio::spawn({
        let ledger = ledger.clone();
        async move {
            let outcome = ledger.post_in(&mut b, &[transfer(3, 1, 2, 5)]).await;
            b.rollback().await.unwrap();
            outcome
        }
    });
    waiting(&db, 1).await;
    let mine = ledger.post_in(&mut a, &[transfer(4, 3, 4, 5)]).await;
    a.rollback().await.unwrap();
    let theirs = other.await.unwrap();

    let errors: Vec<_> = [mine, theirs].into_iter().filter_map(Result::err).collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(
        matches!(errors[0], LedgerError::Contention(_)),
        "{errors:?}"
    );
}

/// An adopter's foreign key to an account takes `FOR KEY SHARE` on it.
#[tokio::test]
async fn foreign_keys_to_an_account_do_not_wait_for_a_posting() {
    let (db, ledger) = four_accounts().await;
    sqlx::query("CREATE TABLE wallet (account uuid REFERENCES gozon_ledger_accounts (id))")
        .execute(db.writer())
        .await
        .unwrap();
    let mut tx = db.begin().await.unwrap();
    ledger
        .post_in(&mut tx, &[transfer(1, 1, 2, 5)])
        .await
        .unwrap();

    let insert = sqlx::query("INSERT INTO wallet VALUES ($1)")
        .bind(account(1).0)
        .execute(db.writer());
    tokio::time::timeout(Duration::from_secs(20), insert)
        .await
        .expect("waits for the posting")
        .unwrap();

    tx.commit().await.unwrap();
}

/// A newer instance of a rolling upgrade wrote it; this one does not know how to
/// obey, so it does not post.
#[tokio::test]
async fn an_account_in_an_unknown_status_is_left_alone() {
    let (db, ledger) = four_accounts().await;
    for change in [
        "ALTER TABLE gozon_ledger_accounts DROP CONSTRAINT gozon_ledger_accounts_status",
        "UPDATE gozon_ledger_accounts SET status = 'dormant' WHERE code = 'user'",
    ] {
        sqlx::query(change).execute(db.writer()).await.unwrap();
    }

    let error = ledger.post(&[transfer(1, 1, 2, 5)]).await.unwrap_err();

    assert!(
        matches!(error, LedgerError::UnknownStatus { .. }),
        "{error:?}"
    );
    assert_eq!(error.class(), ErrorClass::Retry);
}

/// Several instances start at the same moment on an empty database.
#[tokio::test]
async fn instances_that_start_together_migrate_once() {
    let url = gozon_tests::servers::postgres_database().await.unwrap();
    let settings = gozon_sqlx::postgres::PoolSettings::default();
    let db = gozon_sqlx::postgres::connect(&url, &settings)
        .await
        .unwrap();
    let ledger = Ledger::new(db, LedgerConfig::default()).unwrap();

    let starts = [ledger.migrate(), ledger.migrate(), ledger.migrate()];
    let [a, b, c] = starts;

    let (a, b, c) = tokio::join!(a, b, c);
    a.and(b).and(c).unwrap();
}
