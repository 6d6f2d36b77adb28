//! Whoever keeps one connection up: connects, watches, reports, waits, again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use lapin::{ErrorKind, Event};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::{Live, Role, State};
use crate::connection::{self, Endpoint, Opened};
use crate::fault::Fault;
use crate::metrics;
use crate::topology::Topology;

/// lapin reports most ends of a connection as an event, but not all of them
/// (a close with an unknown code, say); so the state is looked at, too.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How long the reason may take to arrive after the end itself.
const REASON: Duration = Duration::from_millis(100);

/// A connection that lasted so long was not ended by what it was sent first.
const STEADY: Duration = Duration::from_secs(30);

/// How a connection was lost.
struct Loss {
    fault: Fault,
    /// The broker sent what lapin cannot parse.
    unreadable: bool,
}

impl Loss {
    fn gone(reason: &str) -> Self {
        Self {
            fault: Fault::gone(reason),
            unreadable: false,
        }
    }

    fn of(error: Option<&lapin::Error>) -> Self {
        let reason = error.map_or_else(|| "the connection ended".to_owned(), ToString::to_string);
        Self {
            fault: Fault::gone(reason),
            unreadable: error
                .is_some_and(|error| matches!(error.kind(), ErrorKind::ParsingError(_))),
        }
    }
}

static GENERATIONS: AtomicU64 = AtomicU64::new(0);

pub(super) struct Supervisor {
    pub(super) role: Role,
    pub(super) endpoint: Endpoint,
    pub(super) topology: Arc<Topology>,
    pub(super) stop: CancellationToken,
    pub(super) report: watch::Sender<State>,
    pub(super) reconnect: (Duration, Duration),
    pub(super) close_timeout: Duration,
    pub(super) dials: TaskTracker,
}

