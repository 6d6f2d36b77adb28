use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gozon_core::{Malformed, MessageId};
use gozon_inbox::store::{Due, InboxStats, InboxStore, Kept, Noted};
use gozon_inbox::{Behind, DeadLetter, DeadPosition, Decision, DecisionOutcome, Line, Signature};
use gozon_sqlx::{Db, DbError, Sqlite};
use uuid::Uuid;

use super::Fault;

pub(super) struct Broken {
    pub(super) fault: Fault,
    pub(super) db: Db<Sqlite>,
    pub(super) sound: Arc<dyn InboxStore>,
}

impl Broken {
    async fn sql(&self, sql: &'static str, id: MessageId) -> Result<u64, DbError> {
        let done = sqlx::query(sql)
            .bind(id.0)
            .execute(self.db.writer())
            .await?;
        Ok(done.rows_affected())
    }

    async fn attempts(&self, id: MessageId) -> Result<Option<u32>, DbError> {
        const SQL: &str = "SELECT attempts FROM gozon_inbox WHERE message_id = ?";
        let found = sqlx::query_scalar(SQL).bind(id.0);
        Ok(found.fetch_optional(self.db.writer()).await?)
    }
}

const UNCOUNT: &str = "UPDATE gozon_inbox SET attempts = attempts - 1 WHERE message_id = ?";
const COUNT: &str = "UPDATE gozon_inbox SET attempts = 1 WHERE message_id = ?";
const DUE: &str = "UPDATE gozon_inbox SET next_at = 0 WHERE state = 'retry' AND message_id <> ?";
const DUE_AGAIN: &str = "UPDATE gozon_inbox SET next_at = 0 WHERE message_id = ?";
const REVIVE: &str = "UPDATE gozon_inbox SET state = 'retry', next_at = 0 \
                      WHERE state = 'dead' AND message_id = ?";
const BURY: &str = "UPDATE gozon_inbox SET state = 'done', reason = NULL, attributes = NULL, \
                    data = NULL WHERE state = 'dead' AND message_id = ?";
const FORGET: &str = "DELETE FROM gozon_inbox WHERE message_id = ?";
const FORGET_KEPT: &str = "DELETE FROM gozon_inbox WHERE state = 'dead' AND message_id <> ?";
const IN_FRONT: &str = "UPDATE gozon_inbox_lines SET position = -position WHERE message_id = ?";
const IS_NOTED: &str = "SELECT EXISTS (SELECT 1 FROM gozon_inbox \
                        WHERE state = 'trying' AND message_id = ?)";

#[async_trait]
impl InboxStore for Broken {
    async fn note_trying(&self, consumer: &str, ids: &[MessageId]) -> Result<Noted, DbError> {
        let noted = self.sound.note_trying(consumer, ids).await?;
        if self.fault == Fault::CountsCompany {
            for id in &noted.new {
                self.sql(COUNT, *id).await?;
            }
        }
        Ok(noted)
    }

    async fn attempt(&self, consumer: &str, id: MessageId) -> Result<Option<u32>, DbError> {
        let attempts = self.sound.attempt(consumer, id).await?;
        if self.fault == Fault::CountsInsideTheTransaction && attempts.is_some() {
            self.sql(UNCOUNT, id).await?;
        }
        if self.fault == Fault::FinishesTwice {
            return Ok(attempts.or(Some(1)));
        }
        Ok(attempts)
    }

    async fn keep(&self, consumer: &str, kept: &Kept) -> Result<bool, DbError> {
        let mut kept = kept.clone();
        match self.fault {
            Fault::ForgetsWhatIsKept => return Ok(true),
            Fault::KeepsTheRejected => {
                kept.retry_in.get_or_insert(Duration::from_secs(60));
            }
            Fault::ForgetsWhatIsMalformed => kept.malformed = false,
            Fault::HasNoFence | Fault::CountsInsideTheTransaction => {
                kept.attempts = self.attempts(kept.id).await?.unwrap_or(kept.attempts);
            }
            _ => {}
        }
        self.sound.keep(consumer, &kept).await
    }

    async fn keep_malformed(
        &self,
        consumer: &str,
        malformed: &[Malformed],
    ) -> Result<HashSet<MessageId>, DbError> {
        if self.fault == Fault::LosesTheMalformed {
            return Ok(malformed.iter().map(|one| one.id).collect());
        }
        self.sound.keep_malformed(consumer, malformed).await
    }

