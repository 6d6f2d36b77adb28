//! What a run costs its databases.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use sqlx::{Connection, PgConnection};

use super::report::{Report, per_unit};

/// How many of the most frequent statements go to the standard error.
const SHOWN: i64 = 12;

/// The databases to ask; none for an embedded shop.
#[derive(Debug)]
pub struct Databases {
    databases: Vec<(&'static str, PgConnection)>,
    /// Where each server's log stood at the reset, by the server's identity:
    /// both databases may be on one.
    log_at_reset: BTreeMap<i64, i64>,
}

impl Databases {
    /// Connects to each database that has a URL.
    ///
    /// # Errors
    /// When one cannot be reached or its server does not count statements.
    pub async fn connect<'a>(
        named: impl IntoIterator<Item = (&'static str, Option<&'a str>)>,
    ) -> Result<Self> {
        let mut databases = Vec::new();
        for (name, url) in named {
            let Some(url) = url else { continue };
            let mut connection = PgConnection::connect(url)
                .await
                .with_context(|| format!("the database of {name}"))?;
            sqlx::query("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
                .execute(&mut connection)
                .await
                .context("the server needs shared_preload_libraries=pg_stat_statements")?;
            databases.push((name, connection));
        }
        Ok(Self {
            databases,
            log_at_reset: BTreeMap::new(),
        })
    }

    /// Begins to count anew.
    ///
    /// # Errors
    /// When a database does not answer.
    pub async fn reset(&mut self) -> Result<()> {
        for (_, connection) in &mut self.databases {
            sqlx::query(
                "SELECT pg_stat_statements_reset(0, oid, 0) FROM pg_database \
                 WHERE datname = current_database()",
            )
            .execute(connection)
            .await?;
        }
        self.log_at_reset = self.log().await?;
        Ok(())
    }

    /// What happened since the reset, divided by this many `units`, each of
    /// them a `unit`. Statements of background polls and leases are among them.
    ///
    /// # Errors
    /// When a database does not answer.
    pub async fn report(
        &mut self,
        report: &mut Report,
        phase: &str,
        units: usize,
        unit: &str,
    ) -> Result<()> {
        let log = self.log().await?;
        for (name, connection) in &mut self.databases {
            // Our own questions name the view, and do not count.
            let frequent: Vec<(i64, i64, String)> = sqlx::query_as(
                "SELECT calls, (mean_exec_time * 1000)::int8, \
                        left(regexp_replace(query, '\\s+', ' ', 'g'), 110) \
                 FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid \
                 WHERE d.datname = current_database() \
                   AND query NOT LIKE '%pg\\_stat\\_statements%' \
                   AND query NOT LIKE '%pg\\_control\\_system%' \
                 ORDER BY calls DESC",
            )
            .fetch_all(connection)
            .await?;
            let calls: i64 = frequent.iter().map(|(calls, ..)| calls).sum();
            let each = per_unit(u128::try_from(calls)? * 1000, units);
            report.row(
                format!("{phase}: SQL statements of {name}"),
                format!("{}.{:03} per {unit}", each / 1000, each % 1000),
            );
            eprintln!("{phase}: {name}, most frequent statements (calls, mean µs):");
            for (calls, micros, query) in frequent.iter().take(usize::try_from(SHOWN)?) {
                eprintln!("{calls:>8} {micros:>6}  {query}");
            }
        }
        let written = log.iter().map(|(server, now)| {
            let before = self.log_at_reset.get(server).copied();
            now - before.unwrap_or(*now)
        });
        if !log.is_empty() {
            let written = u128::try_from(written.sum::<i64>())?;
            report.row(
                format!("{phase}: WAL of the whole server"),
                format!("{} bytes per {unit}", per_unit(written, units)),
            );
        }
        Ok(())
    }

    async fn log(&mut self) -> Result<BTreeMap<i64, i64>> {
        let mut log = BTreeMap::new();
        for (_, connection) in &mut self.databases {
            let (server, position): (i64, i64) = sqlx::query_as(
                "SELECT system_identifier, (pg_current_wal_lsn() - '0/0')::int8 \
                 FROM pg_control_system()",
            )
            .fetch_one(connection)
            .await?;
            log.insert(server, position);
        }
        Ok(log)
    }
}
