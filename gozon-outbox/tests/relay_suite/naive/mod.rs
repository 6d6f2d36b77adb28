//! A simple relay, written from the contracts alone, with one fault at a time.
//!
//! One loop, one message per publish; what is under way is in a few maps.

mod books;
mod owning;
mod publishing;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use gozon_core::{Outcome, Publisher};
use gozon_outbox::OutboxConfig;
use gozon_outbox::store::{Failure, MemberId, OutboxStore, Row};
use gozon_sqlx::DbError;
use time::OffsetDateTime;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// What is wrong with the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// Publishes what it finds, also beside an unanswered message of its key.
    TwoUnconfirmedPerKey,
    /// Tries a failed message again later, and goes on with its key meanwhile.
    LetsSuccessorsThrough,
    /// Waits with everything behind a message that has to wait.
    WaitsInLine,
    /// One message at a time.
    OneAtATime,
    /// Reads above the highest number that it has seen.
    OnlyMovesForward,
    /// Reads above the highest number there was when it started.
    StartsAtTheEnd,
    /// Does not look for delayed messages.
    NeverPromotes,
    /// Takes the acknowledgement that follows a return for a confirmation.
    TakesReturnedForConfirmed,
    /// Takes silence for consent.
    TakesUnknownForConfirmed,
    /// Takes any answer for a confirmation.
    TakesNackedForConfirmed,
    /// Holds what failed, and does not try it again.
    NeverRepeats,
    /// Waits for an answer however long it takes.
    WaitsForAnswersForEver,
    /// Deletes what it is about to publish.
    DeletesBeforeConfirm,
    /// Does not say when it published.
    SaysNotWhen,
    /// Says when it published for the first time.
    SaysWhenFirst,
    /// Deletes nothing.
    DeletesNothing,
    /// Gives a message up after five tries.
    BuriesAfterFiveTries,
    /// Repeats what was refused for its own sake.
    RepeatsTheRefused,
    /// Deletes what was refused for its own sake.
    DropsTheRefused,
    /// A row that cannot be read ends it.
    TrustsEveryRow,
    /// A row that cannot be read is passed over.
    PassesTheUnreadable,
    /// Publishes what it has read, whenever that was.
    PublishesAfterItsTerm,
    /// Does not ask which keys were held when it takes partitions over.
    ForgetsHeldKeys,
    /// Gives no partition to others.
    TakesEverything,
    /// Takes partitions when it starts, and never again.
    TakesOnce,
    /// Ends when the database does not answer.
    EndsWithTheDatabase,
    /// Does not wait for what is in flight when it is stopped.
    StopsAtOnce,
    /// Goes on publishing until everything in flight has its answer.
    PublishesWhileStopping,
    /// Waits for what is in flight however long it takes.
    StopsWithAnAnswerAlone,
    /// Says nothing when it leaves.
    LeavesWithoutAWord,
    /// Repeats everything that failed, by itself.
    HasNoBreaker,
    /// Keeps what does not get through in memory.
    ParksNothing,
}

pub(crate) struct Naive {
    fault: Fault,
    store: Arc<dyn OutboxStore>,
    publisher: Arc<dyn Publisher>,
    config: OutboxConfig,
    member: MemberId,
    owned: BTreeMap<i32, Owned>,
    /// Read and not published.
    waiting: BTreeMap<i64, Row>,
    flying: HashMap<i64, Row>,
    /// The first message of each key that is unsent; by number.
    held: HashMap<i64, Held>,
    deletes: Vec<i64>,
    failures: Vec<Failure>,
    breakers: HashMap<String, Breaker>,
    answers: JoinSet<(i64, Outcome)>,
    highest: i64,
    next_tick: Instant,
    next_promotion: Instant,
    next_read: Instant,
    pause: Duration,
    /// When each message was published for the first time.
    first: HashMap<i64, OffsetDateTime>,
    stopping: bool,
}

struct Owned {
    epoch: i64,
    until: Instant,
    /// Its held keys are known.
    loaded: bool,
    leaving: bool,
}