    async fn claim_due(&self, consumer: &str, lease: Duration) -> Result<Option<Due>, DbError> {
        match self.fault {
            Fault::NeverClaims => return Ok(None),
            Fault::ClaimsEarly => {
                self.sql(DUE, MessageId::generate()).await?;
            }
            _ => {}
        }
        let Some(mut due) = self.sound.claim_due(consumer, lease).await? else {
            return Ok(None);
        };
        match self.fault {
            Fault::ClaimsTwice => {
                self.sql(DUE_AGAIN, due.id).await?;
            }
            Fault::CountsInsideTheTransaction => {
                self.sql(UNCOUNT, due.id).await?;
            }
            Fault::ReplaysOnCredit => due.forgiven = 0,
            _ => {}
        }
        Ok(Some(due))
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
        let after = match self.fault {
            Fault::PagesFromTheStart => None,
            Fault::PagesByTimeAlone => after.map(|after| DeadPosition {
                id: MessageId(Uuid::nil()),
                ..after
            }),
            _ => after,
        };
        self.sound.dead_letters(consumer, after, limit).await
    }

    async fn replay(
        &self,
        consumer: &str,
        id: MessageId,
        signature: &Signature,
    ) -> Result<DecisionOutcome, DbError> {
        match self.fault {
            Fault::RecordsNoReplay | Fault::ReplaysAnything => {
                self.sql(REVIVE, id).await?;
                Ok(DecisionOutcome::Decided)
            }
            Fault::DecidesWithoutLooking => {
                self.sound.replay(consumer, id, signature).await?;
                Ok(DecisionOutcome::Decided)
            }
            Fault::DecidesForAll => {
                self.sound.replay("other", id, signature).await?;
                self.sound.replay(consumer, id, signature).await
            }
            _ => self.sound.replay(consumer, id, signature).await,
        }
    }

    async fn discard(
        &self,
        consumer: &str,
        id: MessageId,
        signature: &Signature,
    ) -> Result<DecisionOutcome, DbError> {
        match self.fault {
            Fault::RecordsNoDiscard => {
                self.sql(BURY, id).await?;
                Ok(DecisionOutcome::Decided)
            }
            Fault::DiscardsTheMark => {
                let ruling = self.sound.discard(consumer, id, signature).await?;
                self.sql(FORGET, id).await?;
                Ok(ruling)
            }
            Fault::DecidesWithoutLooking => {
                self.sound.discard(consumer, id, signature).await?;
                Ok(DecisionOutcome::Decided)
            }
            _ => self.sound.discard(consumer, id, signature).await,
        }
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
        if self.fault == Fault::IgnoresLines {
            return Ok(HashSet::new());
        }
        self.sound.occupied_lines(consumer, lines).await
    }

    async fn queue_up(
        &self,
        consumer: &str,
        messages: &[Behind],
    ) -> Result<HashSet<MessageId>, DbError> {
        let mut messages = messages.to_vec();
        let mut lost = HashSet::new();
        if self.fault == Fault::LosesWhatWasNoted {
            for message in &messages {
                let noted = sqlx::query_scalar(IS_NOTED).bind(message.id.0);
                if noted.fetch_one(self.db.writer()).await? {
                    lost.insert(message.id);
                }
            }
            messages.retain(|message| !lost.contains(&message.id));
        }
        let mut waiting = self.sound.queue_up(consumer, &messages).await?;
        if self.fault == Fault::QueuesInFront {
            for id in &waiting {
                self.sql(IN_FRONT, *id).await?;
            }
        }
        waiting.extend(lost);
        Ok(waiting)
    }

    async fn leave_line(&self, consumer: &str, id: MessageId) -> Result<(), DbError> {
        if self.fault == Fault::NeverMovesUp {
            return Ok(());
        }
        self.sound.leave_line(consumer, id).await
    }

    async fn stuck_lines(&self, consumer: &str, limit: u32) -> Result<Vec<MessageId>, DbError> {
        if self.fault == Fault::NeverLooksForTheStuck {
            return Ok(Vec::new());
        }
        self.sound.stuck_lines(consumer, limit).await
    }

    async fn prune_marks(&self, older: Duration, bite: u32) -> Result<u64, DbError> {
        match self.fault {
            Fault::PrunesTheYoung => self.sound.prune_marks(Duration::ZERO, bite).await,
            Fault::PrunesWhatIsKept => {
                let kept = self.sql(FORGET_KEPT, MessageId::generate()).await?;
                Ok(kept + self.sound.prune_marks(older, bite).await?)
            }
            _ => self.sound.prune_marks(older, bite).await,
        }
    }

    async fn prune_requests(&self, older: Duration, bite: u32) -> Result<u64, DbError> {
        self.sound.prune_requests(older, bite).await
    }
}
