use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gozon_core::{Append, AppendError, ErrorClass, NewMessage, Publisher};
use gozon_sqlx::{Database, Db, DbError, Migrations};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::config::{ConfigError, OutboxConfig};
use crate::desk::OutboxDesk;
use crate::key::partition_of;
use crate::local::Local;
use crate::relay::Relay;
use crate::signal::{self, Signals};
use crate::store::{OutboxStats, OutboxStore};

/// A transactional outbox on your database: messages that leave if, and only
/// if, your transaction commits. Cheap to clone; clones share one relay's wake-up.
pub struct Outbox<D: OutboxDatabase> {
    db: Db<D>,
    store: Arc<dyn OutboxStore>,
    pub(crate) desk: Arc<dyn OutboxDesk>,
    config: Arc<OutboxConfig>,
    pub(crate) local: Arc<Local>,
}

impl<D: OutboxDatabase> Outbox<D> {
    /// Works on `db`; touches nothing yet.
    ///
    /// # Errors
    /// Names the setting that makes no sense.
    pub fn new(db: Db<D>, config: OutboxConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self {
            store: D::store(db.clone()),
            desk: D::desk(db.clone()),
            db,
            config: Arc::new(config),
            local: Arc::default(),
        })
    }

    /// Creates or updates the tables. Safe from several instances at once.
    ///
    /// # Errors
    /// As [`Migrations::run`].
    pub async fn migrate(&self) -> Result<(), DbError> {
        D::MIGRATIONS.run(&self.db).await?;
        self.local.set_partitions(self.store.partitions().await?);
        Ok(())
    }

    /// The relay that publishes through `publisher`; run one per process.
    pub fn relay(&self, publisher: Arc<dyn Publisher>) -> Relay {
        Relay::new(
            Arc::clone(&self.store),
            publisher,
            Arc::clone(&self.config),
            Arc::clone(&self.local),
            self.signals(),
        )
    }

    /// Tells relays in other processes of what this one commits, until
    /// `shutdown`. For a process that appends and relays nothing: a relay does
    /// it by itself. Ends at once where there is nothing to tell with
    /// (SQLite, or [`OutboxConfig::notify`] switched off).
    pub async fn announce(&self, shutdown: CancellationToken) {
        if let Some(signals) = self.signals() {
            signal::run(signals, Arc::clone(&self.local), shutdown).await;
        }
    }

    fn signals(&self) -> Option<Arc<dyn Signals>> {
        let signals = D::signals(self.db.clone());
        signals.filter(|_| self.config.notify)
    }

    /// Tells the relays of other processes that something was decided. They look
    /// by themselves a second later, so a failure is none.
    pub(crate) async fn tell_of_decision(&self) {
        self.local.decided();
        let Some(signals) = self.signals() else {
            return;
        };
        let telling = async { signals.connect().await?.send(&[]).await };
        match tokio::time::timeout(Duration::from_secs(1), telling).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => debug!(%error, "no signal about a decision"),
            Err(_) => debug!("no signal about a decision in time"),
        }
    }

    /// Which of these ordering keys still have messages in the outbox, as the
    /// transaction sees it; also held, delayed and dead ones.
    ///
    /// One statement for all keys, so ask for many at a time; it looks at 4,096
    /// ready messages at most, however many there are. Behind a longer backlog a
    /// key that may have none counts as pending, too; never the other way round.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keys_pending(
        &self,
        tx: &mut D::Tx,
        keys: &[String],
    ) -> Result<HashSet<String>, DbError> {
        if keys.is_empty() {
            return Ok(HashSet::new());
        }
        let count = self.partitions(tx).await?;
        let partitions: Vec<i32> = keys.iter().map(|key| partition_of(key, count)).collect();
        let found = D::keys_pending(tx, keys, &partitions).await?;
        Ok(found.into_iter().collect())
    }

    /// How much waits. Counts the whole outbox: for dashboards, not for requests.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stats(&self) -> Result<OutboxStats, DbError> {
        self.store.stats().await
    }

    async fn partitions(&self, tx: &mut D::Tx) -> Result<u32, DbError> {
        match self.local.partitions() {
            Some(partitions) => Ok(partitions),
            None => Ok(self.local.set_partitions(D::partitions(tx).await?)),
        }
    }

    fn check(&self, message: &NewMessage) -> Result<(), AppendError> {
        let envelope = &message.envelope;
        let (bytes, limit) = (envelope.data.len(), self.config.max_payload_bytes);
        if bytes > limit {
            return Err(AppendError::TooLarge {
                id: envelope.id,
                bytes,
                limit,
            });
        }
        // Here and not in the database: it takes them as long as they are
        // ready, and fails when the relay puts them aside.
        let key = envelope
            .key
            .as_deref()
            .map(|key| unfit(key, OutboxConfig::KEY_BYTES));
        let kind = match envelope.kind.as_str() {
            "" => Some("must not be empty".to_owned()),
            kind => unfit(kind, OutboxConfig::KIND_BYTES),
        };
        match [("key", key.flatten()), ("kind", kind)] {
            [(field, Some(reason)), _] | [_, (field, Some(reason))] => Err(AppendError::Unfit {
                id: envelope.id,
                field,
                reason,
            }),
            _ => Ok(()),
        }
    }
}

