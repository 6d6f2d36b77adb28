//! `append` in transactions that the adopter opened with sqlx.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use gozon_core::{Append, Envelope, NewMessage, Outcome, Publisher};
use gozon_outbox::{Outbox, OutboxConfig};
use gozon_tests::eventually;
use serde::{Deserialize, Serialize};
use sqlx::Acquire;
use tokio_util::sync::CancellationToken;

use super::{own_postgres_pool, own_sqlite_pool, postgres, sqlite};

#[derive(Serialize, Deserialize)]
struct Told {
    what: String,
}

impl gozon_core::Event for Told {
    const TYPE: &'static str = "told";
    const VERSION: u32 = 1;

    fn key(&self) -> Option<String> {
        Some("one".to_owned())
    }
}

fn told(what: &str) -> [NewMessage; 1] {
    let what = what.to_owned();
    [NewMessage::of("/tests", &Told { what }).unwrap()]
}

#[derive(Default)]
struct Remembering(Mutex<Vec<String>>);

#[async_trait]
impl Publisher for Remembering {
    async fn publish(&self, batch: &[Envelope]) -> Vec<Outcome> {
        let told = |message: &Envelope| message.decode::<Told>().unwrap().what;
        self.0.lock().unwrap().extend(batch.iter().map(told));
        vec![Outcome::Confirmed; batch.len()]
    }
}

/// The same steps on either database: only how a transaction begins differs.
macro_rules! own_transactions {
    ($pool:expr, $db:expr, $begin:literal) => {{
        let pool = $pool;
        sqlx::query("CREATE TABLE own (what TEXT NOT NULL)")
            .execute(&pool)
            .await?;
        let outbox = Outbox::new($db, OutboxConfig::default())?;
        outbox.migrate().await?;
        let broker = Arc::new(Remembering::default());
        let stop = CancellationToken::new();
        let relay = tokio::spawn(outbox.relay(broker.clone()).run(stop.clone()));

        // A rollback, said or left to the drop, takes the message with it.
        let mut tx = pool.begin().await?;
        outbox.append(&mut *tx, &told("rolled back")).await?;
        tx.rollback().await?;
        let mut tx = pool.begin_with($begin).await?;
        outbox.append(&mut tx, &told("dropped")).await?;
        drop(tx);

        // So does that of a savepoint, and of nothing around it.
        let mut tx = pool.begin_with($begin).await?;
        outbox.append(&mut *tx, &told("first")).await?;
        let mut inner = tx.begin().await?;
        outbox.append(&mut *inner, &told("in a savepoint")).await?;
        inner.rollback().await?;
        sqlx::query("INSERT INTO own VALUES ('mine')")
            .execute(&mut *tx)
            .await?;
        outbox.append(&mut *tx, &told("second")).await?;
        tx.commit().await?;

        // A connection of the pool with an open transaction will do as well.
        let mut connection = pool.acquire().await?;
        let mut tx = connection.begin().await?;
        let last = told("third");
        outbox.append(&mut *tx, &last).await?;
        tx.commit().await?;
        drop(connection);
        outbox.committed(&last);

        eventually(Duration::from_secs(10), "all is published", async || {
            let said = broker.0.lock().unwrap().clone();
            anyhow::ensure!(said == ["first", "second", "third"], "{said:?}");
            Ok(())
        })
        .await?;
        stop.cancel();
        relay.await??;
        assert_eq!(outbox.stats().await?.pending, 0);
        let mine: i64 = sqlx::query_scalar("SELECT count(*) FROM own")
            .fetch_one(&pool)
            .await?;
        assert_eq!(mine, 1);
    }};
}

#[tokio::test]
async fn messages_share_the_fate_of_the_adopters_own_transaction_on_postgres() -> anyhow::Result<()>
{
    let pool = own_postgres_pool().await?;
    let db = postgres(&pool);
    own_transactions!(pool, db, "BEGIN");
    Ok(())
}

#[tokio::test]
async fn messages_share_the_fate_of_the_adopters_own_transaction_on_sqlite() -> anyhow::Result<()> {
    let (pool, _folder) = own_sqlite_pool().await?;
    let db = sqlite(&pool);
    own_transactions!(pool, db, "BEGIN IMMEDIATE");
    Ok(())
}
