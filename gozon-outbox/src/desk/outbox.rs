use gozon_core::{Envelope, MessageId};

use super::{Archived, DeadLetter, DeadLetterPage, Decision, DeskError, Signature};
use crate::outbox::{Outbox, OutboxDatabase};

impl<D: OutboxDatabase> Outbox<D> {
    /// The dead letters: messages that the broker refused for their own sake,
    /// oldest number first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn dead_letters(&self, page: &DeadLetterPage) -> Result<Vec<DeadLetter>, DeskError> {
        Ok(self.desk.dead_letters(page).await?)
    }

    /// Publishes these dead letters again, each in its place: before everything
    /// that waits behind it. Returns the numbers of those that were dead; the
    /// others are left alone. The decisions are recorded.
    ///
    /// The relay that owns the message notices within about a second, in
    /// whichever process it runs. What the broker refuses again is dead again.
    ///
    /// # Errors
    /// [`DeskError::Unsigned`], or when the database fails.
    pub async fn replay(&self, seqs: &[i64], signature: &Signature) -> Result<Vec<i64>, DeskError> {
        signature.check()?;
        let replayed = self.desk.replay(seqs, signature).await?;
        self.tell_of_decision().await;
        Ok(replayed)
    }

    /// Gives these dead letters up: they leave the outbox, what waits behind
    /// them flows. Returns the numbers of those that were dead. The decisions are
    /// recorded, and the messages kept with them: see [`Outbox::discarded`].
    ///
    /// # Errors
    /// [`DeskError::Unsigned`], or when the database fails.
    pub async fn discard(
        &self,
        seqs: &[i64],
        signature: &Signature,
    ) -> Result<Vec<i64>, DeskError> {
        signature.check()?;
        let discarded = self.desk.discard(seqs, signature).await?;
        self.tell_of_decision().await;
        Ok(discarded)
    }

    /// What was decided about dead letters, newest first: about one message or
    /// about all, with a [`Decision::number`] below `before`, at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn decisions(
        &self,
        message: Option<MessageId>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Decision>, DeskError> {
        Ok(self.desk.decisions(message, before, limit).await?)
    }

    /// A discarded message as it was.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn discarded(&self, message: MessageId) -> Result<Option<Envelope>, DeskError> {
        Ok(self.desk.discarded(message).await?)
    }

    /// A published message; `None` if it was not published or the archive
    /// ([`crate::OutboxConfig::archive`]) does not have it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn archived(&self, message: MessageId) -> Result<Option<Archived>, DeskError> {
        Ok(self.desk.archived(message).await?)
    }

    /// The published messages of an ordering key that the archive has, in the
    /// order of publishing, those after [`Archived::seq`] `after`, at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn archived_of_key(
        &self,
        key: &str,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Archived>, DeskError> {
        Ok(self.desk.archived_of_key(key, after, limit).await?)
    }
}
