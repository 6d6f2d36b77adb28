use std::sync::Arc;

use async_trait::async_trait;
use gozon_core::{Envelope, MessageId};
use gozon_outbox::desk::{Archived, DeadLetter, DeadLetterPage, Decision, OutboxDesk, Signature};
use gozon_sqlx::{Db, DbError, Sqlite};

use super::Fault;

/// The desk with the same fault.
pub(super) fn broken(
    inner: Arc<dyn OutboxDesk>,
    db: Db<Sqlite>,
    fault: Fault,
) -> Arc<dyn OutboxDesk> {
    Arc::new(Broken { inner, db, fault })
}

struct Broken {
    inner: Arc<dyn OutboxDesk>,
    db: Db<Sqlite>,
    fault: Fault,
}

impl Broken {
    /// Of every one of these messages.
    async fn sql(&self, sql: &'static str, seqs: &[i64]) -> Result<(), DbError> {
        for seq in seqs {
            sqlx::query(sql).bind(seq).execute(self.db.writer()).await?;
        }
        Ok(())
    }

    async fn before(&self, seqs: &[i64]) -> Result<(), DbError> {
        match self.fault {
            Fault::DecidesAboutAnything => {
                let sql = "UPDATE gozon_outbox SET state = 'dead' WHERE seq = ?1";
                self.sql(sql, seqs).await
            }
            _ => Ok(()),
        }
    }

    fn signed(&self, signature: &Signature) -> Signature {
        match self.fault {
            Fault::ForgetsWhoDecided => Signature {
                by: "somebody".to_owned(),
                ..signature.clone()
            },
            _ => signature.clone(),
        }
    }
}

#[async_trait]
impl OutboxDesk for Broken {
    async fn dead_letters(&self, page: &DeadLetterPage) -> Result<Vec<DeadLetter>, DbError> {
        let mut page = page.clone();
        if self.fault == Fault::ListsFromTheStart {
            page.after = None;
        }
        let mut letters = self.inner.dead_letters(&page).await?;
        if self.fault == Fault::ListsWithoutReason {
            letters.iter_mut().for_each(|dead| dead.reason.clear());
        }
        Ok(letters)
    }

    async fn replay(&self, seqs: &[i64], signature: &Signature) -> Result<Vec<i64>, DbError> {
        self.before(seqs).await?;
        let replayed = self.inner.replay(seqs, &self.signed(signature)).await?;
        let sql = match self.fault {
            Fault::ReplaysAsReady => {
                "UPDATE gozon_outbox SET state = 'ready', retry_at = NULL WHERE seq = ?1"
            }
            Fault::ReplaysNothing => "UPDATE gozon_outbox SET state = 'dead' WHERE seq = ?1",
            _ => return Ok(replayed),
        };
        self.sql(sql, &replayed).await?;
        Ok(replayed)
    }

    async fn discard(&self, seqs: &[i64], signature: &Signature) -> Result<Vec<i64>, DbError> {
        self.before(seqs).await?;
        self.inner.discard(seqs, &self.signed(signature)).await
    }

    async fn decisions(
        &self,
        message: Option<MessageId>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Decision>, DbError> {
        let mut decisions = self.inner.decisions(message, before, limit).await?;
        if self.fault == Fault::ListsDecisionsForwards {
            decisions.reverse();
        }
        Ok(decisions)
    }

    async fn discarded(&self, message: MessageId) -> Result<Option<Envelope>, DbError> {
        match self.fault {
            Fault::DiscardsForGood => Ok(None),
            _ => self.inner.discarded(message).await,
        }
    }

    async fn archived(&self, message: MessageId) -> Result<Option<Archived>, DbError> {
        self.inner.archived(message).await
    }

    async fn archived_of_key(
        &self,
        key: &str,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Archived>, DbError> {
        let mut archived = self.inner.archived_of_key(key, after, limit).await?;
        if self.fault == Fault::ReadsTheArchiveBackwards {
            archived.reverse();
        }
        Ok(archived)
    }
}