struct Held {
    key: Option<String>,
    kind: String,
    partition: i32,
    due: Instant,
    /// The broker has it, or a person took it away.
    delivered: bool,
}

#[derive(Default)]
struct Breaker {
    failures: u32,
    closed_until: Option<Instant>,
}

impl Naive {
    pub(crate) fn new(
        fault: Fault,
        store: Arc<dyn OutboxStore>,
        publisher: Arc<dyn Publisher>,
        config: OutboxConfig,
    ) -> Self {
        let now = Instant::now();
        Self {
            fault,
            store,
            publisher,
            pause: config.poll_min,
            config,
            member: MemberId::generate(),
            owned: BTreeMap::new(),
            waiting: BTreeMap::new(),
            flying: HashMap::new(),
            held: HashMap::new(),
            deletes: Vec::new(),
            failures: Vec::new(),
            breakers: HashMap::new(),
            answers: JoinSet::new(),
            highest: 0,
            next_tick: now,
            next_promotion: now,
            next_read: now,
            first: HashMap::new(),
            stopping: false,
        }
    }

    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            let round = self.round().await;
            if round.is_err() {
                if self.fault == Fault::EndsWithTheDatabase {
                    return;
                }
                // The broker's answers are awaited in the meantime.
                self.next_read = Instant::now() + Duration::from_millis(200);
            }
            let wait = self.next_read.saturating_duration_since(Instant::now());
            tokio::select! {
                biased;
                Some(answer) = self.answers.join_next() => self.answered(answer.unwrap()),
                () = sleep(wait.max(Duration::from_millis(1))) => {}
                () = shutdown.cancelled() => {}
            }
            while let Some(answer) = self.answers.try_join_next() {
                self.answered(answer.unwrap());
            }
            self.publish();
        }
        self.drain().await;
    }

    async fn round(&mut self) -> Result<(), DbError> {
        let now = Instant::now();
        if now >= self.next_tick {
            self.tick().await?;
            self.next_tick = now + self.config.term / 3;
        }
        self.load().await?;
        self.write().await?;
        self.shed().await?;
        if now >= self.next_promotion && self.fault != Fault::NeverPromotes {
            self.next_promotion = now + self.config.delay_poll;
            let leases = self.readable();
            bounded(self.store.promote(&leases, 100)).await?;
        }
        self.repeat().await?;
        if now >= self.next_read {
            self.read().await?;
        }
        Ok(())
    }

    async fn drain(mut self) {
        self.stopping = true;
        let deadline = Instant::now() + self.config.drain_timeout;
        while !self.flying.is_empty() && self.fault != Fault::StopsAtOnce {
            if self.fault == Fault::PublishesWhileStopping {
                let _ = self.read().await;
                self.publish();
            }
            let left = match self.fault {
                Fault::StopsWithAnAnswerAlone => Duration::from_secs(3_600),
                _ => deadline.saturating_duration_since(Instant::now()),
            };
            let wait = left.min(Duration::from_millis(100));
            match timeout(wait, self.answers.join_next()).await {
                Ok(Some(answer)) => self.answered(answer.unwrap()),
                Ok(None) => break,
                Err(_) if left.is_zero() => break,
                Err(_) => {}
            }
            if self.write().await.is_err() && left.is_zero() {
                break;
            }
        }
        let _ = self.write().await;
        if self.fault != Fault::LeavesWithoutAWord {
            let _ = bounded(self.store.leave(self.member)).await;
        }
    }

    /// Keys of which nothing may be published now.
    fn busy_keys(&self) -> HashSet<String> {
        let flying = self.flying.values().map(|row| &row.key);
        let flying = flying.filter(|_| self.fault != Fault::TwoUnconfirmedPerKey);
        let held = self.held.values().map(|held| &held.key);
        flying.chain(held).flatten().cloned().collect()
    }
}

/// No answer in time is an outage like any other.
async fn bounded<T>(work: impl Future<Output = Result<T, DbError>>) -> Result<T, DbError> {
    match timeout(Duration::from_secs(1), work).await {
        Ok(answer) => answer,
        Err(_) => Err(sqlx::Error::PoolTimedOut.into()),
    }
}
