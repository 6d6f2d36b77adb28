mod backoff;
mod engine;
mod jobs;
mod lanes;
mod outcomes;
mod recall;
mod reports;
mod slice;
mod starting;
mod territory;

use std::sync::Arc;

use gozon_core::{ErrorClass, Publisher};
use gozon_sqlx::DbError;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::{ConfigError, OutboxConfig};
use crate::local::Local;
use crate::signal::{self, Signals};
use crate::store::OutboxStore;
use engine::Engine;

/// Publishes what the outbox holds.
///
/// **Sharing.** Any number of relays, in any number of processes, share the
/// partitions of an outbox by leases; when one dies, the others take over after
/// its term. **Order.** Per key, messages first appear at the broker in the
/// order in which their transactions committed: at most one message of a key is
/// unconfirmed at any time, and a message that was not confirmed holds its key.
/// **Repeats.** A relay that dies between confirm and delete repeats messages.
/// **Outcomes.** Confirmed: deleted. Nacked or unknown: repeated after a short
/// backoff, for as long as it takes; outages use up no attempts. Returned: kept
/// with an alarm and repeated from 1 s to 30 s. Refused: kept as a dead letter
/// with its reason; its key stays held.
/// **Outages.** While the database is away the relay waits and tries again.
/// While the broker confirms nothing of an event type, only a few messages test
/// it; the others are put aside in the table and leave room for other types.
/// **Memory.** Payloads in memory have a limit, and so have keys that wait after a
/// failure; what is beyond it waits in the table alone until there is room.
/// **Wake-up.** [`gozon_core::Append::committed`]
/// wakes the relay of the same process, and where the database can signal also
/// those of others; everything works with polling alone.
pub struct Relay {
    store: Arc<dyn OutboxStore>,
    publisher: Arc<dyn Publisher>,
    config: Arc<OutboxConfig>,
    local: Arc<Local>,
    signals: Option<Arc<dyn Signals>>,
}

impl Relay {
    /// A relay on a store of your own. With a [`crate::Outbox`], use
    /// [`crate::Outbox::relay`], which also wakes it after a commit.
    ///
    /// # Errors
    /// Names the setting that makes no sense.
    pub fn on(
        store: Arc<dyn OutboxStore>,
        publisher: Arc<dyn Publisher>,
        config: OutboxConfig,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self::new(
            store,
            publisher,
            Arc::new(config),
            Arc::default(),
            None,
        ))
    }

    pub(crate) fn new(
        store: Arc<dyn OutboxStore>,
        publisher: Arc<dyn Publisher>,
        config: Arc<OutboxConfig>,
        local: Arc<Local>,
        signals: Option<Arc<dyn Signals>>,
    ) -> Self {
        Self {
            store,
            publisher,
            config,
            local,
            signals,
        }
    }

    /// Relays until `shutdown`, then drains: nothing new is published, what is
    /// in flight gets its answer within `drain_timeout`, confirmed messages are
    /// deleted and the leases given back.
    ///
    /// # Errors
    /// Only for what a repeat does not cure, such as missing tables; never for
    /// an outage of the database or the broker.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), RelayError> {
        let mut side = JoinSet::new();
        if let Some(signals) = self.signals {
            // Until the relay has drained: others are still told meanwhile.
            let local = Arc::clone(&self.local);
            side.spawn(signal::run(signals, local, CancellationToken::new()));
        }
        let engine = Engine::new(self.store, self.publisher, self.config, self.local);
        let result = tokio::select! {
            result = engine.run(shutdown) => result,
            // It has no end of its own, so it panicked.
            Some(Err(lost)) = side.join_next() => Err(RelayError::TaskLost(lost.to_string())),
        };
        side.shutdown().await;
        result
    }
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// Why a relay ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The database refused something that a repeat does not cure.
    #[error("the relay cannot {doing}: {source}")]
    Store {
        /// What it was about to do.
        doing: &'static str,
        /// What the database said.
        source: DbError,
    },
    /// A task of the relay panicked.
    #[error("a task of the relay was lost: {0}")]
    TaskLost(String),
}

impl RelayError {
    /// What the caller can do; never `Retry`, for the relay repeats by itself.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Store { source, .. } => source.class(),
            Self::TaskLost(_) => ErrorClass::Bug,
        }
    }
}
