//! What the listeners of one service share.

use std::sync::Arc;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::settings::HttpSettings;

/// Places for connections, however many listeners they come from, and the moment
/// from which on there are no new ones. Clones share both.
#[derive(Debug, Clone)]
pub struct Entrance {
    places: Arc<Semaphore>,
    closed: CancellationToken,
}

impl Entrance {
    /// As many places as `settings` allow.
    pub fn new(settings: &HttpSettings) -> Self {
        let most = usize::try_from(settings.max_connections).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
            closed: CancellationToken::new(),
        }
    }

    /// Cancelled when nothing is accepted any more: after the signal and
    /// `shutdown_delay`. Whoever holds a WebSocket closes it then. Not earlier,
    /// because its client connects again at once, and would come back to here.
    pub fn closed(&self) -> CancellationToken {
        self.closed.clone()
    }

    pub(crate) fn close(&self) {
        self.closed.cancel();
    }

    /// Waits for a place.
    pub(crate) async fn place(&self) -> Result<OwnedSemaphorePermit, AcquireError> {
        Arc::clone(&self.places).acquire_owned().await
    }
}
