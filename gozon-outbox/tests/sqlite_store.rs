//! The store rules on SQLite.
#![cfg(all(feature = "sqlite", feature = "conformance"))]

use std::sync::atomic::{AtomicU32, Ordering};

use gozon_sqlx::sqlite::{PoolSettings, open};

#[tokio::test]
async fn sqlite_keeps_every_rule_of_an_outbox_store() {
    let folder = tempfile::tempdir().unwrap();
    let count = AtomicU32::new(0);

    gozon_outbox::conformance::run_all(|| async {
        let file = format!("{}.db", count.fetch_add(1, Ordering::Relaxed));
        open(&folder.path().join(file), &PoolSettings::default())
            .await
            .unwrap()
    })
    .await;
}
