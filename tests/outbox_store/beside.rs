//! What a relay's statements read beside a backlog that is none of their business.
//!
//! All of it in one partition, so that the server's statistics know that one
//! alone: whoever trusts them walks through the backlog to find the first rows of
//! another partition.

use std::time::Duration;

use gozon_outbox::OutboxConfig;
use gozon_outbox::conformance::{Bench, message};
use gozon_outbox::store::{KeptFrom, Leases, MemberId, Read};
use gozon_sqlx::Db;
use gozon_sqlx::postgres::{PoolSettings, Postgres, connect};
use gozon_tests::servers::postgres_database;

const BACKLOG: i64 = 20_000;
/// Far above what the statements need, far below the backlog.
const ENOUGH: i64 = 500;
const TERM: Duration = Duration::from_secs(600);

/// An outbox on one connection, whose counts are the statements' alone.
async fn bench() -> Bench<Postgres> {
    let settings = PoolSettings {
        max_connections: 1,
        ..PoolSettings::default()
    };
    let url = postgres_database().await.unwrap();
    Bench::new(connect(&url, &settings).await.unwrap()).await
}

/// Half of the partitions, and one of the other half with the backlog.
async fn beside(bench: &Bench<Postgres>, state: &str, key: Option<&str>) -> Leases {
    let member = MemberId::generate();
    let held = bench.store.acquire(member, TERM, 32, false).await.unwrap();
    let ours: Vec<i32> = held.iter().map(|lease| lease.partition).collect();
    let theirs = (0..64).find(|partition| !ours.contains(partition)).unwrap();
    fill(&bench.db, theirs, state, key).await;
    Leases { member, held }
}

async fn fill(db: &Db<Postgres>, partition: i32, state: &str, key: Option<&str>) {
    sqlx::query(
        "INSERT INTO gozon_outbox (message_id, partition, key, kind, state, attributes, data)
         SELECT gen_random_uuid(), $1, $3, 'probe', $2, '{}', '' FROM generate_series(1, $4)",
    )
    .bind(partition)
    .bind(state)
    .bind(key)
    .bind(BACKLOG)
    .execute(db.writer())
    .await
    .unwrap();
    sqlx::query("VACUUM ANALYZE gozon_outbox")
        .execute(db.writer())
        .await
        .unwrap();
}

/// How many of the outbox's rows and index entries this connection has read.
async fn read_so_far(bench: &Bench<Postgres>) -> i64 {
    sqlx::query("SELECT pg_stat_force_next_flush()")
        .execute(bench.db.writer())
        .await
        .unwrap();
    sqlx::query_scalar(
        "SELECT (SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'gozon_outbox')
             + (SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes WHERE relname = 'gozon_outbox')",
    )
    .fetch_one(bench.db.writer())
    .await
    .unwrap()
}

fn all_of(leases: &Leases, skip_keys: &[&str]) -> Read {
    let config = OutboxConfig::default();
    Read {
        leases: leases.clone(),
        skip_keys: skip_keys.iter().map(|&key| key.to_owned()).collect(),
        skip_seqs: Vec::new(),
        per_partition: config.read_per_partition,
        per_key: config.read_per_key,
        limit: config.read_limit,
        bytes: u64::MAX,
    }
}

#[tokio::test]
async fn a_relays_read_walks_through_no_backlog_of_another_owner() {
    let bench = bench().await;
    let leases = beside(&bench, "ready", Some("hot")).await;
    let before = read_so_far(&bench).await;

    let rows = bench.store.read(&all_of(&leases, &[])).await.unwrap();

    assert!(rows.is_empty());
    let read = read_so_far(&bench).await - before;
    assert!(read < ENOUGH, "{read} rows read");
}

#[tokio::test]
async fn a_relays_read_walks_through_nothing_behind_its_own_held_key() {
    let bench = bench().await;
    let mut leases = beside(&bench, "ready", None).await;
    leases.held.truncate(1);
    sqlx::query("TRUNCATE gozon_outbox")
        .execute(bench.db.writer())
        .await
        .unwrap();
    fill(&bench.db, leases.held[0].partition, "held", Some("hot")).await;
    let before = read_so_far(&bench).await;

    let rows = bench.store.read(&all_of(&leases, &["hot"])).await.unwrap();

    assert!(rows.is_empty());
    let read = read_so_far(&bench).await - before;
    assert!(read < ENOUGH, "{read} rows read");
}

#[tokio::test]
async fn looking_for_held_keys_walks_through_none_of_another_owner() {
    for key in [None, Some("hot")] {
        let bench = bench().await;
        let leases = beside(&bench, "held", key).await;
        let from: Vec<KeptFrom> = leases
            .held
            .iter()
            .map(|lease| KeptFrom {
                partition: lease.partition,
                after: None,
            })
            .collect();
        let before = read_so_far(&bench).await;

        let kept = bench.store.kept(&from, 1_000).await.unwrap();

        assert!(kept.is_empty());
        let read = read_so_far(&bench).await - before;
        assert!(read < ENOUGH, "{read} rows read, key {key:?}");
    }
}

#[tokio::test]
async fn asking_for_a_pending_key_walks_through_no_backlog_of_other_partitions() {
    let bench = bench().await;
    bench.append(&[message(Some("asked"), "asked")]).await;
    let partition: i32 = sqlx::query_scalar("DELETE FROM gozon_outbox RETURNING partition")
        .fetch_one(bench.db.writer())
        .await
        .unwrap();
    fill(&bench.db, (partition + 1) % 64, "ready", Some("hot")).await;
    let before = read_so_far(&bench).await;

    let mut tx = bench.db.begin().await.unwrap();
    let pending = bench
        .outbox
        .keys_pending(&mut tx, &["asked".to_owned()])
        .await
        .unwrap();
    tx.rollback().await.unwrap();

    assert!(pending.is_empty());
    let read = read_so_far(&bench).await - before;
    assert!(read < ENOUGH, "{read} rows read");
}
