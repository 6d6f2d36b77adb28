//! Keeps the workers of a consumer at work: one that vanishes is alarmed about
//! and started again.

use std::future::Future;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::attempt::caught;
use crate::backoff::Backoff;
use crate::config::InboxConfig;
use crate::consumer::ConsumerError;
use crate::health::{Cause, ConsumerHealth};

/// How a worker ended that did not fail for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It was told to.
    Told,
    /// Nothing more came, and nobody had told it so.
    Vanished,
}

/// Runs `work` until `stop`; again when it panics or ends by itself.
pub(crate) async fn keep<W>(
    worker: &'static str,
    health: &ConsumerHealth,
    config: &InboxConfig,
    stop: &CancellationToken,
    work: impl Fn() -> W,
) -> Result<(), ConsumerError>
where
    W: Future<Output = Result<Ended, ConsumerError>>,
{
    let mut backoff = Backoff::up_to(config.outage_backoff);
    loop {
        let since = Instant::now();
        let cause = match caught(work()).await {
            Some(ended) => match ended? {
                Ended::Told => return Ok(()),
                Ended::Vanished => Cause::Ended,
            },
            None => Cause::Panicked,
        };
        if stop.is_cancelled() {
            return Ok(());
        }
        health.restarted(cause);
        health.trouble(format_args!("{worker} {}", cause.label()));
        let consumer = health.consumer();
        match cause {
            Cause::Panicked => {
                tracing::error!(consumer, worker, "a worker panicked; it is started again");
            }
            Cause::Ended | Cause::Resumed => {
                tracing::error!(consumer, worker, "a worker vanished; it is started again");
            }
        }
        // What has worked for a while fails for a new reason.
        if since.elapsed() > config.outage_backoff {
            backoff = Backoff::up_to(config.outage_backoff);
        }
        if !backoff.wait(stop).await {
            return Ok(());
        }
    }
}
