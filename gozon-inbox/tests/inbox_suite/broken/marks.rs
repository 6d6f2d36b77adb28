use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use gozon_core::MessageId;
use gozon_inbox::store::{Marks, State};
use gozon_sqlx::DbError;
use sqlx::SqliteConnection;

use super::Fault;

pub(super) struct Broken {
    pub(super) fault: Fault,
    pub(super) sound: Arc<dyn Marks<SqliteConnection>>,
    /// Marks that are written when the next message comes.
    pub(super) late: Mutex<Option<Vec<MessageId>>>,
}

const ATTEMPTS: &str = "SELECT attempts FROM gozon_inbox WHERE consumer = ? AND message_id = ?";

#[async_trait]
impl Marks<SqliteConnection> for Broken {
    async fn insert_done(
        &self,
        tx: &mut SqliteConnection,
        consumer: &str,
        ids: &[MessageId],
    ) -> Result<HashSet<MessageId>, DbError> {
        match self.fault {
            Fault::ForgetsMarks => Ok(ids.iter().copied().collect()),
            Fault::SharesMarks => self.sound.insert_done(tx, "all", ids).await,
            Fault::MarksAfterTheEffect => {
                let known = self.sound.states(tx, consumer, ids).await?;
                let unknown = ids.iter().filter(|id| !known.contains_key(id));
                let new: HashSet<MessageId> = unknown.copied().collect();
                let late: Vec<MessageId> = new.iter().copied().collect();
                let late = self.late.lock().unwrap().replace(late);
                if let Some(late) = late {
                    self.sound.insert_done(tx, consumer, &late).await?;
                }
                Ok(new)
            }
            _ => self.sound.insert_done(tx, consumer, ids).await,
        }
    }

    async fn states(
        &self,
        tx: &mut SqliteConnection,
        consumer: &str,
        ids: &[MessageId],
    ) -> Result<HashMap<MessageId, State>, DbError> {
        let mut states = self.sound.states(tx, consumer, ids).await?;
        if self.fault == Fault::TakesTriedForDone {
            for state in states.values_mut() {
                if *state == State::Trying {
                    *state = State::Done;
                }
            }
        }
        Ok(states)
    }

    async fn finish_tried(
        &self,
        tx: &mut SqliteConnection,
        consumer: &str,
        ids: &[MessageId],
    ) -> Result<HashSet<MessageId>, DbError> {
        self.sound.finish_tried(tx, consumer, ids).await
    }

    async fn finish(
        &self,
        tx: &mut SqliteConnection,
        consumer: &str,
        id: MessageId,
        attempts: u32,
    ) -> Result<bool, DbError> {
        match self.fault {
            Fault::FinishesTwice => {
                self.sound.finish(tx, consumer, id, attempts).await?;
                Ok(true)
            }
            Fault::HasNoFence | Fault::CountsInsideTheTransaction => {
                let stored: Option<u32> = sqlx::query_scalar(ATTEMPTS)
                    .bind(consumer)
                    .bind(id.0)
                    .fetch_optional(&mut *tx)
                    .await?;
                let attempts = stored.unwrap_or(attempts);
                self.sound.finish(tx, consumer, id, attempts).await
            }
            _ => self.sound.finish(tx, consumer, id, attempts).await,
        }
    }
}
