//! The relay, alone and with a consumer behind it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use async_trait::async_trait;
use gozon_core::{Envelope, NewMessage};
use gozon_inbox::{BatchHandler, HandleError};
use gozon_tests::measure::Report;
use sqlx::PgConnection;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::bench::{Bench, until};

/// Relays `count` messages that wait in the outbox: from the relay's start
/// until the outbox is empty.
pub(crate) async fn publish(
    bench: &Bench,
    count: usize,
    report: &mut Report,
    round: usize,
) -> Result<Duration> {
    bench.fill(count).await?;
    let mut statements = bench.statements().await?;
    let shutdown = CancellationToken::new();
    let begun = Instant::now();
    let relay = tokio::spawn(
        bench
            .outbox
            .relay(bench.transport.clone())
            .run(shutdown.clone()),
    );
    until(async || is_empty(bench).await).await?;
    let took = begun.elapsed();
    shutdown.cancel();
    relay.await??;
    statements
        .report(report, &format!("round {round}: relay"), count, "message")
        .await?;
    Ok(took)
}

/// Relays `count` messages and consumes each into a row: from the start of both
/// until every effect is committed.
pub(crate) async fn through(bench: &Bench, count: usize, report: &mut Report) -> Result<Duration> {
    bench.fill(count).await?;
    let mut statements = bench.statements().await?;
    let shutdown = CancellationToken::new();
    let consumer = bench.inbox.consumer(
        bench.subscription.clone(),
        Arc::new(Note),
        Arc::new(bench.outbox.clone()),
    );
    let begun = Instant::now();
    let relay = tokio::spawn(
        bench
            .outbox
            .relay(bench.transport.clone())
            .run(shutdown.clone()),
    );
    let consumer = tokio::spawn(consumer.run(bench.transport.clone(), shutdown.clone()));
    until(async || is_noted(bench, count).await).await?;
    let took = begun.elapsed();
    shutdown.cancel();
    relay.await??;
    consumer.await??;
    statements
        .report(report, "the whole way", count, "message")
        .await?;
    Ok(took)
}

async fn is_empty(bench: &Bench) -> Result<bool> {
    // From the end: at the other one lie the dead rows, and asking would cost the
    // server more than what is measured.
    let empty = sqlx::query_scalar(
        "SELECT count(*) = 0 FROM (SELECT FROM gozon_outbox ORDER BY seq DESC LIMIT 1) AS last",
    );
    Ok(empty.fetch_one(bench.db.reader()).await?)
}

async fn is_noted(bench: &Bench, count: usize) -> Result<bool> {
    // Counting them all each time would be work of its own.
    if !is_empty(bench).await? {
        return Ok(false);
    }
    let noted: i64 = sqlx::query_scalar("SELECT count(*) FROM effects")
        .fetch_one(bench.db.reader())
        .await?;
    Ok(usize::try_from(noted)? == count)
}

/// One row for each message: a plain insert, so that a repeat would be noticed.
struct Note;

#[async_trait]
impl BatchHandler<PgConnection> for Note {
    async fn handle(
        &self,
        tx: &mut PgConnection,
        messages: &[Envelope],
        _out: &mut Vec<NewMessage>,
    ) -> Result<(), HandleError> {
        let ids: Vec<Uuid> = messages.iter().map(|message| message.id.0).collect();
        sqlx::query("INSERT INTO effects SELECT unnest($1::uuid[])")
            .bind(&ids)
            .execute(tx)
            .await?;
        Ok(())
    }
}
