//! The ledger in memory: the rules without a database, for tests of your own
//! and for the suite, which must be able to catch it when it is broken.

mod auditing;
mod books;
mod fault;
mod posting;
mod state;
mod wrong;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gozon_core::Clock;
use tokio::sync::Barrier;

use crate::LedgerConfig;

pub use fault::Fault;
pub(crate) use state::State;

/// A ledger that lives as long as its process.
pub struct MemoryLedger {
    pub(crate) state: Arc<Mutex<State>>,
    config: LedgerConfig,
    clock: Arc<dyn Clock>,
    fault: Option<Fault>,
    meeting: Arc<Barrier>,
}

impl MemoryLedger {
    /// An empty ledger with default settings.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            state: Arc::default(),
            config: LedgerConfig::default(),
            clock,
            fault: None,
            meeting: Arc::new(Barrier::new(2)),
        }
    }

    /// Another instance on the same books, with a clock of its own.
    #[must_use]
    pub fn instance(&self, clock: Arc<dyn Clock>) -> Self {
        Self {
            state: Arc::clone(&self.state),
            config: self.config.clone(),
            clock,
            fault: self.fault,
            meeting: Arc::clone(&self.meeting),
        }
    }

    /// Breaks it.
    #[must_use]
    pub fn with_fault(self, fault: Fault) -> Self {
        Self {
            fault: Some(fault),
            ..self
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }
}

impl std::fmt::Debug for MemoryLedger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryLedger")
            .field("fault", &self.fault)
            .finish_non_exhaustive()
    }
}
