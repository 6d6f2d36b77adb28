//! The rules of an outbox store, on PostgreSQL.

use gozon_sqlx::postgres::{PoolSettings, connect};
use gozon_tests::servers::postgres_database;

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_keeps_every_rule_of_an_outbox_store() {
    gozon_outbox::conformance::run_all(|| async {
        let url = postgres_database().await.unwrap();
        connect(&url, &PoolSettings::default()).await.unwrap()
    })
    .await;
}
