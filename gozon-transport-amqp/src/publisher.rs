//! Batches of messages and what becomes of them.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use gozon_core::{Envelope, Outcome, TransportError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::board::Board;
use crate::channels::{Channels, discard};
use crate::fault::Fault;
use crate::flight::{Landing, fly};
use crate::link::{Link, Live};
use crate::topology::Topology;
use crate::{AmqpConfig, metrics};

/// What lapin had queued behind a message that closed its channel it still sends
/// afterwards, and the broker ends the whole connection over it. So a search for
/// culprits goes on over new connections.
const TRIES_AFTER_REFUSAL: u32 = 3;

/// When the broker begins to block, how long confirmations of what it already
/// read may take.
const BLOCKED_GRACE: Duration = Duration::from_millis(250);
/// How long a flight that is given up may take to write down what it heard.
const LANDING: Duration = Duration::from_millis(100);

pub(crate) struct AmqpPublisher {
    link: Link,
    topology: Arc<Topology>,
    channels: Arc<Channels>,
    permits: Arc<Semaphore>,
    tasks: TaskTracker,
    stop: CancellationToken,
    publish_timeout: Duration,
    publish_wait: Duration,
    operation_timeout: Duration,
    alone_bytes: usize,
}

impl AmqpPublisher {
    pub(crate) fn new(
        config: &AmqpConfig,
        link: Link,
        topology: Arc<Topology>,
        tasks: TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        Self {
            link,
            topology,
            channels: Arc::default(),
            permits: Arc::new(Semaphore::new(config.publish_channels)),
            tasks,
            stop,
            publish_timeout: config.publish_timeout,
            publish_wait: config.publish_wait,
            operation_timeout: config.operation_timeout,
            alone_bytes: config.alone_bytes,
        }
    }

    pub(crate) async fn publish(&self, batch: &[Envelope]) -> Vec<Outcome> {
        let started = Instant::now();
        let board = Arc::new(Board::new(batch, Arc::clone(&self.topology)));
        let rest = if board.open().is_empty() {
            unknown("never tried")
        } else {
            self.attempt(&board, started + self.publish_timeout).await
        };
        let outcomes = board.outcomes(&rest);
        ::metrics::histogram!(metrics::PUBLISH_SECONDS).record(started.elapsed());
        count(&outcomes);
        outcomes
    }

    /// Does what can be done until `deadline`; says what the rest is.
    async fn attempt(&self, board: &Arc<Board>, deadline: Instant) -> Outcome {
        if self.stop.is_cancelled() {
            return unknown("the transport is closed");
        }
        let wait = deadline.min(Instant::now() + self.publish_wait);
        let live = match self.link.up(wait).await {
            Ok(live) => live,
            Err(error) => return unknown(&error.to_string()),
        };
        if let Some(reason) = live.blocked() {
            return Outcome::Nacked {
                reason: format!("the broker blocks publishing: {reason}"),
            };
        }
        let permit = Arc::clone(&self.permits).acquire_owned();
        let Ok(Ok(permit)) = timeout_at(deadline, permit).await else {
            return Outcome::Nacked {
                reason: "all publishing channels are busy".to_owned(),
            };
        };

        // A task of its own, so that a caller who stops waiting does not leave
        // a channel behind with half a message on it.
        let given_up = CancellationToken::new();
        let give_up = given_up.clone().drop_guard();
        let work = Work {
            link: self.link.clone(),
            topology: Arc::clone(&self.topology),
            channels: Arc::clone(&self.channels),
            board: Arc::clone(board),
            given_up,
            deadline,
            limit: self.operation_timeout,
            alone_bytes: self.alone_bytes,
        };
        let mut task = self.tasks.spawn(work.run(permit));
        let rest = tokio::select! {
            biased;
            ended = &mut task => return match ended {
                Ok(()) => unknown("never tried"),
                Err(error) => unknown(&format!("the publishing task failed: {error}")),
            },
            () = sleep_until(deadline) => {
                unknown(&format!("not confirmed within {:?}", self.publish_timeout))
            }
            () = async {
                live.until_blocked().await;
                sleep(BLOCKED_GRACE).await;
            } => unknown("the broker began to block publishing"),
        };
        // What has been heard is noted before the flight gives up. One that
        // cannot write does not land, and has heard nothing new.
        drop(give_up);
        let _ = timeout(LANDING, board.landed()).await;
        rest
    }

    /// Lets go of idle channels.
    pub(crate) fn clear(&self) {
        self.channels.clear();
    }
}

/// The publishing of one batch.
struct Work {
    link: Link,
    topology: Arc<Topology>,
    channels: Arc<Channels>,
    board: Arc<Board>,
    given_up: CancellationToken,
    deadline: Instant,
    limit: Duration,
    alone_bytes: usize,
}

impl Work {
    async fn run(self, _permit: OwnedSemaphorePermit) {
        let (alone, together): (Vec<_>, Vec<_>) = self
            .board
            .open()
            .into_iter()
            .partition(|&index| self.bytes(index) >= self.alone_bytes);
        let result = match self.together(together).await {
            Ok(()) => self.alone(alone).await,
            failed => failed,
        };
        if let Err(fault) = result {
            self.board.give_up(fault.reason().to_owned());
        }
    }