/// Why a text that databases keep and brokers carry is no such text.
fn unfit(text: &str, limit: usize) -> Option<String> {
    match text.len() {
        bytes if bytes > limit => Some(format!(
            "has {bytes} bytes, more than {limit}: shorten it, or use a hash of it"
        )),
        // PostgreSQL's text holds none.
        _ if text.contains('\0') => Some("must not hold NUL".to_owned()),
        _ => None,
    }
}

#[async_trait]
impl<D: OutboxDatabase> Append<D::Tx> for Outbox<D> {
    async fn append(&self, tx: &mut D::Tx, messages: &[NewMessage]) -> Result<(), AppendError> {
        if messages.is_empty() {
            return Ok(());
        }
        for message in messages {
            self.check(message)?;
        }
        let partitions = self.partitions(tx).await.map_err(failed)?;
        let rows = messages
            .iter()
            .map(|message| NewRow::of(message, &self.local, partitions))
            .collect::<Result<Vec<_>, _>>()?;
        D::insert(tx, &rows).await.map_err(failed)
    }

    fn committed(&self, messages: &[NewMessage]) {
        self.local.committed(messages);
    }
}

/// Ready messages that one [`Outbox::keys_pending`] looks at: a healthy outbox has
/// fewer, and they are read in some milliseconds.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
const WALK: usize = 4_096;

/// How many of them in each of these partitions.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) fn walk(partitions: &[i32]) -> i64 {
    let distinct: HashSet<&i32> = partitions.iter().collect();
    let each = WALK / distinct.len().max(1);
    i64::try_from(each.max(1)).unwrap_or(i64::MAX)
}

fn failed(error: DbError) -> AppendError {
    AppendError::Store {
        class: error.class(),
        source: Box::new(error),
    }
}

impl<D: OutboxDatabase> Clone for Outbox<D> {
    fn clone(&self) -> Self {
        Self {
            db: self.db.clone(),
            store: Arc::clone(&self.store),
            desk: Arc::clone(&self.desk),
            config: Arc::clone(&self.config),
            local: Arc::clone(&self.local),
        }
    }
}

impl<D: OutboxDatabase> std::fmt::Debug for Outbox<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox")
            .field("db", &self.db)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// A database that an outbox can live in: what joins a caller's transaction.
///
/// Implemented by [`gozon_sqlx::Postgres`] and [`gozon_sqlx::Sqlite`].
///
/// What takes `tx` works in the caller's transaction: a rollback undoes it, and after
/// an error or a dropped future the transaction is to be rolled back. Safe to call
/// from many tasks at once, each with a transaction of its own; those that append the
/// same keys wait for each other's end, for as long as the connection's lock timeout
/// allows. **Errors.** Of class `Retry` (no connection, a deadlock, a lock not had in
/// time) the whole transaction may be repeated; others are for a person.
#[async_trait]
pub trait OutboxDatabase: Database {
    /// The schema of the outbox.
    const MIGRATIONS: Migrations;

    /// What the relay works on.
    fn store(db: Db<Self>) -> Arc<dyn OutboxStore>;

    /// What people work on.
    fn desk(db: Db<Self>) -> Arc<dyn OutboxDesk>;

    /// How processes that share this database tell each other of new messages;
    /// `None` if they cannot.
    fn signals(_db: Db<Self>) -> Option<Arc<dyn Signals>> {
        None
    }

    /// How many partitions the outbox has.
    async fn partitions(tx: &mut Self::Tx) -> Result<u32, DbError>;

    /// Writes all rows in one statement: keys locked before numbers are drawn,
    /// numbers in the order of the slice.
    async fn insert(tx: &mut Self::Tx, rows: &[NewRow]) -> Result<(), DbError>;

    /// Which of `keys`, each of which lives in its partition of `partitions`,
    /// have rows; behind a long backlog also keys that may have none, so that the
    /// cost has a limit.
    async fn keys_pending(
        tx: &mut Self::Tx,
        keys: &[String],
        partitions: &[i32],
    ) -> Result<Vec<String>, DbError>;
}

/// A message on its way into the table.
#[derive(Debug, Clone)]
pub struct NewRow {
    /// See [`crate::store::Row::partition`].
    pub partition: i32,
    /// The ordering key.
    pub key: Option<String>,
    /// The message's id.
    pub id: uuid::Uuid,
    /// The event type.
    pub kind: String,
    /// [`gozon_core::Envelope::attributes_json`].
    pub attributes: String,
    /// The payload.
    pub data: bytes::Bytes,
    /// How long it waits before it becomes ready, in microseconds.
    pub delay_us: Option<i64>,
}

impl NewRow {
    fn of(message: &NewMessage, local: &Local, partitions: u32) -> Result<Self, AppendError> {
        let envelope = &message.envelope;
        let attributes = envelope
            .attributes_json()
            .map_err(|source| AppendError::Store {
                class: ErrorClass::Bug,
                source: Box::new(source),
            })?;
        Ok(Self {
            partition: local.place(envelope.key.as_deref(), partitions),
            key: envelope.key.clone(),
            id: envelope.id.0,
            kind: envelope.kind.clone(),
            attributes,
            data: envelope.data.clone(),
            delay_us: message
                .delay
                .map(|delay| i64::try_from(delay.as_micros()).unwrap_or(i64::MAX / 4)),
        })
    }
}
