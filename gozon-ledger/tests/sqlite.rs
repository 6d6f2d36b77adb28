//! The suite on SQLite.
// A test fails by panicking, also in its helpers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg(all(feature = "conformance", feature = "sqlite"))]

#[path = "sqlite/broken.rs"]
mod broken;

use std::sync::Arc;

use async_trait::async_trait;
use gozon_core::Clock;
use gozon_ledger::conformance::{Subject, Tamper};
use gozon_ledger::{Books, Ledger, LedgerConfig};
use gozon_sqlx::{Db, Sqlite, sqlite};
use tempfile::TempDir;

struct OnSqlite {
    db: Db<Sqlite>,
    ledger: Ledger<Sqlite>,
    _folder: TempDir,
}

#[async_trait]
impl Subject for OnSqlite {
    fn books(&self) -> Arc<dyn Books> {
        Arc::new(self.ledger.clone())
    }

    fn instance(&self, clock: Arc<dyn Clock>) -> Arc<dyn Books> {
        Arc::new(self.ledger.clone().with_clock(clock))
    }

    async fn tamper(&self, how: Tamper) {
        let mut connection = self.db.writer().acquire().await.unwrap();
        for guard in ["PRAGMA ignore_check_constraints = ON", Tamper::UNIQUE_GUARD] {
            sqlx::query(guard).execute(&mut *connection).await.unwrap();
        }
        // The text comes from the suite, not from outside.
        let done = sqlx::query(sqlx::AssertSqlSafe(how.sql()))
            .bind(how.account().0)
            .execute(&mut *connection)
            .await
            .unwrap();
        assert!(done.rows_affected() > 0, "{how:?} changed nothing");
    }
}

async fn open(config: LedgerConfig) -> (Db<Sqlite>, Ledger<Sqlite>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger.db");
    let db = sqlite::open(&file, &sqlite::PoolSettings::default())
        .await
        .unwrap();
    let ledger = Ledger::new(db.clone(), config).unwrap();
    ledger.migrate().await.unwrap();
    (db, ledger, folder)
}

async fn fresh(clock: Arc<dyn Clock>) -> Box<dyn Subject> {
    // Pages so small that every rule about verify turns several.
    let config = LedgerConfig {
        verify_page: 7,
        ..LedgerConfig::default()
    };
    let (db, ledger, folder) = open(config).await;
    Box::new(OnSqlite {
        db,
        ledger: ledger.with_clock(clock),
        _folder: folder,
    })
}

async fn database() -> (Db<Sqlite>, Ledger<Sqlite>, TempDir) {
    open(LedgerConfig::default()).await
}

gozon_ledger::ledger_conformance!(fresh);
gozon_ledger::ledger_transaction_conformance!(database);

#[tokio::test]
async fn migrations_run_twice() {
    let (_, ledger, _folder) = database().await;

    ledger.migrate().await.unwrap();
}
