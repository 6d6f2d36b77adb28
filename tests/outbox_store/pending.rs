//! What it costs to ask which keys are pending, beside long backlogs.

use gozon_outbox::conformance::Bench;
use gozon_sqlx::postgres::Postgres;

/// The server itself counts what the transaction read.
#[tokio::test]
async fn asking_for_pending_keys_reads_no_more_beside_a_longer_backlog() {
    let bench = Bench::new(super::database().await).await;
    let keys: Vec<String> = (0..100).map(|n| format!("none{n}")).collect();
    let mut read = Vec::new();
    for rows in [10_000, 90_000] {
        fill(&bench, "ready", rows).await;
        // Behind one key, and in the future: neither is walked through.
        fill(&bench, "held", rows).await;
        fill(&bench, "delayed", rows).await;

        let mut tx = bench.db.begin().await.unwrap();
        bench.outbox.keys_pending(&mut tx, &keys).await.unwrap();
        let counted: i64 = sqlx::query_scalar(
            "SELECT seq_tup_read + coalesce(idx_tup_fetch, 0)
             FROM pg_stat_xact_user_tables
             WHERE relname = 'gozon_outbox'",
        )
        .fetch_one(&mut *tx)
        .await
        .unwrap();
        tx.rollback().await.unwrap();
        read.push(counted);
    }

    println!("rows read: {read:?}");
    assert!(read[0] > 0, "the server did not count");
    assert!(read[1] <= read[0] * 11 / 10, "{read:?}");
}

async fn fill(bench: &Bench<Postgres>, state: &str, rows: i32) {
    sqlx::query(
        "INSERT INTO gozon_outbox
             (message_id, partition, key, kind, state, due_at, attributes, data)
         SELECT gen_random_uuid(), n % 64, CASE $1 WHEN 'held' THEN 'hot' ELSE $1 || n END,
             'probe', $1, CASE $1 WHEN 'delayed' THEN now() + interval '1 day' END, '{}', ''
         FROM generate_series(1, $2) AS n",
    )
    .bind(state)
    .bind(rows)
    .execute(bench.db.writer())
    .await
    .unwrap();
    sqlx::query("VACUUM ANALYZE gozon_outbox")
        .execute(bench.db.writer())
        .await
        .unwrap();
}
