//! Signals by LISTEN and NOTIFY.
//!
//! Never in a business transaction: a transaction that notifies takes a lock of
//! the whole server at its commit, and all such commits queue up behind it.

use async_trait::async_trait;
use gozon_sqlx::{Db, DbError, Postgres};
use sqlx::postgres::{PgListener, PgPoolOptions};

use crate::signal::{Signal, Signals};

const CHANNEL: &str = include_str!("sql/channel.sql");
const NOTIFY: &str = include_str!("sql/notify.sql");
const ALIVE: &str = "SELECT 1";

pub(super) struct PostgresSignals {
    db: Db<Postgres>,
}

impl PostgresSignals {
    pub(super) fn new(db: Db<Postgres>) -> Self {
        Self { db }
    }
}

#[async_trait]
impl Signals for PostgresSignals {
    async fn connect(&self) -> Result<Box<dyn Signal>, DbError> {
        // A pool of its own, so that it takes none of the service's connections.
        let options = self.db.writer().connect_options().as_ref().clone();
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .connect_with(options)
            .await?;
        let mut listener = PgListener::connect_with(&pool).await?;
        // Nobody else closes this pool.
        listener.ignore_pool_close_event(true);
        let channel: String = sqlx::query_scalar(CHANNEL).fetch_one(&mut listener).await?;
        listener.listen(&channel).await?;
        Ok(Box::new(Line { listener }))
    }
}

struct Line {
    listener: PgListener,
}

#[async_trait]
impl Signal for Line {
    async fn send(&mut self, partitions: &[i32]) -> Result<(), DbError> {
        sqlx::query(NOTIFY)
            .bind(write(partitions))
            .execute(&mut self.listener)
            .await?;
        Ok(())
    }

    async fn heard(&mut self) -> Result<Option<Vec<i32>>, DbError> {
        let notification = self.listener.try_recv().await?;
        Ok(notification.map(|notification| read(notification.payload())))
    }

    async fn check(&mut self) -> Result<(), DbError> {
        sqlx::query(ALIVE).execute(&mut self.listener).await?;
        Ok(())
    }
}

/// At most 1,024 numbers: 5 kB of the 8 kB that a notification may carry.
fn write(partitions: &[i32]) -> String {
    let numbers: Vec<String> = partitions.iter().map(ToString::to_string).collect();
    numbers.join(",")
}

/// What does not read as a number was said by somebody else.
fn read(payload: &str) -> Vec<i32> {
    let numbers = payload.split(',').map(str::parse);
    numbers.filter_map(Result::ok).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_survive_the_wire() {
        for partitions in [&[][..], &[7], &[0, 63, 1_023]] {
            assert_eq!(read(&write(partitions)), partitions);
        }
        let all: Vec<i32> = (0..1_024).collect();
        assert!(write(&all).len() < 8_000);
    }
}
