//! One message by itself: its attempt is committed before its handler runs, so
//! that even a handler that ends the process is counted.

use std::future::Future;
use std::time::Duration;

use gozon_core::{Envelope, ErrorClass};
use gozon_sqlx::DbError;
use tokio_util::sync::CancellationToken;

use crate::attempt::AttemptError;
use crate::backoff::{Backoff, pause};
use crate::consumer::{ConsumerError, Engine, Stop};
use crate::database::InboxDatabase;
use crate::handler::HandleError;
use crate::line::Line;
use crate::metrics::{self, Outcome};
use crate::store::Kept;

/// The longest reason that is stored, in characters.
const REASON: usize = 2_000;

impl<D: InboxDatabase> Engine<D> {
    /// Gives a delivered message its outcome. `failed` is how its handler has
    /// just failed, if it ran alone already: then it does not run once more.
    pub(crate) async fn alone(
        &self,
        message: &Envelope,
        failed: Option<HandleError>,
        stop: &CancellationToken,
    ) -> Result<(), Stop> {
        let counting = || self.store.attempt(&self.consumer, message.id);
        let outcome = match self.hold(stop, counting).await? {
            None => Outcome::Duplicate,
            Some(attempts) => self.decide(message, attempts, 0, failed, stop).await?,
        };
        metrics::handled(&self.consumer, outcome, 1);
        Ok(())
    }

    /// Runs the handler and commits what became of it. `attempts` includes this
    /// one and is committed; those that a replay has forgiven do not count.
    pub(crate) async fn decide(
        &self,
        message: &Envelope,
        attempts: u32,
        forgiven: u32,
        failed: Option<HandleError>,
        stop: &CancellationToken,
    ) -> Result<Outcome, Stop> {
        let limit = self.config.max_attempts;
        let tried = attempts.saturating_sub(forgiven);
        if tried > limit {
            let lost = format!("no outcome in {limit} attempts; the process may have died in it");
            let error = HandleError::bug(lost);
            return self.keep(message, limit, attempts, &error, stop).await;
        }
        let mut failed = failed;
        let mut repeats = 0;
        let mut backoff = Backoff::up_to(self.config.outage_backoff);
        loop {
            let error = match failed.take() {
                Some(error) => error,
                None => match self.attempt_alone(message, attempts).await {
                    Ok(true) => return Ok(Outcome::Done),
                    Ok(false) => return Ok(Outcome::Duplicate),
                    Err(AttemptError::Handling(error)) => error,
                    Err(AttemptError::Store(error)) => {
                        self.endure(error, &mut backoff, stop).await?;
                        continue;
                    }
                },
            };
            if error.is_transient() && repeats < self.config.conflict_repeats {
                repeats += 1;
                self.repeat(&error, &mut backoff, stop).await?;
                continue;
            }
            return self.keep(message, tried, attempts, &error, stop).await;
        }
    }

    /// Puts the message aside, for later or for good.
    async fn keep(
        &self,
        message: &Envelope,
        tried: u32,
        attempts: u32,
        error: &HandleError,
        stop: &CancellationToken,
    ) -> Result<Outcome, Stop> {
        let again = error.class() == ErrorClass::Retry && tried < self.config.max_attempts;
        let retry_in = again.then(|| self.retry_pause(tried));
        let line = self.line_of(message);
        let kept = kept(message, line, attempts, retry_in, &error.to_string());
        let keeping = || self.store.keep(&self.consumer, &kept);
        if !self.hold(stop, keeping).await? {
            return Ok(Outcome::Duplicate);
        }
        let outcome = match retry_in {
            Some(_) => Outcome::Retry,
            None => Outcome::Dead(error.class()),
        };
        self.announce(message, outcome, attempts, &kept.reason);
        Ok(outcome)
    }

    fn retry_pause(&self, attempts: u32) -> Duration {
        pause(attempts, self.config.retry_initial, self.config.retry_max)
    }

    fn announce(&self, message: &Envelope, outcome: Outcome, attempts: u32, reason: &str) {
        let (consumer, id, kind) = (self.consumer.as_str(), message.id, message.kind.as_str());
        match outcome {
            Outcome::Dead(ErrorClass::Bug) => tracing::error!(
                consumer, message.id = %id, message.type = kind, attempts, reason,
                "a message is a dead letter because of a fault of ours"
            ),
            Outcome::Dead(ErrorClass::Retry | ErrorClass::Reject) => tracing::warn!(
                consumer, message.id = %id, message.type = kind, attempts, reason,
                "a message is a dead letter"
            ),
            Outcome::Retry => tracing::info!(
                consumer, message.id = %id, message.type = kind, attempts, reason,
                "a message will be tried again"
            ),
            Outcome::Done | Outcome::Duplicate | Outcome::Held => {}
        }
    }

    /// Repeats `work` for as long as the database is away.
    pub(crate) async fn hold<T, W: Future<Output = Result<T, DbError>>>(
        &self,
        stop: &CancellationToken,
        mut work: impl FnMut() -> W,
    ) -> Result<T, Stop> {
        let mut backoff = Backoff::up_to(self.config.outage_backoff);
        loop {
            match work().await {
                Ok(done) => return Ok(done),
                Err(error) => self.endure(error, &mut backoff, stop).await?,
            }
        }
    }

    /// Waits before a statement of the inbox is repeated, or ends the consumer
    /// if repeating cannot help.
    pub(crate) async fn endure(
        &self,
        error: DbError,
        backoff: &mut Backoff,
        stop: &CancellationToken,
    ) -> Result<(), Stop> {
        if error.class() != ErrorClass::Retry {
            return Err(Stop::Failed(ConsumerError::Store(error)));
        }
        metrics::count(metrics::REPEATS, &self.consumer);
        backoff.pausing(&self.health);
        tracing::warn!(consumer = self.consumer, %error, "the database is away; messages are held");
        wait(backoff, stop).await
    }

    /// Waits before handling is repeated.
    pub(crate) async fn repeat(
        &self,
        error: &HandleError,
        backoff: &mut Backoff,
        stop: &CancellationToken,
    ) -> Result<(), Stop> {
        metrics::count(metrics::REPEATS, &self.consumer);
        tracing::info!(consumer = self.consumer, %error, "the work is repeated");
        wait(backoff, stop).await
    }
}

async fn wait(backoff: &mut Backoff, stop: &CancellationToken) -> Result<(), Stop> {
    if backoff.wait(stop).await {
        Ok(())
    } else {
        Err(Stop::Shutdown)
    }
}

fn kept(
    message: &Envelope,
    line: Option<Line>,
    attempts: u32,
    retry_in: Option<Duration>,
    reason: &str,
) -> Kept {
    let (attributes, malformed) = written(message);
    Kept {
        id: message.id,
        attempts,
        // What cannot be written down cannot be read again.
        retry_in: retry_in.filter(|_| !malformed),
        malformed,
        attributes,
        reason: storable(reason),
        data: message.data.clone(),
        line,
    }
}

/// A message's attributes as text; its id alone, and true, if they cannot be
/// written.
pub(crate) fn written(message: &Envelope) -> (String, bool) {
    match message.attributes_json() {
        Ok(attributes) => (attributes, false),
        Err(_) => (format!(r#"{{"id":"{}"}}"#, message.id), true),
    }
}

/// PostgreSQL's text holds no NUL, and a reason is read by people.
pub(crate) fn storable(text: &str) -> String {
    let shown = text.chars().filter(|c| *c != '\0').take(REASON);
    shown.collect()
}
