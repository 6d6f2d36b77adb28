//! What the relay's read costs beside backlogs that are none of its business.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use gozon_outbox::store::{Leases, MemberId, OutboxStore, Read};
use gozon_outbox::{Outbox, OutboxConfig, OutboxDatabase};
use gozon_sqlx::Db;
use gozon_sqlx::postgres::{PoolSettings, Postgres, connect};
use gozon_tests::measure::Report;
use gozon_tests::servers::postgres_database;

const TERM: Duration = Duration::from_secs(600);
const TIMES: usize = 200;
/// Half of the partitions: the other half belongs to someone else.
const OWNED: u32 = 32;

struct Reader {
    db: Db<Postgres>,
    store: Arc<dyn OutboxStore>,
    leases: Leases,
}

/// An empty table, one with 500,000 rows of another owner, and one with 200,000
/// rows behind a held key of our own.
pub(crate) async fn beside_backlogs(report: &mut Report) -> Result<()> {
    let reader = Reader::on_an_empty_outbox().await?;
    reader.read(report, "read, table empty").await?;
    let ours = reader.leases.held[0].partition;
    let theirs: i32 = sqlx::query_scalar(
        "SELECT min(partition) FROM gozon_outbox_leases WHERE partition <> ALL ($1)",
    )
    .bind(
        reader
            .leases
            .held
            .iter()
            .map(|l| l.partition)
            .collect::<Vec<_>>(),
    )
    .fetch_one(reader.db.reader())
    .await?;

    reader.fill(theirs, "ready", 500_000).await?;
    reader
        .read(report, "read, beside 500,000 rows of another owner")
        .await?;

    reader.empty().await?;
    reader.fill(ours, "held", 200_000).await?;
    reader
        .read(report, "read, beside 200,000 rows behind one held key")
        .await?;
    reader.db.close().await;
    Ok(())
}

impl Reader {
    async fn on_an_empty_outbox() -> Result<Self> {
        let url = postgres_database().await?;
        // Filling half a million rows takes longer than a service's statement may.
        let settings = PoolSettings {
            statement_timeout: Duration::from_secs(600),
            ..PoolSettings::default()
        };
        let db = connect(&url, &settings).await?;
        let outbox = Outbox::new(db.clone(), OutboxConfig::default())?;
        outbox.migrate().await?;
        let store = Postgres::store(db.clone());
        let member = MemberId::generate();
        let held = store.acquire(member, TERM, OWNED, false).await?;
        Ok(Self {
            db,
            store,
            leases: Leases { member, held },
        })
    }

    /// Rows of one key, written as the relay would have left them.
    async fn fill(&self, partition: i32, state: &str, rows: i32) -> Result<()> {
        sqlx::query(
            "INSERT INTO gozon_outbox (message_id, partition, key, kind, state, attributes, data) \
             SELECT gen_random_uuid(), $1, 'hot', 'measured', $2, '{}', '' \
             FROM generate_series(1, $3)",
        )
        .bind(partition)
        .bind(state)
        .bind(rows)
        .execute(self.db.writer())
        .await?;
        sqlx::query("VACUUM ANALYZE gozon_outbox")
            .execute(self.db.writer())
            .await?;
        Ok(())
    }

    async fn empty(&self) -> Result<()> {
        sqlx::query("TRUNCATE gozon_outbox")
            .execute(self.db.writer())
            .await?;
        Ok(())
    }

    /// As the relay asks with its default settings, knowing its held key.
    async fn read(&self, report: &mut Report, measure: &str) -> Result<()> {
        let config = OutboxConfig::default();
        let read = Read {
            leases: self.leases.clone(),
            skip_keys: vec!["hot".to_owned()],
            skip_seqs: Vec::new(),
            per_partition: config.read_per_partition,
            per_key: config.read_per_key,
            limit: config.read_limit,
            bytes: u64::MAX,
        };
        let mut took = Vec::with_capacity(TIMES);
        for _ in 0..TIMES {
            let begun = Instant::now();
            let rows = self.store.read(&read).await?;
            took.push(begun.elapsed());
            anyhow::ensure!(rows.is_empty(), "read what is not its own");
        }
        report.latency(measure, &took);
        Ok(())
    }
}
