use std::fmt;
use std::sync::Arc;

use gozon_core::{Append, Subscription};
use gozon_sqlx::{Database, Db, DbError};
use tokio_util::sync::CancellationToken;

use crate::config::{ConfigError, InboxConfig};
use crate::consumer::Consumer;
use crate::database::InboxDatabase;
use crate::handler::BatchHandler;
use crate::requests::{InFlight, Requests};
use crate::store::{DeadLetter, InboxStats, InboxStore};

/// Messages and HTTP requests that take effect once. Cheap to clone.
pub struct Inbox<D: Database> {
    db: Db<D>,
    store: Arc<dyn InboxStore>,
    config: Arc<InboxConfig>,
    in_flight: InFlight,
}

impl<D: InboxDatabase> Inbox<D> {
    /// An inbox in `db`, which is the database of the effects.
    ///
    /// # Errors
    /// When a setting makes no sense.
    pub fn new(db: Db<D>, config: InboxConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self {
            store: D::inbox_store(&db),
            db,
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
        Requests::new(self.db.clone(), self.config(), in_flight)
    }

    /// How much is kept that has not been handled, over all consumers.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stats(&self) -> Result<InboxStats, DbError> {
        self.store.stats().await
    }

    /// The newest dead letters of a consumer, at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn dead_letters(
        &self,
        consumer: &str,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, DbError> {
        self.store.dead_letters(consumer, limit).await
    }

    /// Deletes marks older than the retention and requests that have expired,
    /// in small statements; answers how many rows went. Consumers do this by
    /// themselves; call it only where none runs.
    ///
    /// # Errors
    /// When the database fails; what was deleted stays deleted.
    pub async fn prune(&self) -> Result<u64, DbError> {
        let never = CancellationToken::new();
        crate::upkeep::prune(self.store.as_ref(), &self.config, &never).await
    }

    pub(crate) fn db(&self) -> &Db<D> {
        &self.db
    }

    pub(crate) fn store(&self) -> Arc<dyn InboxStore> {
        Arc::clone(&self.store)
    }

    pub(crate) fn config(&self) -> Arc<InboxConfig> {
        Arc::clone(&self.config)
    }
}

impl<D: Database> Clone for Inbox<D> {
    fn clone(&self) -> Self {
        Self {
            db: self.db.clone(),
            store: Arc::clone(&self.store),
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
