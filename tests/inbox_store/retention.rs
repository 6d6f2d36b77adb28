//! Old marks go while traffic flows.

use std::sync::Arc;
use std::time::Duration;

use gozon_core::Envelope;
use gozon_inbox::InboxConfig;
use gozon_inbox::conformance::{Bench, Scripted, Subject, envelope};
use gozon_sqlx::{Db, Postgres};
use tokio::time::timeout;

use super::database;

const PRUNE: &str = include_str!("../../gozon-inbox/src/postgres/sql/prune_marks.sql");
const BITE: u32 = 100;
const OLD: i64 = 1_000;
/// Shorter than the pool's lock timeout: whoever waits for a lock is late.
const PROMPT: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pruning_waits_for_nobody_and_nobody_for_pruning() {
    let (db, ()) = database().await;
    old_marks_go_while_traffic_flows(Subject::new(db)).await;
}

pub(crate) async fn old_marks_go_while_traffic_flows(subject: Subject<Postgres>) {
    let config = InboxConfig {
        prune_bite: BITE,
        retry_poll: Duration::from_millis(5),
        ..InboxConfig::default()
    };
    let bench = Bench::with(subject, config).await;
    make_old_marks(&bench.db).await;
    let day = i64::try_from(Duration::from_secs(24 * 60 * 60).as_micros()).unwrap();
    // A repeat of old messages is being looked at by somebody slow,
    let mut slow = bench.db.begin().await.unwrap();
    let locked = sqlx::query("SELECT FROM gozon_inbox WHERE state = 'done' LIMIT 50 FOR UPDATE")
        .execute(&mut *slow)
        .await
        .unwrap();
    assert_eq!(locked.rows_affected(), 50);
    // and another instance prunes, and has stopped in the middle of a bite.
    let mut bite = bench.db.begin().await.unwrap();
    let bitten = sqlx::query(PRUNE)
        .bind(day)
        .bind(i64::from(BITE))
        .execute(&mut *bite)
        .await
        .unwrap();
    assert_eq!(bitten.rows_affected(), u64::from(BITE));

    let modes: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT mode FROM pg_locks \
         WHERE pid = pg_backend_pid() AND locktype = 'relation' ORDER BY mode",
    )
    .fetch_all(&mut *bite)
    .await
    .unwrap();
    let weak = ["AccessShareLock", "RowExclusiveLock", "RowShareLock"];
    assert!(
        modes.iter().all(|mode| weak.contains(&&**mode)),
        "{modes:?}"
    );

    let running = bench.start(Arc::new(Scripted::<Postgres>::default()));
    let messages: Vec<Envelope> = (0..50).map(|_| envelope("probe")).collect();
    running.feed.deliver(&messages[..25]).await;
    running.feed.redeliver(&messages[25..]).await;
    let traffic = timeout(PROMPT, running.acked(50));
    traffic.await.expect("traffic waits for pruning");
    let pruned = timeout(PROMPT, bench.inbox.prune()).await;
    let pruned = pruned.expect("pruning waits for others").unwrap();
    assert_eq!(pruned, 850, "all but what others hold");

    slow.rollback().await.unwrap();
    bite.rollback().await.unwrap();
    assert_eq!(bench.inbox.prune().await.unwrap(), 150);
    assert!(
        bench
            .has_effects(&messages.iter().collect::<Vec<_>>())
            .await
    );
    running.stop().await;
}

pub(crate) async fn a_bite_is_never_larger_than_asked(subject: Subject<Postgres>) {
    let bench = Bench::new(subject).await;
    make_old_marks(&bench.db).await;
    let month = Duration::from_secs(30 * 24 * 60 * 60);

    let deleted = bench.store().prune_marks(month, BITE).await.unwrap();

    assert_eq!(deleted, u64::from(BITE));
}

#[tokio::test]
async fn pruning_goes_in_small_bites() {
    let (db, ()) = database().await;
    a_bite_is_never_larger_than_asked(Subject::new(db)).await;
}

async fn make_old_marks(db: &Db<Postgres>) {
    sqlx::query(
        "INSERT INTO gozon_inbox (consumer, message_id, state, received_at, changed_at) \
         SELECT 'bench.messages', gen_random_uuid(), 'done', at, at \
         FROM generate_series(1, $1), (SELECT now() - interval '40 days' AS at) AS age",
    )
    .bind(OLD)
    .execute(db.writer())
    .await
    .unwrap();
}
