//! What an order costs its databases, counted by PostgreSQL itself. A server of
//! its own, because on a shared one the counters overflow.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gozon_tests::eventually;
use gozon_tests::own_servers::{OwnPostgres, own_postgres};
use gozon_tests::shop::{Mode, Plan, Shop};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

const ORDERS: i64 = 12;
const BOUND: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orders_path_runs_these_statements_and_no_others() -> Result<()> {
    let postgres = counting_postgres().await?;
    let [orders, payments] = [postgres.database().await?, postgres.database().await?];
    let plan = Plan::new(Mode::Production).databases(&orders, &payments);
    let shop = plan.start().await?;
    let anna = shop.customer(1_000_000).await?;
    // The first one pays for what is learned once, such as the partitions.
    anna.expect(anna.order(100).await?, "FINISHED").await?;
    nothing_is_under_way(&shop).await?;
    for url in [&orders, &payments] {
        reset(url).await?;
    }

    for _ in 0..ORDERS {
        anna.expect(anna.order(100).await?, "FINISHED").await?;
    }
    nothing_is_under_way(&shop).await?;

    costs("orders", &counted(&orders).await?, &IN_ORDERS)?;
    costs("payments", &counted(&payments).await?, &IN_PAYMENTS)
}

/// What an order runs in the database of orders, by how each statement begins
/// or what only it contains, and how often. With its journey written down it is
/// what it was without.
const IN_ORDERS: [(&str, i64); 7] = [
    // To place it, and to settle it.
    ("BEGIN", 2),
    ("COMMIT", 2),
    ("INSERT INTO orders ", 1),
    ("INSERT INTO gozon_outbox (", 2),
    ("DELETE FROM gozon_outbox WHERE seq", 2),
    ("INSERT INTO gozon_inbox (", 1),
    ("UPDATE orders SET status", 1),
];

/// What it runs in the database of payments.
const IN_PAYMENTS: [(&str, i64); 9] = [
    ("BEGIN", 1),
    ("COMMIT", 1),
    ("INSERT INTO gozon_inbox (", 1),
    ("INSERT INTO payments ", 1),
    // The ledger: lock the accounts, look the ids up, write.
    ("FOR NO KEY UPDATE", 1),
    ("WITH wanted AS", 1),
    ("INSERT INTO gozon_ledger_transfers", 1),
    ("INSERT INTO gozon_outbox (", 1),
    ("DELETE FROM gozon_outbox WHERE seq", 1),
];

/// What runs by the clock, whether or not anybody orders, and what this test
/// asks itself.
const BESIDE: [&str; 17] = [
    // The relay: what is ready, what is due, leases, decisions, gauges.
    "WITH found AS MATERIALIZED ( SELECT r.seq",
    "SELECT o.seq, o.key FROM gozon_outbox",
    "SELECT count(*) FROM gozon_outbox",
    "SELECT number, seq, key FROM gozon_outbox_decisions",
    "UPDATE gozon_outbox_leases",
    "DELETE FROM gozon_outbox_members",
    "WITH free AS MATERIALIZED",
    "SELECT ready + kept",
    "SELECT kind, count(*)",
    // The inbox: what is to be tried again, gauges, retention.
    "WITH due AS MATERIALIZED ( SELECT message_id FROM gozon_inbox",
    "SELECT count(*) FILTER",
    "DELETE FROM gozon_inbox WHERE ctid",
    "DELETE FROM gozon_inbox_requests WHERE ctid",
    // The reconciler, with a transaction that it rolls back.
    "reemitted FROM orders WHERE status",
    "ROLLBACK",
    // Looking at the order until it is settled.
    "created_at, updated_at FROM orders WHERE user_id",
    "SELECT $1",
];

/// Every statement is known, and runs as often as it should.
fn costs(name: &str, counted: &[(i64, String)], expected: &[(&str, i64)]) -> Result<()> {
    let (mut seen, mut total) = (vec![0; expected.len()], 0);
    let rollbacks = counted.iter().filter(|(_, query)| query == "ROLLBACK");
    let rollbacks: i64 = rollbacks.map(|(calls, _)| calls).sum();
    for (calls, query) in counted {
        let found = expected.iter().position(|(part, _)| query.contains(part));
        match found {
            Some(index) => seen[index] += calls,
            None => ensure!(
                BESIDE.iter().any(|part| query.contains(part)),
                "{name} runs a statement that is new: {query}"
            ),
        }
    }
    for ((part, each), seen) in expected.iter().zip(seen) {
        // A transaction that was rolled back began like the others.
        let seen = if *part == "BEGIN" {
            seen - rollbacks
        } else {
            seen
        };
        let report = format!("{name}: {seen} times for {ORDERS} orders: {part}");
        ensure!(seen <= each * ORDERS, "{report}");
        // A delete may take several messages at once; nothing else is shared.
        ensure!(
            seen == each * ORDERS || part.starts_with("DELETE"),
            "{report}"
        );
        total += each;
    }
    eprintln!("{name}: {total} statements per order");
    Ok(())
}

async fn counting_postgres() -> Result<OwnPostgres> {
    let postgres = own_postgres().await?;
    let mut connection = PgConnection::connect(postgres.url()).await?;
    sqlx::query("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'")
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    postgres.stop().await?;
    postgres.start().await?;
    Ok(postgres)
}

async fn nothing_is_under_way(shop: &Shop) -> Result<()> {
    const OUTBOX: &str = "SELECT count(*) FROM gozon_outbox";
    eventually(BOUND, "nothing is under way", async || {
        let left = shop.books.count_in_orders(OUTBOX).await?;
        let left = left + shop.books.count_in_payments(OUTBOX).await?;
        ensure!(left == 0, "{left} messages");
        Ok(())
    })
    .await
}

async fn reset(url: &str) -> Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    for statement in [
        "CREATE EXTENSION IF NOT EXISTS pg_stat_statements",
        "SELECT pg_stat_statements_reset(0, oid, 0) FROM pg_database WHERE datname = current_database()",
    ] {
        sqlx::query(AssertSqlSafe(statement))
            .execute(&mut connection)
            .await?;
    }
    Ok(())
}

async fn counted(url: &str) -> Result<Vec<(i64, String)>> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::query_as(
        "SELECT calls, btrim(regexp_replace(regexp_replace(query, '--[^\n]*\n', '', 'g'), '\\s+', ' ', 'g')) \
         FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid \
         WHERE d.datname = current_database() AND query NOT LIKE '%pg\\_stat\\_statements%' \
         ORDER BY calls DESC",
    )
    .fetch_all(&mut connection)
    .await
    .context("the statements were counted")
}
