//! What only a file with several connections can show.
#![cfg(feature = "sqlite")]
// Helpers of tests fail as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::future::poll_fn;
use std::path::Path;
use std::pin::pin;
use std::task::Poll;

use gozon_sqlx::sqlite::{PoolSettings, open};
use gozon_sqlx::{Db, Sqlite};
use sqlx::Executor;

async fn opened(folder: &Path) -> Db<Sqlite> {
    let file = folder.join("probe.db");
    let db = open(&file, &PoolSettings::default()).await.unwrap();
    db.writer()
        .execute("CREATE TABLE IF NOT EXISTS counted (n INTEGER NOT NULL) STRICT")
        .await
        .unwrap();
    db
}

async fn number(db: &Db<Sqlite>, query: &'static str) -> i64 {
    sqlx::query_scalar(query)
        .fetch_one(db.writer())
        .await
        .unwrap()
}

#[tokio::test]
async fn what_is_committed_is_synchronised_to_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let db = opened(folder.path()).await;

    let journal: String = sqlx::query_scalar("PRAGMA journal_mode")
        .fetch_one(db.writer())
        .await
        .unwrap();
    assert_eq!(journal, "wal");
    const FULL: i64 = 2;
    assert_eq!(number(&db, "PRAGMA synchronous").await, FULL);
    assert_eq!(number(&db, "PRAGMA foreign_keys").await, 1);
    db.close().await;
}

/// Each reads before it writes: a deferred transaction would be refused as soon
/// as the other has written in between, whatever the busy timeout says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_writers_of_one_file_wait_for_each_other_and_lose_nothing() {
    const EACH: i64 = 100;
    let folder = tempfile::tempdir().unwrap();
    let dbs = [opened(folder.path()).await, opened(folder.path()).await];
    dbs[0]
        .writer()
        .execute("INSERT INTO counted VALUES (0)")
        .await
        .unwrap();

    let writers = dbs.clone().map(|db| {
        tokio::spawn(async move {
            for _ in 0..EACH {
                let mut tx = db.begin().await.unwrap();
                let read: i64 = sqlx::query_scalar("SELECT n FROM counted")
                    .fetch_one(&mut *tx)
                    .await
                    .unwrap();
                sqlx::query("UPDATE counted SET n = ?1")
                    .bind(read + 1)
                    .execute(&mut *tx)
                    .await
                    .unwrap();
                tx.commit().await.unwrap();
            }
        })
    });
    for writer in writers {
        writer.await.unwrap();
    }

    assert_eq!(number(&dbs[0], "SELECT n FROM counted").await, 2 * EACH);
}

/// The pool has one connection: a transaction that a cancelled `begin` left open
/// would take in whatever comes next, and nothing would be committed any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_begin_that_is_cancelled_at_any_point_leaves_no_transaction_open() {
    const ROUNDS: u32 = 300;
    let folder = tempfile::tempdir().unwrap();
    let db = opened(folder.path()).await;

    for polls in 0..ROUNDS {
        cancelled_after(polls, db.begin()).await;
        // By itself, so that it is committed at once: in a transaction that was
        // left open it would be seen by nobody else.
        db.writer()
            .execute("INSERT INTO counted VALUES (0)")
            .await
            .unwrap();
        let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM counted")
            .fetch_one(db.reader())
            .await
            .unwrap();
        assert_eq!(seen, i64::from(polls) + 1, "cancelled at poll {polls}");
    }
}

/// Drops the future when it was polled so often, unless it was ready before.
async fn cancelled_after<T>(polls: u32, future: impl Future<Output = T>) {
    let mut future = pin!(future);
    for _ in 0..polls {
        let ready = poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await;
        if ready {
            return;
        }
        tokio::task::yield_now().await;
    }
}
