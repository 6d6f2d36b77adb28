use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result};
use gozon_sqlx::{Db, Postgres};

/// Asks the server what a round cost it.
pub(crate) struct Meter(Db<Postgres>);

/// Where the server's log stood.
pub(crate) struct Before(i64);

/// What one round of transfers cost.
#[derive(Debug, Clone)]
pub(crate) struct Cost {
    /// Transfers per second.
    rate: u128,
    /// Statements per thousand transfers, begin and commit among them.
    statements: u128,
    /// Bytes of the server's log per transfer.
    log: u128,
}

impl Meter {
    pub(crate) async fn new(db: Db<Postgres>) -> Result<Self> {
        sqlx::query("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
            .execute(db.writer())
            .await
            .context("the server needs shared_preload_libraries=pg_stat_statements")?;
        Ok(Self(db))
    }

    pub(crate) async fn begin(&self) -> Result<Before> {
        sqlx::query(
            "SELECT pg_stat_statements_reset(0, oid, 0) FROM pg_database \
             WHERE datname = current_database()",
        )
        .execute(self.0.writer())
        .await?;
        Ok(Before(self.log().await?))
    }

    pub(crate) async fn end(&self, before: Before, posted: u32, took: Duration) -> Result<Cost> {
        let written = u128::try_from(self.log().await? - before.0)?;
        // Our own questions name the view or the log, and do not count.
        let calls: i64 = sqlx::query_scalar(
            "SELECT coalesce(sum(calls), 0)::int8 \
             FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid \
             WHERE d.datname = current_database() \
               AND query NOT LIKE '%pg\\_stat\\_statements%' \
               AND query NOT LIKE '%pg\\_current\\_wal\\_lsn%'",
        )
        .fetch_one(self.0.writer())
        .await?;
        let posted = u128::from(posted.max(1));
        Ok(Cost {
            rate: posted * 1_000_000 / took.as_micros().max(1),
            statements: u128::try_from(calls)? * 1_000 / posted,
            log: written / posted,
        })
    }

    async fn log(&self) -> Result<i64> {
        let query = "SELECT (pg_current_wal_lsn() - '0/0')::int8";
        Ok(sqlx::query_scalar(query).fetch_one(self.0.writer()).await?)
    }
}

impl Cost {
    /// Of each column by itself.
    pub(crate) fn median(costs: &[Self]) -> Self {
        let middle = |column: fn(&Self) -> u128| {
            let mut sorted: Vec<u128> = costs.iter().map(column).collect();
            sorted.sort_unstable();
            sorted.get(sorted.len() / 2).copied().unwrap_or(0)
        };
        Self {
            rate: middle(|cost| cost.rate),
            statements: middle(|cost| cost.statements),
            log: middle(|cost| cost.log),
        }
    }

    pub(crate) fn columns(&self) -> String {
        format!(
            "{} | {}.{:03} | {}",
            self.rate,
            self.statements / 1_000,
            self.statements % 1_000,
            self.log
        )
    }

    /// How many times as fast.
    pub(crate) fn rate_against(&self, other: &Self) -> String {
        let hundredths = self.rate * 100 / other.rate.max(1);
        format!("{}.{:02}", hundredths / 100, hundredths % 100)
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, thousandths) = (self.statements / 1_000, self.statements % 1_000);
        write!(
            f,
            "{}/s, {whole}.{thousandths:03} statements and {} bytes of log each",
            self.rate, self.log
        )
    }
}
