//! What has to be done seldom: deleting old marks, and showing what is kept.

use std::time::Duration;

use gozon_core::ErrorClass;
use gozon_sqlx::DbError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::backoff::{pause, rest};
use crate::config::InboxConfig;
use crate::metrics;
use crate::store::InboxStore;

/// How often the gauges are set.
const LOOK: Duration = Duration::from_secs(30);

/// Runs until `stop`. Failures are logged and tried again: nothing waits for
/// this.
pub(crate) async fn run(store: &dyn InboxStore, config: &InboxConfig, stop: &CancellationToken) {
    let mut prune_at = Instant::now() + first_prune(config);
    loop {
        match store.stats().await {
            Ok(stats) => metrics::kept(&stats),
            Err(error) => tracing::debug!(%error, "the inbox could not be counted"),
        }
        if Instant::now() >= prune_at {
            if let Err(error) = prune(store, config, stop).await {
                report(&error);
            }
            prune_at = Instant::now() + config.prune_interval;
        }
        let until_prune = prune_at.saturating_duration_since(Instant::now());
        if !rest(until_prune.min(LOOK), stop).await {
            return;
        }
    }
}

/// Deletes what is old in statements of at most `prune_bite` rows, until nothing
/// is left or `stop` comes between two of them.
pub(crate) async fn prune(
    store: &dyn InboxStore,
    config: &InboxConfig,
    stop: &CancellationToken,
) -> Result<u64, DbError> {
    let bite = config.prune_bite;
    let mut total = 0;
    loop {
        let marks = store.prune_marks(config.retention, bite).await?;
        let requests = store.prune_requests(config.request_keep, bite).await?;
        total += marks + requests;
        if marks.max(requests) < u64::from(bite) || stop.is_cancelled() {
            return Ok(total);
        }
        // On SQLite others are waiting for the one writer.
        tokio::task::yield_now().await;
    }
}

/// Instances that start together do not prune together.
fn first_prune(config: &InboxConfig) -> Duration {
    pause(1, config.prune_interval, config.prune_interval)
}

fn report(error: &DbError) {
    match error.class() {
        ErrorClass::Retry => tracing::debug!(%error, "old marks stay for now"),
        ErrorClass::Reject | ErrorClass::Bug => {
            tracing::error!(%error, "old marks could not be deleted");
        }
    }
}

#[cfg(all(test, feature = "mock"))]
mod tests {
    use super::*;
    use crate::store::MockInboxStore;

    #[tokio::test]
    async fn a_long_prune_ends_between_two_bites_when_it_is_told_to_stop() {
        let config = InboxConfig::default();
        let (stop, told) = (CancellationToken::new(), CancellationToken::new());
        let mut store = MockInboxStore::new();
        let bite = u64::from(config.prune_bite);
        let teller = stop.clone();
        store.expect_prune_marks().returning(move |_, _| {
            // What is old never ends, but the second bite is one too many.
            assert!(!told.is_cancelled(), "it went on");
            teller.cancel();
            told.cancel();
            Ok(bite)
        });
        store.expect_prune_requests().returning(|_, _| Ok(0));

        assert_eq!(prune(&store, &config, &stop).await.unwrap(), bite);
    }
}