    /// Publishes all at once. Where the broker closes the channel over one of
    /// them, finds out which, from the largest on: size is what brokers refuse.
    async fn together(&self, mut members: Vec<usize>) -> Result<(), Fault> {
        let mut tries = 1;
        while !members.is_empty() {
            match self.flight(&members, tries).await {
                Err(Fault::Refused(_)) => {}
                settled => return settled,
            }
            tries = TRIES_AFTER_REFUSAL;
            members = self.still_open(&members);
            members.sort_by_key(|&index| Reverse(self.bytes(index)));
            // One after the other, until culprits were found and an innocent
            // one passed; then the rest may go together again.
            let mut suspects = std::mem::take(&mut members).into_iter();
            let mut found = false;
            for index in suspects.by_ref() {
                let refused = self.single(index, tries).await?;
                if found && !refused {
                    break;
                }
                found |= refused;
            }
            members = suspects.collect();
        }
        Ok(())
    }

    async fn alone(&self, members: Vec<usize>) -> Result<(), Fault> {
        for index in members {
            self.single(index, 1).await?;
        }
        Ok(())
    }

    /// Publishes one message with nothing beside it; whether it was refused.
    async fn single(&self, index: usize, tries: u32) -> Result<bool, Fault> {
        match self.flight(&[index], tries).await {
            Ok(()) => Ok(false),
            Err(Fault::Refused(reason)) => {
                tracing::warn!(
                    message.id = %self.board.wire(index).map_or_else(String::new, |w| w.id.to_string()),
                    reason,
                    "the broker refused a message for its own sake"
                );
                self.board.refuse(index, reason);
                Ok(true)
            }
            Err(fault) => Err(fault),
        }
    }

    /// Publishes these at once; tries again, as often as it is told, when the
    /// connection goes.
    async fn flight(&self, members: &[usize], tries: u32) -> Result<(), Fault> {
        let mut members = members.to_vec();
        let mut last = Fault::gone("not tried in time");
        for _ in 0..tries {
            if self.given_up.is_cancelled() {
                break;
            }
            let live = self.link.up(self.deadline).await.map_err(lost)?;
            match self.flight_on(&live, &members).await {
                Err(Fault::Gone(reason)) => last = Fault::Gone(reason),
                settled => return settled,
            }
            if live.connection().status().connected() {
                break;
            }
            // Its end is on its way to everyone; the next one comes after it.
            let _ = timeout_at(self.deadline, live.gone.cancelled()).await;
            members = self.still_open(&members);
        }
        Err(last)
    }

    async fn flight_on(&self, live: &Live, members: &[usize]) -> Result<(), Fault> {
        if let Some(reason) = live.blocked() {
            return Err(Fault::gone(format!(
                "the broker blocks publishing: {reason}"
            )));
        }
        let channel = self.channels.take(live, self.limit).await?;
        let exchange = self.topology.exchange();
        let landing = fly(
            live,
            &channel,
            &exchange,
            &self.board,
            members,
            &self.given_up,
        )
        .await;
        match landing {
            Landing::Complete => {
                self.channels.give_back(live, channel);
                Ok(())
            }
            Landing::Abandoned => {
                discard(channel, self.limit).await;
                Err(Fault::gone("not confirmed in time"))
            }
            Landing::Broken(fault) => {
                discard(channel, self.limit).await;
                if let Fault::Missing(reason) = &fault {
                    tracing::error!(reason, "the exchange is gone, declaring it again");
                    let channel = self.channels.take(live, self.limit).await?;
                    self.topology
                        .declare_exchange(&channel)
                        .await
                        .map_err(Fault::before_any_message)?;
                    self.channels.give_back(live, channel);
                }
                Err(fault)
            }
        }
    }

    fn still_open(&self, members: &[usize]) -> Vec<usize> {
        let open: HashSet<_> = self.board.open().into_iter().collect();
        let members = members.iter().copied();
        members.filter(|index| open.contains(index)).collect()
    }

    fn bytes(&self, index: usize) -> usize {
        self.board.wire(index).map_or(0, |wire| wire.data.len())
    }
}

fn lost(error: TransportError) -> Fault {
    Fault::gone(error.to_string())
}

fn unknown(reason: &str) -> Outcome {
    Outcome::Unknown {
        reason: reason.to_owned(),
    }
}

fn count(outcomes: &[Outcome]) {
    let mut counts = [
        ("confirmed", 0),
        ("nacked", 0),
        ("returned", 0),
        ("unknown", 0),
        ("refused", 0),
    ];
    for outcome in outcomes {
        let at = match outcome {
            Outcome::Confirmed => 0,
            Outcome::Nacked { .. } => 1,
            Outcome::Returned { .. } => 2,
            Outcome::Unknown { .. } => 3,
            Outcome::Refused { .. } => 4,
        };
        counts[at].1 += 1;
    }
    for (outcome, count) in counts {
        if count > 0 {
            ::metrics::counter!(metrics::PUBLISHED, "outcome" => outcome).increment(count);
        }
    }
}
