use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::{Publisher, Subscriber};

type Closing = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A transport under trial.
pub struct Candidate {
    publisher: Arc<dyn Publisher>,
    subscriber: Arc<dyn Subscriber>,
    close: Box<dyn Fn() -> Closing + Send + Sync>,
    keeps_for_absent: bool,
    patience: Duration,
}

impl Candidate {
    /// A transport that is publisher and subscriber at once. `close` must be
    /// harmless twice.
    pub fn of<T>(transport: T, close: impl Fn() -> Closing + Send + Sync + 'static) -> Self
    where
        T: Publisher + Subscriber + 'static,
    {
        let transport = Arc::new(transport);
        Self {
            publisher: Arc::clone(&transport) as Arc<dyn Publisher>,
            subscriber: transport,
            close: Box::new(close),
            keeps_for_absent: false,
            patience: Duration::from_secs(10),
        }
    }

    /// The transport answers for a confirmed message itself: it keeps it while
    /// no consumer is there. Without this, a confirmation must mean that every
    /// durable subscription has acknowledged the message.
    #[must_use]
    pub fn keeping_for_absent(mut self) -> Self {
        self.keeps_for_absent = true;
        self
    }

    /// How long the suite waits for what must happen, longer than the
    /// transport's publish timeout. Defaults to 10 s.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    pub(super) fn publisher(&self) -> &Arc<dyn Publisher> {
        &self.publisher
    }

    pub(super) fn subscriber(&self) -> &dyn Subscriber {
        &*self.subscriber
    }

    pub(super) fn keeps_for_absent(&self) -> bool {
        self.keeps_for_absent
    }

    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    pub(super) async fn close(&self) {
        (self.close)().await;
    }
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Candidate")
            .field("keeps_for_absent", &self.keeps_for_absent)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}
