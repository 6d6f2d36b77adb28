//! Transactions whose callers go away, and links that come back: the pool of
//! PostgreSQL is whole afterwards.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use gozon_sqlx::postgres::{PoolSettings, connect};
use gozon_sqlx::{Db, Postgres};
use gozon_tests::eventually;
use gozon_tests::link::Link;
use gozon_tests::servers::postgres_database;

const CONNECTIONS: u32 = 4;
const BOUND: Duration = Duration::from_secs(60);

fn settings() -> PoolSettings {
    PoolSettings {
        max_connections: CONNECTIONS,
        ..PoolSettings::default()
    }
}

/// All connections of the pool at once, each good for a transaction.
async fn has_its_whole_pool(db: &Db<Postgres>) -> Result<()> {
    let mut all = try_join_all((0..CONNECTIONS).map(|_| db.begin())).await?;
    for tx in &mut all {
        sqlx::query("SELECT 1").execute(&mut **tx).await?;
    }
    for tx in all {
        tx.rollback().await?;
    }
    Ok(())
}

/// A cancelled `begin` of sqlx leaves a transaction open in the pool.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_begin_that_is_cancelled_at_any_point_leaves_no_transaction_open() -> Result<()> {
    const ROUNDS: u32 = 300;
    let url = postgres_database().await?;
    let db = connect(&url, &settings()).await?;
    let watcher = connect(&url, &settings()).await?;

    for round in 0..ROUNDS {
        let begins = (0..CONNECTIONS).map(|n| cancelled_after(5 * round + n, db.begin()));
        futures_util::future::join_all(begins).await;
        if round % 10 == 0 {
            no_transaction_is_open(&watcher).await?;
        }
    }

    no_transaction_is_open(&watcher).await?;
    has_its_whole_pool(&db).await
}

async fn no_transaction_is_open(watcher: &Db<Postgres>) -> Result<()> {
    // What is on its way ends; what was left open stays for 30 seconds.
    eventually(Duration::from_secs(5), "all have ended", async || {
        let open: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()
                 AND state <> 'idle' AND backend_type = 'client backend'",
        )
        .fetch_one(watcher.writer())
        .await?;
        ensure!(open == 0, "{open} sessions are in a transaction");
        Ok(())
    })
    .await
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

/// Money is at stake: a server's default, or a URL, cannot make commits lossy.
#[tokio::test]
async fn what_is_committed_is_on_the_servers_disk() -> Result<()> {
    let url = postgres_database().await?;
    let admin = connect(&url, &settings()).await?;
    sqlx::query(
        "DO $$ BEGIN EXECUTE format(
             'ALTER DATABASE %I SET synchronous_commit = off', current_database());
         END $$",
    )
    .execute(admin.writer())
    .await?;

    let db = connect(&url, &settings()).await?;
    let said: String = sqlx::query_scalar("SHOW synchronous_commit")
        .fetch_one(db.writer())
        .await?;

    ensure!(said == "on", "synchronous_commit is {said}");
    Ok(())
}

/// Each caller's wait has an end while nothing is heard, and none of them takes
/// a connection away for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_is_whole_again_when_a_silent_link_speaks_again() -> Result<()> {
    let url = postgres_database().await?;
    let link = Link::to(&url).await?;
    let quick = PoolSettings {
        acquire_timeout: Duration::from_secs(1),
        ..settings()
    };
    let db = connect(&link.url(&url)?, &quick).await?;
    has_its_whole_pool(&db).await?;

    link.fall_silent();
    for _ in 0..2 * CONNECTIONS {
        let begun = tokio::time::timeout(Duration::from_secs(2), db.begin()).await;
        ensure!(!matches!(begun, Ok(Ok(_))), "a silent server answered");
    }
    link.speak_again();

    eventually(BOUND, "the pool is whole", || has_its_whole_pool(&db))
        .await
        .context("after the silence")
}
