//! How many requests may be on their way to one service, and how many may wait.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::limits::{Limits, places};

/// A bounded number of places behind a bounded queue with a bounded wait.
#[derive(Debug)]
pub(crate) struct Admission {
    places: Arc<Semaphore>,
    queue: Semaphore,
    longest_wait: Duration,
}

/// There was no place, and no room or no time to wait for one.
#[derive(Debug, thiserror::Error)]
#[error("too many requests are waiting")]
pub(crate) struct Overloaded;

impl Admission {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places(limits.max_in_flight))),
            queue: Semaphore::new(places(limits.max_queued)),
            longest_wait: limits.queue_timeout,
        }
    }

    /// A place, held until the permit is dropped.
    pub(crate) async fn enter(&self) -> Result<OwnedSemaphorePermit, Overloaded> {
        if let Ok(place) = self.places.clone().try_acquire_owned() {
            return Ok(place);
        }
        let _waiting = self.queue.try_acquire().map_err(|_| Overloaded)?;
        match timeout(self.longest_wait, self.places.clone().acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) | Err(_) => Err(Overloaded),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_place(queue_timeout: Duration) -> Admission {
        Admission::new(&Limits {
            max_in_flight: 1,
            max_queued: 1,
            queue_timeout,
            ..Limits::default()
        })
    }

    #[tokio::test]
    async fn who_finds_neither_place_nor_queue_is_refused_at_once() {
        let admission = Arc::new(one_place(Duration::from_secs(5)));
        let place = admission.enter().await.unwrap();
        let waiting = tokio::spawn({
            let admission = admission.clone();
            async move { admission.enter().await.is_ok() }
        });
        while admission.queue.available_permits() > 0 {
            tokio::task::yield_now().await;
        }

        assert!(admission.enter().await.is_err());

        drop(place);
        assert!(waiting.await.unwrap());
    }

    #[tokio::test]
    async fn nobody_waits_longer_than_the_limit() {
        let limit = Duration::from_millis(20);
        let admission = one_place(limit);
        let _place = admission.enter().await.unwrap();
        let begun = tokio::time::Instant::now();

        assert!(admission.enter().await.is_err());

        assert!(begun.elapsed() >= limit);
    }
}
