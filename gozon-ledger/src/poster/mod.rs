//! Group commit: many callers, one transaction.

mod batch;
mod config;
mod error;
mod queue;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{Books, ConfigError, LedgerError, Outcomes, Posted, Transfer, metrics};
use batch::Batches;
use queue::{Group, Queue, legs};

pub use config::PosterConfig;
pub use error::PosterError;

/// What a [`Poster`] needs of a ledger. Every [`Books`] has it.
#[async_trait]
pub trait PostBatch: Send + Sync {
    /// Posts the transfers in a transaction of their own, in order; one outcome
    /// per transfer. See [`crate::Ledger::post`]. A [`Poster`] calls it from one task,
    /// for one batch at a time. After a dropped future the batch is posted as a whole
    /// or not at all: nobody is told, and a repeat with the same ids finds out.
    ///
    /// # Errors
    /// Nothing was posted, or nobody knows. After [`LedgerError::Contention`] the
    /// poster asks again, with pauses; in an outage it tells every caller so; after
    /// anything else it posts the calls one by one, so that none takes others down.
    async fn post_batch(&self, transfers: &[Transfer]) -> Result<Outcomes, LedgerError>;
}

#[async_trait]
impl<B: Books> PostBatch for B {
    async fn post_batch(&self, transfers: &[Transfer]) -> Result<Outcomes, LedgerError> {
        self.post(transfers).await
    }
}

#[async_trait]
impl PostBatch for Arc<dyn Books> {
    async fn post_batch(&self, transfers: &[Transfer]) -> Result<Outcomes, LedgerError> {
        self.post(transfers).await
    }
}

/// Groups standalone posts of many callers into one transaction at a time, so
/// that a hot account costs what a cold one costs. Cheap to clone.
///
/// Whoever has a transaction of its own calls [`crate::Ledger::post_in`]; this
/// is for everyone else, such as HTTP routes that post one transfer each. Give
/// [`Poster::run`] to a task that you own; without it, calls wait for their
/// deadline.
///
/// ```no_run
/// # #[cfg(feature = "postgres")]
/// # async fn example(
/// #     ledger: gozon_ledger::Ledger<gozon_sqlx::Postgres>,
/// #     transfer: gozon_ledger::Transfer,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// use gozon_ledger::{PostError, Poster, PosterConfig, PosterError};
/// use tokio_util::sync::CancellationToken;
///
/// let poster = Poster::new(ledger, PosterConfig::default())?;
/// let shutdown = CancellationToken::new();
/// let task = tokio::spawn({
///     let (poster, shutdown) = (poster.clone(), shutdown.clone());
///     async move { poster.run(shutdown).await }
/// });
///
/// match poster.post(transfer).await {
///     Ok(posted) => println!("recorded at {}", posted.recorded_at),
///     Err(PosterError::Refused(PostError::InsufficientFunds { .. })) => println!("no money"),
///     Err(other) => println!("{other}: {:?}", other.class()),
/// }
///
/// shutdown.cancel();
/// task.await?; // returns when what waited has its answer
/// # Ok(())
/// # }
/// ```
///
/// **Batches.** While one transaction commits, the next batch collects; an idle
/// poster posts a single transfer at once and never waits for company. There is
/// one transaction at a time: on a hot account a second one would only wait for
/// the first one's locks, and callers keep the order in which they came.
/// **Outcomes.** Every call gets its own. A refused transfer disturbs no
/// neighbour; if the transaction itself fails, other than by an outage of the
/// database, its groups are posted again one by one, so that only the one that
/// caused it fails.
/// **Overload.** The queue has limits; a call that finds it full is answered
/// [`PosterError::Overloaded`] at once.
/// **Deadlines and dropped callers.** A group whose deadline has passed, or
/// whose caller dropped the future, is not posted if its transaction has not
/// begun; if it has, it may be posted although no one hears of it. Repeating
/// with the same ids is always safe and tells which it was.
/// **Shutdown.** See [`Poster::run`].
#[derive(Clone)]
pub struct Poster {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Queue,
    batches: Batches,
    /// One transaction at a time, also if `run` is called twice.
    running: tokio::sync::Mutex<()>,
}

