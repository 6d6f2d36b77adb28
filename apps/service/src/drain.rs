//! Stopping in the right order: first the doors, then the relays, then the
//! consumers.
//!
//! A relay that stops reading waits for what it has published; with the
//! in-process transport that is confirmed only when a consumer has committed it.
//! So consumers outlive relays, in the whole process and not only in their own
//! service.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What closing may take after the drain. With the default drain it ends before
/// Docker's ten seconds are over.
const FAREWELL: Duration = Duration::from_millis(500);

/// Waits for connections to close, not for long: a server that has fallen
/// silent does not answer a farewell either. Nothing is lost by leaving without.
pub async fn close(closing: impl Future) {
    if tokio::time::timeout(FAREWELL, closing).await.is_err() {
        tracing::warn!("connections did not close in time; nothing is lost");
    }
}

/// Work that ends together: a token that asks it to, and a count of what is
/// left.
#[derive(Debug, Clone, Default)]
pub struct Stage {
    end: CancellationToken,
    work: TaskTracker,
}

impl Stage {
    /// Cancelled when this stage is to end.
    pub fn token(&self) -> CancellationToken {
        self.end.clone()
    }

    /// Counts `work` as part of the stage until it ends.
    pub fn track<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        self.work.track_future(work)
    }

    async fn finish(&self) {
        self.end.cancel();
        self.work.close();
        self.work.wait().await;
    }
}

/// The stages of one process, shared by all services in it.
#[derive(Debug, Clone)]
pub struct Drain {
    /// HTTP, reconcilers: whatever takes new work. Ends with `shutdown`.
    pub doors: Stage,
    /// Relays: whatever publishes.
    pub relays: Stage,
    /// Consumers: whatever receives.
    pub consumers: Stage,
}

impl Drain {
    /// Begins when `shutdown` is cancelled.
    pub fn new(shutdown: CancellationToken) -> Self {
        Self {
            doors: Stage {
                end: shutdown,
                work: TaskTracker::new(),
            },
            relays: Stage::default(),
            consumers: Stage::default(),
        }
    }

    /// Waits for shutdown, then ends stage after stage. Bounded by whoever
    /// owns this task.
    pub async fn run(self) {
        self.doors.token().cancelled().await;
        self.doors.finish().await;
        self.relays.finish().await;
        self.consumers.finish().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    #[tokio::test]
    async fn consumers_outlive_relays_and_relays_the_doors() {
        let shutdown = CancellationToken::new();
        let drain = Drain::new(shutdown.clone());
        let (ended, mut order) = mpsc::unbounded_channel();
        let stages = [
            ("consumer", &drain.consumers),
            ("relay", &drain.relays),
            ("door", &drain.doors),
        ];
        for (name, stage) in stages {
            let (token, ended) = (stage.token(), ended.clone());
            tokio::spawn(stage.track(async move {
                token.cancelled().await;
                // Gives a stage that would end too early the chance to.
                tokio::task::yield_now().await;
                ended.send(name)
            }));
        }
        let draining = tokio::spawn(drain.run());

        shutdown.cancel();
        draining.await.unwrap();

        drop(ended);
        let mut seen = Vec::new();
        while let Some(name) = order.recv().await {
            seen.push(name);
        }
        assert_eq!(seen, ["door", "relay", "consumer"]);
    }
}