impl Supervisor {
    pub(super) async fn run(self) {
        let role = self.role.name();
        let mut failures = 0;
        let mut unreadable = 0;
        while !self.stop.is_cancelled() {
            let fault = match self.establish().await {
                Ok(opened) => {
                    failures = 0;
                    let stands_since = Instant::now();
                    let Loss {
                        fault,
                        unreadable: again,
                    } = self.keep(opened).await;
                    if stands_since.elapsed() > STEADY {
                        unreadable = 0;
                    }
                    if self.stop.is_cancelled() {
                        break;
                    }
                    ::metrics::counter!(metrics::CONNECTIONS_LOST, "connection" => role)
                        .increment(1);
                    tracing::warn!(
                        connection = role,
                        reason = fault.reason(),
                        "lost the broker"
                    );
                    if again {
                        unreadable += 1;
                        self.cry_out(&fault, unreadable);
                    }
                    fault
                }
                Err(fault) => {
                    if self.stop.is_cancelled() {
                        break;
                    }
                    failures += 1;
                    ::metrics::counter!(metrics::CONNECT_FAILURES, "connection" => role)
                        .increment(1);
                    tracing::warn!(
                        connection = role,
                        attempt = failures,
                        reason = fault.reason(),
                        "cannot reach the broker"
                    );
                    fault
                }
            };
            self.report.send_replace(State::Down(Arc::new(fault)));
            // A message that ends each connection ends the next one, too: without
            // growing pauses this would be a loop at full speed.
            let pause = pause(self.reconnect, failures.max(unreadable));
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = sleep(pause) => {}
            }
        }
        self.report.send_replace(State::Closed);
        self.dials.close();
        let _ = timeout(self.close_timeout, self.dials.wait()).await;
    }

    /// Nobody but a person can help: the library drops the connection before we
    /// see whose delivery it was, so it can be neither kept nor settled.
    fn cry_out(&self, fault: &Fault, times: u32) {
        let role = self.role.name();
        ::metrics::counter!(metrics::UNREADABLE, "connection" => role).increment(1);
        tracing::error!(
            connection = role,
            times,
            reason = fault.reason(),
            "the broker sent what cannot be read, most likely a foreign message with a header name \
             or property that is not UTF-8; it comes again and holds up its queue until someone \
             takes it out there"
        );
    }

    /// A connection on which everything is declared.
    async fn establish(&self) -> Result<Opened, Fault> {
        let opened = connection::open(&self.endpoint, &self.stop, &self.dials).await?;
        let limit = self.endpoint.connect_timeout;
        let declared = timeout(
            limit,
            self.topology.declare_all(&opened.connection, self.role),
        )
        .await
        .unwrap_or_else(|_| Err(Fault::gone(format!("no declaration within {limit:?}"))));
        match declared {
            Ok(()) => Ok(opened),
            Err(fault) => {
                connection::close(opened, self.close_timeout).await;
                Err(fault)
            }
        }
    }

    /// Shows the connection to everyone until it is lost; says why it was.
    async fn keep(&self, opened: Opened) -> Loss {
        let role = self.role.name();
        let events = opened.connection.events_listener();
        let (blocking, blocked) = watch::channel(None);
        let live = Arc::new(Live {
            opened,
            generation: GENERATIONS.fetch_add(1, Ordering::Relaxed),
            blocked,
            gone: CancellationToken::new(),
            suspect: CancellationToken::new(),
        });
        self.report.send_replace(State::Up(Arc::clone(&live)));
        ::metrics::gauge!(metrics::CONNECTED, "connection" => role).set(1);
        tracing::info!(connection = role, "connected to the broker");

        let loss = self.until_lost(&live, events, &blocking).await;

        self.report
            .send_replace(State::Down(Arc::new(loss.fault.clone())));
        live.gone.cancel();
        ::metrics::gauge!(metrics::CONNECTED, "connection" => role).set(0);
        if self.role == Role::Publish {
            ::metrics::gauge!(metrics::BLOCKED).set(0);
        }
        self.let_go(live).await;
        loss
    }

    async fn until_lost(
        &self,
        live: &Live,
        events: impl Stream<Item = Event>,
        blocking: &watch::Sender<Option<String>>,
    ) -> Loss {
        let status = live.connection().status();
        let mut events = std::pin::pin!(events);
        let mut last = None;
        loop {
            if !status.connected() {
                // lapin changes its state before it says why.
                while let Ok(Some(event)) = timeout(REASON, events.next()).await {
                    if let Event::Error(error) = event {
                        last = Some(error);
                        break;
                    }
                }
                return Loss::of(last.as_ref());
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Loss::gone("the transport is closed"),
                () = live.suspect.cancelled() => return Loss::gone("given up as unresponsive"),
                event = events.next() => match event {
                    Some(Event::ConnectionBlocked(reason)) => {
                        ::metrics::gauge!(metrics::BLOCKED).set(1);
                        tracing::warn!(reason, "the broker blocks publishing");
                        blocking.send_replace(Some(reason));
                    }
                    Some(Event::ConnectionUnblocked) => {
                        ::metrics::gauge!(metrics::BLOCKED).set(0);
                        tracing::info!("the broker takes messages again");
                        blocking.send_replace(None);
                    }
                    // Errors of channels come here, too; the state decides.
                    Some(Event::Error(error)) => last = Some(error),
                    Some(_) => {}
                    None => return Loss::of(last.as_ref()),
                },
                () = sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Closes the connection, once no one else uses it: within the bound.
    async fn let_go(&self, live: Arc<Live>) {
        let deadline = Instant::now() + self.close_timeout;
        let mut live = live;
        loop {
            match Arc::try_unwrap(live) {
                Ok(alone) => return connection::close(alone.opened, self.close_timeout).await,
                Err(shared) => live = shared,
            }
            // Those who hold it were told through `gone`, and what they wait
            // for fails as soon as the connection is closed.
            live.opened.shut(self.close_timeout).await;
            if Instant::now() >= deadline {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Doubled at every failure, and shortened by up to a half at random, so that
/// many processes do not come back at the same moment.
fn pause((min, max): (Duration, Duration), failures: u32) -> Duration {
    let full = min.saturating_mul(1 << failures.min(16)).min(max);
    let percent = 50 + u32::from(Uuid::new_v4().as_bytes()[0]) % 51;
    full.saturating_mul(percent) / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_limit_and_differ() {
        let bounds = (Duration::from_millis(200), Duration::from_secs(10));
        for failures in [0, 1, 5, 30, u32::MAX] {
            let pause = pause(bounds, failures);
            assert!(pause >= bounds.0 / 2 && pause <= bounds.1, "{pause:?}");
        }
        assert!(pause(bounds, 30) >= bounds.1 / 2);
    }
}
