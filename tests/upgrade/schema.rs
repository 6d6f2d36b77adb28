use std::collections::BTreeMap;

use anyhow::Result;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// How many steps each history of migrations counts, by database and crate.
pub(crate) async fn steps(databases: &[String; 2]) -> Result<BTreeMap<String, i64>> {
    let mut steps = BTreeMap::new();
    for (name, url) in ["orders", "payments"].into_iter().zip(databases) {
        let mut connection = PgConnection::connect(url).await?;
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT table_name::text FROM information_schema.tables \
             WHERE table_name LIKE '%migrations'",
        )
        .fetch_all(&mut connection)
        .await?;
        for table in tables {
            // A name from the catalogue, which cannot be a parameter.
            let count = AssertSqlSafe(format!("SELECT count(*) FROM \"{table}\""));
            let count = sqlx::query_scalar(count).fetch_one(&mut connection).await?;
            steps.insert(format!("{name}: {table}"), count);
        }
        connection.close().await?;
    }
    Ok(steps)
}