impl Poster {
    /// A poster on a ledger: `Poster::new(ledger.clone(), config)`.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting that cannot work.
    pub fn new(
        ledger: impl PostBatch + 'static,
        config: PosterConfig,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        let queue = Queue::new(&config);
        let batches = Batches {
            ledger: Box::new(ledger),
            config,
        };
        Ok(Self {
            shared: Arc::new(Shared {
                queue,
                batches,
                running: tokio::sync::Mutex::default(),
            }),
        })
    }

    /// Posts one transfer, together with whatever else waits.
    ///
    /// # Errors
    /// [`PosterError::Refused`] by the rules; every other error says whether
    /// the transfer may stand in the books. Repeating it is safe.
    pub async fn post(&self, transfer: Transfer) -> Result<Posted, PosterError> {
        let mut outcomes = self.post_group(vec![transfer]).await?;
        let outcome = outcomes.pop().ok_or(PosterError::Lost)?;
        Ok(outcome?)
    }

    /// Posts the transfers of one caller in one transaction, in order, each on
    /// what the ones before it left; one outcome per transfer, as
    /// [`crate::Ledger::post`]. They stay together, but one of them may be
    /// refused without the others.
    ///
    /// # Errors
    /// As [`Poster::post`], for all of them; no refusal is among these.
    pub async fn post_group(&self, transfers: Vec<Transfer>) -> Result<Outcomes, PosterError> {
        let deadline = self.shared.batches.config.deadline;
        self.post_group_within(transfers, deadline).await
    }

    /// As [`Poster::post_group`], with a deadline of its own; one beyond
    /// [`PosterConfig::LONGEST_WAIT`] counts as that.
    ///
    /// # Errors
    /// As [`Poster::post_group`].
    pub async fn post_group_within(
        &self,
        transfers: Vec<Transfer>,
        within: Duration,
    ) -> Result<Outcomes, PosterError> {
        if transfers.is_empty() {
            return Ok(Vec::new());
        }
        let deadline = Instant::now() + within.min(PosterConfig::LONGEST_WAIT);
        let (answer, answered) = oneshot::channel();
        let admitted = self.admit(Group {
            transfers,
            arrived: Instant::now(),
            deadline,
            answer,
        });
        if let Err(error) = admitted {
            ::metrics::counter!(metrics::POSTER_GROUPS, "outcome" => error.kind()).increment(1);
            return Err(error);
        }
        match tokio::time::timeout_at(deadline, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_gone)) => Err(PosterError::Lost),
            Err(_elapsed) => Err(PosterError::TimedOut),
        }
    }

    /// How many groups wait for a transaction now.
    pub fn waiting(&self) -> usize {
        self.shared.queue.len()
    }

    fn admit(&self, group: Group) -> Result<(), PosterError> {
        let config = &self.shared.batches.config;
        let (transfers, legs) = (group.transfers.len(), legs(&group.transfers));
        if transfers > config.max_batch || legs > config.queue_legs {
            return Err(PosterError::TooLarge {
                transfers,
                legs,
                max_transfers: config.max_batch,
                max_legs: config.queue_legs,
            });
        }
        self.shared.queue.push(group)
    }

    /// Posts until `shutdown`, then drains: no one is admitted any more
    /// ([`PosterError::Stopped`]), what waits is posted within `drain`, and
    /// whoever is left then hears `Stopped`, or `Lost` if its transaction was
    /// under way. When it returns everyone has an answer; the poster is of no
    /// use afterwards. A second call waits for the first and returns.
    ///
    /// Dropping the future stops at once, with the same answers.
    pub async fn run(&self, shutdown: CancellationToken) {
        let _alone = self.shared.running.lock().await;
        let queue = &self.shared.queue;
        let _answers_the_rest = RefuseAll(queue);
        let batches = &self.shared.batches;
        let work = async {
            while queue.wait().await {
                batches.post(queue.take(batches.config.max_batch)).await;
            }
        };
        let stop = async {
            shutdown.cancelled().await;
            queue.close();
            tokio::time::sleep(batches.config.drain).await;
        };
        tokio::select! {
            () = work => {}
            () = stop => {
                tracing::warn!("the poster could not post everything before the end of its drain");
            }
        }
    }
}

/// However `run` ends, by return, panic or a dropped future, no caller waits on.
struct RefuseAll<'q>(&'q Queue);

impl Drop for RefuseAll<'_> {
    fn drop(&mut self) {
        self.0.refuse_all();
    }
}

impl fmt::Debug for Poster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poster")
            .field("config", &self.shared.batches.config)
            .finish_non_exhaustive()
    }
}
