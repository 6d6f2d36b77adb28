//! Runs again what was put aside, when its time has come.

use std::time::Duration;

use gozon_core::{Envelope, ErrorClass};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::backoff::{Backoff, rest};
use crate::consumer::{ConsumerError, Engine, Stop};
use crate::database::InboxDatabase;
use crate::metrics::{self, Outcome};
use crate::store::{Due, Kept};
use crate::workers::Ended;

/// How often to look for lines that a process left stuck when it ended.
const LOOK: Duration = Duration::from_secs(30);

/// Runs until `stop`. Instances share the work: what one has claimed, the
/// others do not see until its lease ends.
pub(crate) async fn run<D: InboxDatabase>(
    engine: &Engine<D>,
    stop: &CancellationToken,
) -> Result<Ended, ConsumerError> {
    let config = &engine.config;
    let _at_work = engine.health.at_work();
    let mut backoff = Backoff::up_to(config.outage_backoff);
    let mut look_at = Instant::now();
    while !stop.is_cancelled() {
        if engine.ordered && Instant::now() >= look_at {
            match engine.free_stuck_lines().await {
                Ok(()) => {}
                Err(error) if error.class() == ErrorClass::Retry => {
                    tracing::debug!(consumer = engine.consumer, %error, "lines were not looked at");
                }
                Err(error) => return Err(ConsumerError::Store(error)),
            }
            look_at = Instant::now() + LOOK;
        }
        // One at a time: a claim counts the attempt, and if the handler ends
        // the process, no other message shall have been counted with it.
        let claimed = engine.store.claim_due(&engine.consumer, config.claim_lease);
        let due = match claimed.await {
            Ok(Some(due)) => due,
            Ok(None) => {
                backoff = Backoff::up_to(config.outage_backoff);
                rest(config.retry_poll, stop).await;
                continue;
            }
            Err(error) if error.class() == ErrorClass::Retry => {
                tracing::debug!(consumer = engine.consumer, %error, "retries wait for the database");
                backoff.wait(stop).await;
                continue;
            }
            Err(error) => return Err(ConsumerError::Store(error)),
        };
        let id = due.id;
        match run_one(engine, due, stop).await {
            Ok(outcome) => {
                metrics::handled(&engine.consumer, outcome, 1);
                if engine.ordered {
                    let leaving = || engine.store.leave_line(&engine.consumer, id);
                    match engine.hold(stop, leaving).await {
                        Ok(()) => {}
                        Err(Stop::Shutdown) => return Ok(Ended::Told),
                        Err(Stop::Failed(error)) => return Err(error),
                    }
                }
            }
            Err(Stop::Shutdown) => return Ok(Ended::Told),
            Err(Stop::Failed(error)) => return Err(error),
        }
    }
    Ok(Ended::Told)
}

async fn run_one<D: InboxDatabase>(
    engine: &Engine<D>,
    due: Due,
    stop: &CancellationToken,
) -> Result<Outcome, Stop> {
    match Envelope::from_stored(&due.attributes, due.data.clone()) {
        Ok(message) => {
            let (attempts, forgiven) = (due.attempts, due.forgiven);
            let decided = engine.decide(&message, attempts, forgiven, None, stop);
            decided.await
        }
        // We wrote it and cannot read it: kept as it stands, for a person.
        Err(error) => {
            tracing::error!(consumer = engine.consumer, message.id = %due.id, %error, "a kept message is not readable");
            let kept = Kept {
                id: due.id,
                attempts: due.attempts,
                retry_in: None,
                reason: error.to_string(),
                attributes: due.attributes,
                data: due.data.into(),
                line: None,
                malformed: true,
            };
            let keeping = || engine.store.keep(&engine.consumer, &kept);
            engine.hold(stop, keeping).await?;
            Ok(Outcome::Dead(ErrorClass::Bug))
        }
    }
}
