use std::fmt;
use std::sync::Arc;

use gozon_core::{Append, MessageId, Subscription};
use gozon_sqlx::{Database, Db, DbError};
use tokio_util::sync::CancellationToken;

use crate::config::{ConfigError, InboxConfig};
use crate::consumer::Consumer;
use crate::database::{Adapters, InboxDatabase};
use crate::dead::{DeadLetter, DeadPosition, Decision, DecisionError, Ruling, Signature};
use crate::handler::BatchHandler;
use crate::metrics;
use crate::requests::{InFlight, Requests};
use crate::store::InboxStats;

/// The longest page.
const PAGE: u32 = 1_000;

/// Messages and HTTP requests that take effect once. Cheap to clone.
pub struct Inbox<D: Database> {
    db: Db<D>,
    adapters: Adapters<D>,
    config: Arc<InboxConfig>,
    in_flight: InFlight,
}

impl<D: InboxDatabase> Inbox<D> {
    /// An inbox in `db`, which is the database of the effects.
    ///
    /// # Errors
    /// When a setting makes no sense.
    pub fn new(db: Db<D>, config: InboxConfig) -> Result<Self, ConfigError> {
        let adapters = Adapters::of(&db);
        Self::with_adapters(db, config, adapters)
    }

    /// An inbox that works with adapters of your own.
    ///
    /// # Errors
    /// As for [`Inbox::new`].
    pub fn with_adapters(
        db: Db<D>,
        config: InboxConfig,
        adapters: Adapters<D>,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self {
            db,
            adapters,
            config: Arc::new(config),
            in_flight: InFlight::default(),
        })
    }

    /// Creates or completes the inbox's tables. Safe from several instances at
    /// once.
    ///
    /// # Errors
    /// When the migrations cannot be applied.
    pub async fn migrate(&self) -> Result<(), DbError> {
        D::MIGRATIONS.run(&self.db).await
    }

    /// A consumer of `subscription`, whose name is the consumer's name in the
    /// marks: rename it and every old message is new. Messages that the handler
    /// sends go to `outbox`.
    pub fn consumer(
        &self,
        subscription: Subscription,
        handler: Arc<dyn BatchHandler<D::Tx>>,
        outbox: Arc<dyn Append<D::Tx>>,
    ) -> Consumer<D> {
        Consumer::new(self, subscription, handler, outbox)
    }

    /// The door for idempotent HTTP requests.
    pub fn requests(&self) -> Requests<D> {
        let in_flight = self.in_flight.clone();
        Requests::new(
            self.db.clone(),
            Arc::clone(&self.adapters.requests),
            self.config(),
            in_flight,
        )
    }

    /// How much is kept that has not been handled, over all consumers.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stats(&self) -> Result<InboxStats, DbError> {
        self.adapters.store.stats().await
    }

    /// The dead letters of a consumer, newest first: those behind `after`, or
    /// the newest; at most `limit`, from 1 to 1,000.
    ///
    /// To read all, ask again with the [`DeadLetter::position`] of the last one
    /// until a page is empty. Letters that die meanwhile stand before the first
    /// page; nothing is shown twice or passed over.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn dead_letters(
        &self,
        consumer: &str,
        after: Option<DeadPosition>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, DbError> {
        let limit = limit.clamp(1, PAGE);
        self.adapters
            .store
            .dead_letters(consumer, after, limit)
            .await
    }

    /// Gives a dead letter to its consumer once more, with its full budget of
    /// attempts: within `retry_poll` where the consumer runs, else as soon as it
    /// does. The decision is recorded.
    ///
    /// # Errors
    /// [`DecisionError`]; nothing changed. What is no envelope is refused.
    pub async fn replay(
        &self,
        consumer: &str,
        id: MessageId,
        signature: &Signature,
    ) -> Result<(), DecisionError> {
        signature.check()?;
        DecisionError::check(self.adapters.store.replay(consumer, id, signature).await?)?;
        decided(consumer, id, Ruling::Replayed, signature);
        Ok(())
    }

    /// Gives a dead letter up for good. It moves, whole, into the record of
    /// the decision; a repeat of it has no effect.
    ///
    /// # Errors
    /// [`DecisionError`]; nothing changed.
    pub async fn discard(
        &self,
        consumer: &str,
        id: MessageId,
        signature: &Signature,
    ) -> Result<(), DecisionError> {
        signature.check()?;
        let store = &self.adapters.store;
        DecisionError::check(store.discard(consumer, id, signature).await?)?;
        // Nobody waits behind it any more. Should this be lost, the consumer
        // notices by itself.
        store.leave_line(consumer, id).await?;
        decided(consumer, id, Ruling::Discarded, signature);
        Ok(())
    }

    /// What was decided about the dead letters of a consumer, newest first:
    /// records with ids below `before`, or the newest; at most `limit`, from 1
    /// to 1,000. Records are kept for good.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn decisions(
        &self,
        consumer: &str,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Decision>, DbError> {
        let limit = limit.clamp(1, PAGE);
        self.adapters.store.decisions(consumer, before, limit).await
    }

    /// Deletes marks older than the retention and requests that have expired,
    /// in small statements; answers how many rows went. Consumers do this by
    /// themselves; call it only where none runs.
    ///
    /// # Errors
    /// When the database fails; what was deleted stays deleted.
    pub async fn prune(&self) -> Result<u64, DbError> {
        let never = CancellationToken::new();
        crate::upkeep::prune(self.adapters.store.as_ref(), &self.config, &never).await
    }

    pub(crate) fn db(&self) -> &Db<D> {
        &self.db
    }

    pub(crate) fn adapters(&self) -> &Adapters<D> {
        &self.adapters
    }

    pub(crate) fn config(&self) -> Arc<InboxConfig> {
        Arc::clone(&self.config)
    }
}

impl<D: Database> Clone for Inbox<D> {
    fn clone(&self) -> Self {
        Self {
            db: self.db.clone(),
            adapters: self.adapters.clone(),
            config: Arc::clone(&self.config),
            in_flight: self.in_flight.clone(),
        }
    }
}

impl<D: Database> fmt::Debug for Inbox<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").finish_non_exhaustive()
    }
}

fn decided(consumer: &str, id: MessageId, ruling: Ruling, signature: &Signature) {
    metrics::decided(consumer, ruling);
    tracing::info!(
        consumer,
        message.id = %id,
        decision = ruling.as_str(),
        by = signature.by,
        reason = signature.reason,
        "a dead letter was decided about"
    );
}
