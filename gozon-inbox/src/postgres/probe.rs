// Test kit: a failure here is a failed test.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use async_trait::async_trait;
use gozon_core::MessageId;
use gozon_sqlx::{Db, DbError, Postgres};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::conformance::{Mark, Probe};
use crate::database::micros;

#[async_trait]
impl Probe for Postgres {
    async fn prepare(db: &Db<Self>) {
        sqlx::query("CREATE TABLE probe_effects (effect text NOT NULL)")
            .execute(db.writer())
            .await
            .unwrap();
    }

    async fn write(tx: &mut PgConnection, effect: &str) -> Result<(), DbError> {
        sqlx::query("INSERT INTO probe_effects (effect) VALUES ($1)")
            .bind(effect)
            .execute(tx)
            .await?;
        Ok(())
    }

    async fn effects(db: &Db<Self>) -> Vec<String> {
        sqlx::query_scalar("SELECT effect FROM probe_effects ORDER BY effect")
            .fetch_all(db.reader())
            .await
            .unwrap()
    }

    async fn mark(db: &Db<Self>, consumer: &str, id: MessageId) -> Option<Mark> {
        let found: Option<(String, i32)> = sqlx::query_as(
            "SELECT state, attempts FROM gozon_inbox WHERE consumer = $1 AND message_id = $2",
        )
        .bind(consumer)
        .bind(id.0)
        .fetch_optional(db.reader())
        .await
        .unwrap();
        found.map(|(state, attempts)| Mark::read(&state, attempts.into()))
    }

    async fn age(db: &Db<Self>, by: Duration) {
        for statement in [
            "UPDATE gozon_inbox SET received_at = received_at - $1 * interval '1 microsecond', \
             changed_at = changed_at - $1 * interval '1 microsecond', \
             next_at = next_at - $1 * interval '1 microsecond'",
            "UPDATE gozon_inbox_requests SET created_at = created_at - $1 * interval '1 microsecond'",
        ] {
            sqlx::query(statement)
                .bind(micros(by))
                .execute(db.writer())
                .await
                .unwrap();
        }
    }

    async fn has_waiter(db: &Db<Self>) -> bool {
        sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM pg_stat_activity \
             WHERE datname = current_database() AND wait_event_type = 'Lock')",
        )
        .fetch_one(db.reader())
        .await
        .unwrap()
    }

    async fn spoil(db: &Db<Self>, id: MessageId) {
        let id: Uuid = id.0;
        sqlx::query("UPDATE gozon_inbox SET attributes = 'no json' WHERE message_id = $1")
            .bind(id)
            .execute(db.writer())
            .await
            .unwrap();
    }
}
