use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::metrics;

/// How a consumer is: see [`Consumer::health`](crate::Consumer::health). Cheap
/// to clone; may be asked before the consumer runs, and after.
///
/// A consumer works with several *workers*: one per `concurrency` that receives
/// and handles, and one for retries. A worker that ends without being told to
/// is started again, after a pause that grows; meanwhile it is missing here.
#[derive(Clone)]
pub struct ConsumerHealth(Arc<Pulse>);

struct Pulse {
    consumer: String,
    expected: usize,
    live: AtomicUsize,
    paused: AtomicUsize,
    restarts: AtomicU64,
    trouble: Mutex<Option<String>>,
}

impl ConsumerHealth {
    pub(crate) fn new(consumer: &str, expected: usize) -> Self {
        Self(Arc::new(Pulse {
            consumer: consumer.to_owned(),
            expected,
            live: AtomicUsize::new(0),
            paused: AtomicUsize::new(0),
            restarts: AtomicU64::new(0),
            trouble: Mutex::default(),
        }))
    }

    /// The consumer's name.
    pub fn consumer(&self) -> &str {
        &self.0.consumer
    }

    /// Workers that are at work: they have their subscription, or look for
    /// retries.
    pub fn live(&self) -> usize {
        self.0.live.load(Ordering::Relaxed)
    }

    /// Workers that should be at work.
    pub fn expected(&self) -> usize {
        self.0.expected
    }

    /// Workers that wait for the database with messages in their hands.
    pub fn paused(&self) -> usize {
        self.0.paused.load(Ordering::Relaxed)
    }

    /// How often a worker vanished, or a subscription was interrupted.
    pub fn restarts(&self) -> u64 {
        self.0.restarts.load(Ordering::Relaxed)
    }

    /// For a service's `/readyz`: whether every worker is at work. A worker that
    /// is paused is; ask the database itself.
    ///
    /// # Errors
    /// How many are missing, and what was last heard of one.
    pub fn check(&self) -> Result<(), String> {
        let (live, expected) = (self.live(), self.expected());
        if live >= expected {
            return Ok(());
        }
        let missing = format!("{live} of {expected} workers at work");
        let trouble = self.0.trouble.lock();
        let trouble = trouble.unwrap_or_else(PoisonError::into_inner);
        Err(match trouble.as_deref() {
            Some(trouble) => format!("{missing}: {trouble}"),
            None => missing,
        })
    }

    /// Counted as at work until it is dropped, however that happens.
    pub(crate) fn at_work(&self) -> Counted {
        Counted::of(self, Count::Live)
    }

    /// Counted as paused until it is dropped.
    pub(crate) fn pausing(&self) -> Counted {
        Counted::of(self, Count::Paused)
    }

    /// A worker cannot work yet.
    pub(crate) fn trouble(&self, what: impl fmt::Display) {
        let trouble = self.0.trouble.lock();
        *trouble.unwrap_or_else(PoisonError::into_inner) = Some(what.to_string());
    }

    /// A worker vanished, or its subscription did.
    pub(crate) fn restarted(&self, cause: Cause) {
        self.0.restarts.fetch_add(1, Ordering::Relaxed);
        metrics::restarted(&self.0.consumer, cause);
    }
}

impl fmt::Debug for ConsumerHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsumerHealth")
            .field("consumer", &self.0.consumer)
            .field("live", &self.live())
            .field("expected", &self.expected())
            .field("restarts", &self.restarts())
            .finish()
    }
}

/// Why something was built again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A worker panicked, outside a handler.
    Panicked,
    /// A subscription ended without the transport being closed.
    Ended,
    /// The transport lost the subscription, and has rebuilt it.
    Resumed,
}

impl Cause {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Panicked => "panicked",
            Self::Ended => "ended",
            Self::Resumed => "resumed",
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Count {
    Live,
    Paused,
}

/// One worker, counted.
#[derive(Debug)]
pub(crate) struct Counted {
    health: ConsumerHealth,
    count: Count,
}

impl Counted {
    fn of(health: &ConsumerHealth, count: Count) -> Self {
        let counted = Self {
            health: health.clone(),
            count,
        };
        counted.cell().fetch_add(1, Ordering::Relaxed);
        metrics::workers(counted.gauge(), &health.0.consumer, 1);
        counted
    }

    fn cell(&self) -> &AtomicUsize {
        match self.count {
            Count::Live => &self.health.0.live,
            Count::Paused => &self.health.0.paused,
        }
    }

    fn gauge(&self) -> &'static str {
        match self.count {
            Count::Live => metrics::LIVE,
            Count::Paused => metrics::PAUSED,
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.cell().fetch_sub(1, Ordering::Relaxed);
        metrics::workers(self.gauge(), &self.health.0.consumer, -1);
    }
}

/// The workers that should be at work while a consumer runs, as a metric.
pub(crate) struct Expected(ConsumerHealth);

impl Expected {
    pub(crate) fn of(health: &ConsumerHealth) -> Self {
        let expected = Self(health.clone());
        metrics::workers(metrics::EXPECTED, health.consumer(), expected.workers());
        expected
    }

    fn workers(&self) -> i32 {
        i32::try_from(self.0.expected()).unwrap_or(i32::MAX)
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        metrics::workers(metrics::EXPECTED, self.0.consumer(), -self.workers());
    }
}
