//! The ledger on PostgreSQL: the suite, and what only a server with many
//! writers can show.

// A test fails by panicking, also in its helpers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod early;
mod poster;
mod races;

use std::sync::Arc;

use async_trait::async_trait;
use gozon_core::Clock;
use gozon_ledger::conformance::{Subject, Tamper};
use gozon_ledger::{Books, Ledger, LedgerConfig};
use gozon_sqlx::{Db, Postgres, postgres};
use gozon_tests::servers::postgres_database;

struct OnPostgres {
    db: Db<Postgres>,
    ledger: Ledger<Postgres>,
}

#[async_trait]
impl Subject for OnPostgres {
    fn books(&self) -> Arc<dyn Books> {
        Arc::new(self.ledger.clone())
    }

    fn instance(&self, clock: Arc<dyn Clock>) -> Arc<dyn Books> {
        Arc::new(self.ledger.clone().with_clock(clock))
    }

    async fn tamper(&self, how: Tamper) {
        let drops = Tamper::GUARDS.map(|name| {
            format!("ALTER TABLE gozon_ledger_accounts DROP CONSTRAINT IF EXISTS {name}")
        });
        for drop in drops.into_iter().chain([Tamper::UNIQUE_GUARD.to_owned()]) {
            // The texts come from the suite, not from outside.
            sqlx::query(sqlx::AssertSqlSafe(drop))
                .execute(self.db.writer())
                .await
                .unwrap();
        }
        let done = sqlx::query(sqlx::AssertSqlSafe(how.sql()))
            .bind(how.account().0)
            .execute(self.db.writer())
            .await
            .unwrap();
        assert!(done.rows_affected() > 0, "{how:?} changed nothing");
    }
}

async fn open(config: LedgerConfig) -> (Db<Postgres>, Ledger<Postgres>) {
    let url = postgres_database().await.unwrap();
    let db = postgres::connect(&url, &postgres::PoolSettings::default())
        .await
        .unwrap();
    let ledger = Ledger::new(db.clone(), config).unwrap();
    ledger.migrate().await.unwrap();
    (db, ledger)
}

async fn fresh(clock: Arc<dyn Clock>) -> Box<dyn Subject> {
    // Pages so small that every rule about verify turns several.
    let config = LedgerConfig {
        verify_page: 7,
        ..LedgerConfig::default()
    };
    let (db, ledger) = open(config).await;
    let ledger = ledger.with_clock(clock);
    Box::new(OnPostgres { db, ledger })
}

async fn database() -> (Db<Postgres>, Ledger<Postgres>, ()) {
    let (db, ledger) = open(LedgerConfig::default()).await;
    (db, ledger, ())
}

gozon_ledger::ledger_conformance!(fresh);
gozon_ledger::ledger_transaction_conformance!(database);
