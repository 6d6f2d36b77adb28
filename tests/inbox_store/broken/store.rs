use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gozon_core::{Malformed, MessageId};
use gozon_inbox::store::{Due, InboxStats, InboxStore, Kept, Noted};
use gozon_inbox::{Behind, DeadLetter, DeadPosition, Decision, DecisionOutcome, Line, Signature};
use gozon_sqlx::{Db, DbError, Postgres};

use super::Fault;

pub(super) struct Broken {
    pub(super) fault: Fault,
    pub(super) db: Db<Postgres>,
    pub(super) sound: Arc<dyn InboxStore>,
}

const WAITING: &str = "DELETE FROM gozon_inbox WHERE ctid = ANY (ARRAY( \
    SELECT ctid FROM gozon_inbox WHERE state = 'done' \
    AND changed_at < now() - $1::bigint * interval '1 microsecond' LIMIT $2 FOR UPDATE))";

#[async_trait]
impl InboxStore for Broken {
    async fn prune_marks(&self, older: Duration, bite: u32) -> Result<u64, DbError> {
        match self.fault {
            Fault::PrunesAtOnce => self.sound.prune_marks(older, 1_000_000).await,
            Fault::PrunesUnderLocks => {
                let deleted = sqlx::query(WAITING)
                    .bind(i64::try_from(older.as_micros()).unwrap())
                    .bind(i64::from(bite))
                    .execute(self.db.writer())
                    .await?;
                Ok(deleted.rows_affected())
            }
            _ => self.sound.prune_marks(older, bite).await,
        }
    }

    async fn note_trying(&self, consumer: &str, ids: &[MessageId]) -> Result<Noted, DbError> {
        self.sound.note_trying(consumer, ids).await
    }

    async fn attempt(&self, consumer: &str, id: MessageId) -> Result<Option<u32>, DbError> {
        self.sound.attempt(consumer, id).await
    }

    async fn keep(&self, consumer: &str, kept: &Kept) -> Result<bool, DbError> {
        self.sound.keep(consumer, kept).await
    }

    async fn keep_malformed(
        &self,
        consumer: &str,
        malformed: &[Malformed],
    ) -> Result<HashSet<MessageId>, DbError> {
        self.sound.keep_malformed(consumer, malformed).await
    }

    async fn claim_due(&self, consumer: &str, lease: Duration) -> Result<Option<Due>, DbError> {
        self.sound.claim_due(consumer, lease).await
    }

    async fn stats(&self) -> Result<InboxStats, DbError> {
        self.sound.stats().await
    }

    async fn dead_letters(
        &self,
        consumer: &str,
        after: Option<DeadPosition>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, DbError> {
        self.sound.dead_letters(consumer, after, limit).await
    }

    async fn replay(
        &self,
        consumer: &str,
        id: MessageId,
        signature: &Signature,
    ) -> Result<DecisionOutcome, DbError> {
        self.sound.replay(consumer, id, signature).await
    }

    async fn discard(
        &self,
        consumer: &str,
        id: MessageId,
        signature: &Signature,
    ) -> Result<DecisionOutcome, DbError> {
        self.sound.discard(consumer, id, signature).await
    }

    async fn decisions(
        &self,
        consumer: &str,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Decision>, DbError> {
        self.sound.decisions(consumer, before, limit).await
    }

    async fn occupied_lines(
        &self,
        consumer: &str,
        lines: &[Line],
    ) -> Result<HashSet<Line>, DbError> {
        self.sound.occupied_lines(consumer, lines).await
    }

    async fn queue_up(
        &self,
        consumer: &str,
        messages: &[Behind],
    ) -> Result<HashSet<MessageId>, DbError> {
        self.sound.queue_up(consumer, messages).await
    }

    async fn leave_line(&self, consumer: &str, id: MessageId) -> Result<(), DbError> {
        self.sound.leave_line(consumer, id).await
    }

    async fn stuck_lines(&self, consumer: &str, limit: u32) -> Result<Vec<MessageId>, DbError> {
        self.sound.stuck_lines(consumer, limit).await
    }

    async fn prune_requests(&self, older: Duration, bite: u32) -> Result<u64, DbError> {
        self.sound.prune_requests(older, bite).await
    }
}
